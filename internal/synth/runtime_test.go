package synth_test

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/synth"
)

// These tests disturb the runtime in the middle of a call: its collector, stacks, unwinder, signals.

type worker interface {
	Work(p *int, s string, rest [3]*int) (*int, error)
}

// working makes a worker that runs during before it answers with the sum behind the pointers.
func working(t testing.TB, during func()) worker {
	return implement[worker](t, func(_ int, args []reflect.Value) []reflect.Value {
		during()
		sum := *args[0].Interface().(*int) + args[1].Len()
		for _, p := range args[2].Interface().([3]*int) {
			sum += *p
		}
		during()
		return []reflect.Value{reflect.ValueOf(&sum), reflect.Zero(reflect.TypeFor[error]())}
	})
}

// useWorker makes one call, with pointers to both the heap and this stack, at the given depth of the stack.
func useWorker(w worker, depth, n int) bool {
	if depth > 0 {
		return useWorker(w, depth-1, n)
	}
	local := n
	on := &local
	sum, err := w.Work(ptr(n), strings.Repeat("x", n), [3]*int{ptr(1), ptr(2), ptr(3)})
	return err == nil && *sum == 2*n+6 && *on == n
}

//go:noinline
func ptr(n int) *int { return &n }

func TestCollectionInsideCall(t *testing.T) {
	w := working(t, runtime.GC)
	for n := range 20 {
		if !useWorker(w, 0, n) {
			t.Fatalf("call %d went wrong", n)
		}
	}
}

func TestStackGrowthInsideCall(t *testing.T) {
	w := working(t, func() { growStack(500) })
	for depth := range 200 { // somewhere here the stack's end falls inside the call
		var ok bool
		onFreshStack(func() { ok = useWorker(w, depth, depth) })
		if !ok {
			t.Fatalf("the call at depth %d went wrong", depth)
		}
	}
}

func TestStackGrowthInCallers(t *testing.T) {
	var ok bool
	w := working(t, func() {})
	onFreshStack(func() { ok = useWorker(w, 10_000, 7) })
	if !ok {
		t.Error("the call went wrong")
	}
}

func TestStackShrinksInsideCall(t *testing.T) {
	w := working(t, runtime.GC)
	var ok bool
	onFreshStack(func() {
		growStack(500)
		ok = useWorker(w, 3, 7)
	})
	if !ok {
		t.Error("the call went wrong")
	}
}

func TestNestedCalls(t *testing.T) {
	type nest interface {
		Down(n int, s string) (int, string)
	}
	var p nest
	p = implement[nest](t, func(_ int, args []reflect.Value) []reflect.Value {
		n, s := int(args[0].Int()), args[1].String()
		if n == 0 {
			return []reflect.Value{reflect.ValueOf(0), reflect.ValueOf(s)}
		}
		m, s := p.Down(n-1, s+"x")
		return []reflect.Value{reflect.ValueOf(m + 1), reflect.ValueOf(s)}
	})
	if n, s := p.Down(1000, ""); n != 1000 || len(s) != 1000 {
		t.Errorf("1000 levels give %d, %d", n, len(s))
	}
}

func TestPanicReachesTheCaller(t *testing.T) {
	boom := errors.New("boom")
	w := working(t, func() { panic(boom) })
	defer func() {
		if got := recover(); got != boom {
			t.Errorf("recovered %v", got)
		}
		trace := string(debug.Stack())
		for _, f := range []string{"TestPanicReachesTheCaller", "useWorker", "synth.closures.func1"} {
			if !strings.Contains(trace, f) {
				t.Errorf("the traceback lacks %s:\n%s", f, trace)
			}
		}
	}()
	useWorker(w, 0, 1)
	t.Error("the call returned")
}

