package c2_test

import (
	"context"
	"reflect"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/race"
)

// Adder is the contract of the benchmarks: a method with two small arguments.
type Adder interface {
	GetSum(ctx context.Context, a, b int) (int, error)
}

type adder struct{}

func (*adder) GetSum(_ context.Context, a, b int) (int, error) { return a + b, nil }

// AdderFuncs is Adder as a struct of funcs.
type AdderFuncs struct {
	GetSum func(ctx context.Context, a, b int) (int, error)
}

// StubbedAdder is Adder with a stub.
type StubbedAdder interface {
	GetSum(ctx context.Context, a, b int) (int, error)
}

type adderStub struct{ *c2.Caller }

func (s adderStub) GetSum(ctx context.Context, a, b int) (sum int, err error) {
	err = s.Call(ctx, "GetSum", []any{&sum}, a, b)
	return sum, err
}

var _ = c2.RegisterStub(func(c *c2.Caller) StubbedAdder { return adderStub{c} })

// locked is the least that keeps reads and writes apart.
type locked struct {
	mu sync.RWMutex
	Adder
}

func (l *locked) GetSum(ctx context.Context, a, b int) (int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.Adder.GetSum(ctx, a, b)
}

// reflected calls the adder as a proxy must: by a function made at run time, on to a method found at run time.
func reflected() func(context.Context, int, int) (int, error) {
	method := reflect.ValueOf(Adder(&adder{})).MethodByName("GetSum")
	made := reflect.MakeFunc(method.Type(), func(args []reflect.Value) []reflect.Value { return method.Call(args) })
	return made.Interface().(func(context.Context, int, int) (int, error))
}

// BenchmarkLocalCall times a call in the resource's own process. Beside it stand its floors: the plain call, the call
// under a lock, and the bare reflection without which no interface is implemented at run time.
func BenchmarkLocalCall(b *testing.B) {
	node, err := c2.NewNode(c2.Address("ipc://"+b.TempDir()+"/n.sock"), c2.Logger(zerolog.Nop()))
	if err != nil {
		b.Fatal(err)
	}
	defer shutdown(b, node)
	register[Adder](b, node, "adder", &adder{})
	for _, call := range []struct {
		name string
		fn   func(context.Context, int, int) (int, error)
	}{
		{"floor-direct", Adder(&adder{}).GetSum},
		{"floor-rwmutex", (&locked{Adder: &adder{}}).GetSum},
		{"floor-reflect", reflected()},
		{"interface", connect[Adder](b, node, "adder").GetSum},
		{"struct", connect[AdderFuncs](b, node, "adder").GetSum},
		{"stub", connect[StubbedAdder](b, node, "adder").GetSum},
	} {
		b.Run(call.name, func(b *testing.B) {
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := call.fn(ctx, 1, 2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	adder := connect[Adder](b, node, "adder")
	b.Run("interface-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := adder.GetSum(context.Background(), 1, 2); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// TestLocalCallAllocations holds what is promised of a call in the resource's own process with two small arguments.
func TestLocalCallAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("allocations are others under the race detector")
	}
	node := newNode(t)
	register[Adder](t, node, "adder", &adder{})
	adder := connect[Adder](t, node, "adder")
	ctx := t.Context()
	got := testing.AllocsPerRun(1000, func() {
		if _, err := adder.GetSum(ctx, 1000, 2000); err != nil {
			t.Error(err)
		}
	})
	if got > 10 {
		t.Errorf("%v allocations a call, want 10 at most", got)
	}
}
