package funcid_test

import (
	"reflect"
	"runtime"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/funcid"
)

type owner struct {
	n int
	_ *int // keeps it out of the blocks that small objects without pointers share
}

func makeFunc(o *owner) reflect.Value {
	t := reflect.TypeFor[func() int]()
	return reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(o.n)} })
}

func TestLoadFindsTheOwner(t *testing.T) {
	var m funcid.Map[owner]
	owners := make([]*owner, 100)
	fns := make([]func() int, len(owners))
	for i := range owners {
		owners[i] = &owner{n: i}
		fn := makeFunc(owners[i])
		m.Store(fn, owners[i])
		fns[i] = fn.Interface().(func() int) // as a user's copy of a struct would have it
	}
	for i, fn := range fns {
		if got := m.Load(reflect.ValueOf(fn)); got != owners[i] {
			t.Fatalf("function %d belongs to %v, want %v", i, got, owners[i])
		}
	}
	if got := m.Load(makeFunc(owners[0])); got != nil {
		t.Errorf("a function that was never stored belongs to %v", got)
	}
}

func TestLoadOfWhatIsNoFunction(t *testing.T) {
	var m funcid.Map[owner]
	for _, v := range []any{1, "x", (func())(nil), struct{}{}, nil} {
		if got := m.Load(reflect.ValueOf(v)); got != nil {
			t.Errorf("Load(%T) = %v, want nil", v, got)
		}
	}
}

func TestEntriesDoNotKeepOwnersAlive(t *testing.T) {
	var m funcid.Map[owner]
	freed := make(chan struct{})
	func() {
		o := &owner{n: 1}
		runtime.AddCleanup(o, func(int) { close(freed) }, 0)
		m.Store(makeFunc(o), o)
	}()
	deadline := time.After(10 * time.Second)
	for {
		runtime.GC()
		select {
		case <-freed:
			return
		case <-deadline:
			t.Fatal("an owner that nothing refers to was not collected")
		default:
		}
	}
}
