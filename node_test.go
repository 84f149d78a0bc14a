package c2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func socketOf(node *c2.Node) string { return strings.TrimPrefix(node.Address(), "ipc://") }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestTheFirstResourceBindsTheAddress(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	if exists(socketOf(server)) {
		t.Fatal("a node without resources listens")
	}
	_, err := c2.Connect[Counter](t.Context(), "counter", c2.On(client), c2.At(server.Address()))
	wantError(t, err, c2.ErrUnavailable, "counter", server.Address())
	register[Counter](t, server, "counter", &counter{})
	if _, err := connect[Counter](t, client, "counter", c2.At(server.Address())).Value(t.Context()); err != nil {
		t.Error(err)
	}
	if exists(socketOf(client)) {
		t.Error("a node that only connects listens")
	}
	shutdown(t, server)
	if exists(socketOf(server)) {
		t.Error("the socket's file is left after Shutdown")
	}
}

func TestAddressInUse(t *testing.T) {
	leaktest.Check(t)
	first := newNode(t)
	register[Counter](t, first, "counter", &counter{})
	second := newNode(t, c2.Address(first.Address()))
	c := &counter{}
	err := c2.Register[Counter]("other", c, c2.On(second))
	wantError(t, err, c2.ErrBusy, "other", first.Address(), "another server listens there", "use another address")
	if list := second.Resources(); len(list) > 0 {
		t.Errorf("the node that can't listen has %v", list)
	}
	wantError(t, second.Serve(t.Context()), c2.ErrBusy, "another server listens there")
	shutdown(t, first)
	register[Counter](t, second, "other", c)
}

func TestAddressThatCanNotBe(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/file.sock"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, test := range map[string]struct {
		is   error
		says string
	}{
		"ipc://" + dir + "/none/x.sock": {c2.ErrUnavailable, "no such file or directory"},
		"ipc://" + file:                 {c2.ErrInvalid, "is no socket"},
	} {
		err := c2.Register[Counter]("counter", &counter{}, c2.On(newNode(t, c2.Address(address))))
		wantError(t, err, test.is, "counter", address, test.says)
	}
}

func TestAfterShutdown(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t)
	register[Counter](t, server, "counter", &counter{})
	node := newNode(t)
	register[Counter](t, node, "counter", &counter{})
	near, far := connect[Counter](t, node, "counter"), connect[Counter](t, node, "counter", c2.At(server.Address()))
	if err := errors.Join(call(near), call(far)); err != nil {
		t.Fatal(err)
	}
	shutdown(t, node)
	if list := node.Resources(); len(list) > 0 {
		t.Errorf("the node has %v", list)
	}
	_, connected := c2.Connect[Counter](t.Context(), "counter", c2.On(node))
	_, connectedFar := c2.Connect[Counter](t.Context(), "counter", c2.On(node), c2.At(server.Address()))
	_, dynamic := c2.ConnectDynamic(t.Context(), "counter", c2.On(node))
	_, listed := c2.List(t.Context(), c2.On(node))
	for name, err := range map[string]error{
		"Register":       c2.Register[Counter]("counter", &counter{}, c2.On(node)),
		"Connect":        connected,
		"Connect by ipc": connectedFar,
		"ConnectDynamic": dynamic,
		"List":           listed,
		"Serve":          node.Serve(t.Context()),
		"a call":         call(near),
		"a call by ipc":  call(far),
	} {
		t.Run(name, func(t *testing.T) { wantError(t, err, c2.ErrClosed) })
	}
	wantError(t, c2.Unregister(t.Context(), "counter", c2.On(node)), c2.ErrNotFound)
}

func call(c Counter) error {
	_, err := c.Value(context.Background())
	return err
}

// hookedCounter is a resource that notes its Shutdown in a list that it shares with others.
type hookedCounter struct {
	counter
	name  string
	ended *[]string
	hook  func(context.Context) error
}

func (h *hookedCounter) Shutdown(ctx context.Context) error {
	*h.ended = append(*h.ended, h.name)
	if h.hook != nil {
		return h.hook(ctx)
	}
	return nil
}