func TestGoexitInsideCall(t *testing.T) {
	w := working(t, runtime.Goexit)
	returned, unwound := false, false
	onFreshStack(func() {
		defer func() { unwound = recover() == nil }()
		useWorker(w, 0, 1)
		returned = true
	})
	if returned || !unwound {
		t.Errorf("the call returned: %v, deferred functions ran: %v", returned, unwound)
	}
}

func TestCallersSeeTheCaller(t *testing.T) {
	var names []string
	w := working(t, func() {
		pcs := make([]uintptr, 64)
		frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			names = append(names, f.Function)
		}
	})
	useWorker(w, 0, 1)
	if trace := strings.Join(names, "\n"); !strings.Contains(trace, "useWorker") || !strings.Contains(trace, "TestCallersSeeTheCaller") {
		t.Errorf("the callers are\n%s", trace)
	}
}

func TestConcurrentCalls(t *testing.T) {
	const goroutines, calls = 100, 1000
	var count atomic.Int64
	w := working(t, func() { count.Add(1) })
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for range calls {
				if !useWorker(w, g%8, g) {
					t.Error("a call went wrong")
					return
				}
			}
		})
	}
	group.Wait()
	if got := count.Load(); got != 2*goroutines*calls {
		t.Errorf("%d calls arrived of %d", got/2, goroutines*calls)
	}
}

func TestConcurrentNew(t *testing.T) {
	type fresh interface{ ID() int }
	types := make([]reflect.Type, 50)
	var group sync.WaitGroup
	for i := range types {
		group.Go(func() {
			v, err := synth.New(reflect.TypeFor[fresh](), returning(i))
			if err != nil {
				return // unsupported: the first element stays nil
			}
			types[i] = v.Type()
			if got := v.Interface().(fresh).ID(); got != i {
				t.Errorf("value %d answers %d", i, got)
			}
		})
	}
	group.Wait()
	for i, typ := range types {
		if typ != types[0] {
			t.Errorf("value %d has the type %v, the first %v", i, typ, types[0])
		}
	}
}

func TestDroppedValueIsCollected(t *testing.T) {
	type owner struct {
		invoke
		payload *[1 << 16]byte
	}
	gone := make(chan struct{}, 1)
	func() {
		o := &owner{invoke: echo, payload: new([1 << 16]byte)}
		runtime.AddCleanup(o, func(c chan struct{}) { c <- struct{}{} }, gone)
		p := synthesise(t, reflect.TypeFor[kinds](), o).Interface().(kinds)
		p.Nothing()
		runtime.GC()
		select {
		case <-gone:
			t.Error("collected while in use")
		default:
		}
		runtime.KeepAlive(p)
	}()
	runtime.GC() // finds it dead and queues the cleanup
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("a dropped value and its invoker are still there")
	}
}

func TestHeldValueKeepsItsInvoker(t *testing.T) {
	type owner struct{ invoke }
	gone := make(chan struct{})
	o := &owner{returning(7)}
	runtime.AddCleanup(o, func(c chan struct{}) { close(c) }, gone)
	p := synthesise(t, reflect.TypeFor[interface{ Seven() int }](), o).Interface().(interface{ Seven() int })
	copied := reflect.New(reflect.TypeOf(p)).Elem() // the struct alone, away from what New allocated
	copied.Set(reflect.ValueOf(p))
	o, p = nil, nil
	for range 3 {
		runtime.GC()
	}
	if got := copied.Interface().(interface{ Seven() int }).Seven(); got != 7 {
		t.Errorf("Seven = %d", got)
	}
	select {
	case <-gone:
		t.Error("the invoker was collected while its value was held")
	default:
	}
}

func TestProfilingSignalsInTrampolines(t *testing.T) {
	p := adder(t)
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Skip(err) // the test binary is being profiled itself
	}
	defer pprof.StopCPUProfile()
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range 200_000 {
				if n, err := p.Add(i, 1); n != i+1 || err != nil {
					t.Errorf("Add = %d, %v", n, err)
					return
				}
			}
		})
	}
	group.Wait()
}
