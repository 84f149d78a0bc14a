package c2_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// Waiter is the contract of a resource whose calls last.
type Waiter interface {
	// Wait lasts until the gate is opened, or ctx ends.
	Wait(ctx context.Context) error
}

// waiter says that a call has come by sending on entered. A call whose context ends before anybody hears of it is over, too.
type waiter struct {
	entered chan struct{}
	gate    chan struct{}
}

func newWaiter() *waiter { return &waiter{make(chan struct{}), make(chan struct{})} }

func (w *waiter) Wait(ctx context.Context) error {
	select {
	case w.entered <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.gate:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newNode makes a node that ends with the test, and listens, if at all, in a directory of the test's.
func newNode(t testing.TB, opts ...c2.NodeOption) *c2.Node {
	t.Helper()
	base := []c2.NodeOption{c2.Address("ipc://" + t.TempDir() + "/n.sock"), c2.Logger(zerolog.Nop())}
	node, err := c2.NewNode(append(base, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, node) })
	return node
}

func shutdown(t testing.TB, node *c2.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), await.Limit)
	defer cancel()
	if err := node.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func register[T any](t testing.TB, node *c2.Node, name string, value T, opts ...c2.RegisterOption) {
	t.Helper()
	if err := c2.Register(name, value, append(opts, c2.On(node))...); err != nil {
		t.Fatal(err)
	}
}

// connect connects, through node, to a resource of that node or of the one given by opts.
func connect[T any](t testing.TB, node *c2.Node, name string, opts ...c2.ConnectOption) T {
	t.Helper()
	v, err := c2.Connect[T](t.Context(), name, append(opts, c2.On(node))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c2.Close(v); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return v
}

// within gives the test's context an end that a test which works never meets.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// wantError checks that err is the sentinel's, and that its text has all of says.
func wantError(t testing.TB, err, sentinel error, says ...string) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("got %v, want %v", err, sentinel)
		return
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q is not in the error: %v", s, err)
		}
	}
}