// closable is a resource whose Shutdown is none that a node calls.
type closable struct{ counter }

func (*closable) Shutdown() error { panic("this is no hook") }

// TestShutdownThatIsNotCalledIsLogged: a hook of another signature would never be missed, unless it is a method of the contract.
func TestShutdownThatIsNotCalledIsLogged(t *testing.T) {
	leaktest.Check(t)
	var log bytes.Buffer
	node := newNode(t, c2.Logger(zerolog.New(&log)))
	register[Counter](t, node, "plain", &counter{})
	register[Counter](t, node, "hooked", &hookedCounter{ended: new([]string)})
	register[interface{ Shutdown() error }](t, node, "contract", &closable{})
	if strings.Contains(log.String(), "is not called") {
		t.Errorf("logged %s, where there is nothing to say", log.String())
	}
	register[Counter](t, node, "closable", &closable{})
	for _, want := range []string{`"level":"warn"`, `"resource":"closable"`, `"has":"Shutdown() error"`, "Shutdown(context.Context) error"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in the log: %s", want, log.String())
		}
	}
	if err := node.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestShutdownHooks(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	var ended []string
	errDisk, errNet := errors.New("disk"), errors.New("net")
	hooks := []func(context.Context) error{
		nil,
		func(context.Context) error { return errDisk },
		func(context.Context) error { panic("the hook is loose") },
		func(ctx context.Context) error { return errors.Join(errNet, ctx.Err()) },
		nil,
	}
	for i, hook := range hooks {
		name := string(rune('z' - i)) // in an order that is not that of the names
		register[Counter](t, node, name, &hookedCounter{name: name, ended: &ended, hook: hook})
	}
	if err := c2.Unregister(t.Context(), "z", c2.On(node)); err != nil {
		t.Fatal(err)
	}
	register[Counter](t, node, "a", &hookedCounter{name: "a", ended: &ended})
	err := node.Shutdown(t.Context())
	if !errors.Is(err, errDisk) || !errors.Is(err, errNet) {
		t.Errorf("the errors of hooks are not in %v", err)
	}
	wantError(t, err, c2.ErrInternal, "x.Shutdown", "the hook is loose")
	if want := []string{"z", "a", "v", "w", "x", "y"}; !slices.Equal(ended, want) {
		t.Errorf("the hooks ran in the order %v, want %v: those registered last first", ended, want)
	}
	if err := node.Shutdown(t.Context()); err != nil {
		t.Errorf("a second Shutdown: %v", err)
	}
	if len(ended) != 6 {
		t.Errorf("a second Shutdown ran hooks again: %v", ended)
	}
}

func TestShutdownWaitsForCalls(t *testing.T) {
	for place, far := range map[string]bool{"in process": false, "by ipc": true} {
		t.Run(place, func(t *testing.T) {
			leaktest.Check(t)
			server := newNode(t)
			w := newWaiter()
			register[Waiter](t, server, "waiter", w)
			var c Waiter
			if far {
				c = connect[Waiter](t, newNode(t), "waiter", c2.At(server.Address()))
			} else {
				c = connect[Waiter](t, server, "waiter")
			}
			end, down := make(chan error, 1), make(chan error, 1)
			go func() { end <- c.Wait(within(t)) }()
			<-w.entered
			go func() { down <- server.Shutdown(within(t)) }()
			// The node is closed before it waits.
			for !errors.Is(c2.Register[Counter]("late", &counter{}, c2.On(server)), c2.ErrClosed) {
				if err := c2.Unregister(t.Context(), "late", c2.On(server)); err != nil && !errors.Is(err, c2.ErrNotFound) {
					t.Fatal(err)
				}
			}
			select {
			case err := <-down:
				t.Fatalf("Shutdown did not wait for the call: %v", err)
			default:
			}
			close(w.gate)
			if err := <-end; err != nil {
				t.Errorf("the call in flight: %v", err)
			}
			if err := <-down; err != nil {
				t.Errorf("Shutdown: %v", err)
			}
		})
	}
}

