package synth_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/ctwo-go/c2/internal/synth"
)

// invoke makes an Invoker of a function.
type invoke func(method int, args []reflect.Value) []reflect.Value

func (f invoke) Invoke(method int, args []reflect.Value) []reflect.Value { return f(method, args[1:]) }

// synthesise is New for tests, which are skipped where it is not supported; that it is supported where it
// should be is for TestSupported to say.
func synthesise(t testing.TB, iface reflect.Type, inv synth.Invoker) reflect.Value {
	t.Helper()
	v, err := synth.New(iface, inv)
	if errors.Is(err, synth.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// implement returns a synthesised T.
func implement[T any](t testing.TB, f invoke) T {
	t.Helper()
	return synthesise(t, reflect.TypeFor[T](), f).Interface().(T)
}

// returning makes an invoker that always returns the given values. Each must have its result's exact type.
func returning(results ...any) invoke {
	var out []reflect.Value
	for _, r := range results {
		out = append(out, reflect.ValueOf(r))
	}
	return func(int, []reflect.Value) []reflect.Value { return out }
}

// onFreshStack runs f in a goroutine of its own, whose stack is small, and waits for it.
func onFreshStack(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// growStack uses depth KiB of stack, so that a small one is moved.
func growStack(depth int) byte {
	var frame [1 << 10]byte
	frame[depth] = byte(depth)
	if depth == 0 {
		return frame[0]
	}
	return growStack(depth-1) + frame[depth]
}