func TestShutdownThatRunsOutOfTime(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t)
	w := newWaiter()
	register[Waiter](t, server, "waiter", w)
	c := connect[Waiter](t, newNode(t), "waiter", c2.At(server.Address()))
	end := make(chan error)
	go func() { end <- c.Wait(within(t)) }()
	<-w.entered
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	err := <-end // the resource's context has ended, so that it returns
	var e *c2.Error
	if !errors.As(err, &e) {
		t.Fatalf("the call ends with %v", err)
	}
	if e.Code != c2.CodeUnavailable || !e.MayHaveRun {
		t.Errorf("the call ends with %v", err)
	}
}

func TestUnregisterWaitsForCalls(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	w := newWaiter()
	register[Waiter](t, node, "waiter", w)
	c := connect[Waiter](t, node, "waiter")
	running, waiting := make(chan error, 1), make(chan error, 1)
	go func() { running <- c.Wait(within(t)) }()
	<-w.entered
	go func() { waiting <- c.Wait(within(t)) }() // a write, that waits for the first one's end

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := c2.Unregister(ctx, "waiter", c2.On(node)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Unregister: %v, want the context's end", err)
	}
	wantError(t, <-waiting, c2.ErrNotFound, "waiter.Wait")
	select {
	case err := <-running:
		t.Errorf("the call that ran was cut off: %v", err)
	default:
	}
	wantError(t, c2.Unregister(t.Context(), "waiter", c2.On(node)), c2.ErrNotFound, "waiter")
	close(w.gate)
	if err := <-running; err != nil {
		t.Errorf("the call that ran: %v", err)
	}
}

// TestUnregisterThenShutdownHook: the hook comes after the last call.
func TestUnregisterThenShutdownHook(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	r := &busyResource{waiter: newWaiter()}
	register[Waiter](t, node, "waiter", r)
	c := connect[Waiter](t, node, "waiter")
	end := make(chan error)
	go func() { end <- c.Wait(within(t)) }()
	<-r.entered
	gone := make(chan error)
	go func() { gone <- c2.Unregister(within(t), "waiter", c2.On(node)) }()
	for len(node.Resources()) > 0 { // it can't be found before it waits
		runtime.Gosched()
	}
	close(r.gate)
	if err := errors.Join(<-end, <-gone); err != nil {
		t.Error(err)
	}
	if r.early.Load() || !r.ended.Load() {
		t.Errorf("the hook ran: %t, beside a call: %t", r.ended.Load(), r.early.Load())
	}
}

// busyResource notes whether its hook runs beside a call.
type busyResource struct {
	*waiter
	running      atomic.Int32
	early, ended atomic.Bool
}

func (r *busyResource) Wait(ctx context.Context) error {
	r.running.Add(1)
	defer r.running.Add(-1)
	return r.waiter.Wait(ctx)
}

func (r *busyResource) Shutdown(context.Context) error {
	r.early.Store(r.running.Load() > 0)
	r.ended.Store(true)
	return nil
}

func TestServe(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	var ended []string
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	go func() { served <- node.Serve(ctx) }()
	register[Counter](t, node, "counter", &hookedCounter{name: "counter", ended: &ended})
	client := newNode(t)
	if err := call(connect[Counter](t, client, "counter", c2.At(node.Address()))); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if len(ended) != 1 {
		t.Errorf("the hook ran %d times", len(ended))
	}
	wantError(t, node.Serve(t.Context()), c2.ErrClosed)
}

// TestServeEndsWithShutdown: nobody serves a node that someone else has shut down.
func TestServeEndsWithShutdown(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	served := make(chan error)
	go func() { served <- node.Serve(within(t)) }()
	for !exists(socketOf(node)) {
		runtime.Gosched()
	}
	shutdown(t, node)
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestShutdownTwiceAtOnce: who calls it second may end the program when it returns, so it waits for the first.
func TestShutdownTwiceAtOnce(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	hooked, open := make(chan struct{}), make(chan struct{})
	var ended []string
	register[Counter](t, node, "counter", &hookedCounter{ended: &ended, hook: func(context.Context) error {
		close(hooked)
		<-open
		return nil
	}})
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- node.Shutdown(within(t)) }()
	<-hooked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := node.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a second Shutdown whose context has ended: %v", err)
	}
	go func() { second <- node.Shutdown(within(t)) }()
	close(open)
	if err := errors.Join(<-second, <-first); err != nil {
		t.Error(err)
	}
	if len(ended) != 1 {
		t.Errorf("the hook ran %d times", len(ended))
	}
}

// TestProxyAsResource: what came from Connect is a resource like any other, and the node a gateway.
func TestProxyAsResource(t *testing.T) {
	leaktest.Check(t)
	origin, gateway, client := newNode(t), newNode(t), newNode(t)
	register[Counter](t, origin, "counter", &counter{})
	register[Counter](t, gateway, "interface", connect[Counter](t, gateway, "counter", c2.At(origin.Address())))
	register[CounterFuncs](t, gateway, "struct", connect[CounterFuncs](t, gateway, "counter", c2.At(origin.Address())))
	for i, name := range []string{"interface", "struct"} {
		c := connect[interface {
			Increment(ctx context.Context, by int) (int, error)
		}](t, client, name, c2.At(gateway.Address()))
		if n, err := c.Increment(t.Context(), 1); n != i+1 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if i == 1 {
			shutdown(t, origin)
			_, err := c.Increment(t.Context(), 1)
			wantError(t, err, c2.ErrUnavailable, "counter.Increment")
		}
	}
}

// TestConnectWithAContextThatHasEnded: it is the same wherever the resource is.
func TestConnectWithAContextThatHasEnded(t *testing.T) {
	server := newNode(t)
	register[Counter](t, server, "counter", &counter{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, opts := range [][]c2.ConnectOption{{c2.On(server)}, {c2.On(newNode(t)), c2.At(server.Address())}} {
		if _, err := c2.Connect[Counter](ctx, "counter", opts...); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestServeDrainsForSoLong(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t, c2.DrainTimeout(10*time.Millisecond))
	w := newWaiter()
	register[Waiter](t, node, "waiter", w)
	c := connect[Waiter](t, newNode(t), "waiter", c2.At(node.Address()))
	ctx, cancel := context.WithCancel(t.Context())
	served, end := make(chan error), make(chan error)
	go func() { served <- node.Serve(ctx) }()
	go func() { end <- c.Wait(within(t)) }()
	<-w.entered
	cancel()
	if err := <-served; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Serve: %v", err)
	}
	wantError(t, <-end, c2.ErrUnavailable)
}

// Sum is the contract of a resource that stands on others.
type Sum interface {
	Sum(ctx context.Context, by int) (int, error)
}

// sum adds to every counter it knows.
type sum struct {
	counters []Counter
	entered  chan struct{} // where set, each call says so and waits for gate
	gate     chan struct{}
	last     int
}

func (s *sum) Sum(ctx context.Context, by int) (total int, err error) {
	if s.entered != nil {
		s.entered <- struct{}{}
		<-s.gate
	}
	for _, c := range s.counters {
		n, err := c.Increment(ctx, by)
		if err != nil {
			return 0, fmt.Errorf("adding up: %w", err)
		}
		total += n
	}
	return total, nil
}

// Shutdown calls what the resource stands on once more.
func (s *sum) Shutdown(ctx context.Context) (err error) {
	s.last, err = s.Sum(ctx, 1)
	return err
}

// TestResourcesThatCallResources: of the same node and of another, in a call, in one that Shutdown waits for, and in
// the hook. What was registered first is still there for what was registered later.
func TestResourcesThatCallResources(t *testing.T) {
	leaktest.Check(t)
	other, server := newNode(t), newNode(t)
	register[Counter](t, other, "far", &counter{})
	register[Counter](t, server, "near", &counter{})
	s := &sum{counters: []Counter{
		connect[Counter](t, server, "near"),
		connect[Counter](t, server, "far", c2.At(other.Address())),
	}}
	register[Sum](t, server, "sum", s)
	caller := connect[Sum](t, newNode(t), "sum", c2.At(server.Address()))
	if n, err := caller.Sum(t.Context(), 5); n != 10 || err != nil {
		t.Fatalf("Sum: %d, %v, want 10", n, err)
	}

	s.entered, s.gate = make(chan struct{}), make(chan struct{})
	type result struct {
		n   int
		err error
	}
	end, down := make(chan result), make(chan error)
	go func() {
		n, err := caller.Sum(within(t), 5)
		end <- result{n, err}
	}()
	<-s.entered
	s.entered = nil
	go func() { down <- server.Shutdown(within(t)) }()
	for { // until the server takes no more connections
		_, err := c2.List(t.Context(), c2.On(server))
		if errors.Is(err, c2.ErrClosed) {
			break
		}
	}
	close(s.gate)
	if r := <-end; r.n != 20 || r.err != nil {
		t.Errorf("a call that Shutdown waits for: %d, %v, want 20", r.n, r.err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if s.last != 22 {
		t.Errorf("the hook got %d, want 22", s.last)
	}
}

func TestResources(t *testing.T) {
	node := newNode(t)
	for _, name := range []string{"b", "a/b c", "ü", "a"} {
		register[Counter](t, node, name, &counter{}, c2.Concurrency(c2.Exclusive))
	}
	list, err := c2.List(t.Context(), c2.On(newNode(t)), c2.At(node.Address()))
	if err != nil {
		t.Fatal(err)
	}
	for place, list := range map[string][]c2.Descriptor{"the node itself": node.Resources(), "by ipc": list} {
		var names []string
		for _, d := range list {
			names = append(names, d.Name)
			if d.Contract != "Counter" || d.Concurrency != "exclusive" || len(d.Methods) != 3 || d.Namespace != "" {
				t.Errorf("%s: the descriptor is %+v", place, d)
			}
		}
		if want := []string{"a", "a/b c", "b", "ü"}; !slices.Equal(names, want) {
			t.Errorf("%s: the names are %q, want %q", place, names, want)
		}
	}
}

// TestEverythingAtOnce: resources come and go while others connect and call. Each call ends in one of the ways that there
// are, and at the end nothing is left.
func TestEverythingAtOnce(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	register[Counter](t, server, "stays", &counter{})
	var wg sync.WaitGroup
	for i := range 4 {
		name := fmt.Sprint("r", i%2)
		wg.Go(func() { // two compete for each name
			for range 50 {
				err := c2.Register[Counter](name, &counter{}, c2.On(server))
				if err != nil && !errors.Is(err, c2.ErrInvalid) {
					t.Errorf("Register: %v", err)
				}
				err = c2.Unregister(within(t), name, c2.On(server))
				if err != nil && !errors.Is(err, c2.ErrNotFound) {
					t.Errorf("Unregister: %v", err)
				}
			}
		})
		for _, opts := range [][]c2.ConnectOption{{c2.On(server)}, {c2.On(client), c2.At(server.Address())}} {
			wg.Go(func() {
				for range 50 {
					c, err := c2.Connect[Counter](within(t), name, opts...)
					if err == nil {
						_, err = c.Increment(within(t), 1)
						c2.Close(c)
					}
					if err != nil && !errors.Is(err, c2.ErrNotFound) && !errors.Is(err, c2.ErrUnavailable) {
						t.Errorf("Connect and Increment: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	if list := server.Resources(); len(list) != 1 {
		t.Errorf("the server has %v", list)
	}
	if err := call(connect[Counter](t, client, "stays", c2.At(server.Address()))); err != nil {
		t.Error(err)
	}
}

func TestCloseOfWhatIsNoConnection(t *testing.T) {
	for _, v := range []any{nil, 1, &counter{}, CounterFuncs{}, &CounterFuncs{}, (*c2.Caller)(nil)} {
		wantError(t, c2.Close(v), c2.ErrInvalid, fmt.Sprintf("Close(%T)", v), "did not come from Connect")
	}
}
