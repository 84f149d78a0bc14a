package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// The methods of the test handler.
const (
	methodEcho  = iota // returns its arguments
	methodBlock        // until its context ends; returns that error
	methodFail         // an error with names
	methodGoexit
	methodSize // returns as many bytes as its arguments say
	methodHold // until release is closed, whatever the context says
	methodTake // gives its arguments to take, which keeps them
)

// handler is a Handler whose methods do what their names say, and which tells what it did.
type handler struct {
	entered chan struct{} // one value for each call of methodBlock and methodHold that began
	release chan struct{}
	take    func(*ipc.Payload)
	mu      sync.Mutex
	ends    []error // how the contexts of methodBlock ended
}

func newHandler() *handler {
	return &handler{entered: make(chan struct{}, 1024), release: make(chan struct{})}
}

func (h *handler) ServeCall(ctx context.Context, call *ipc.Call) (*ipc.Payload, error) {
	args := call.Take()
	if call.Method == methodTake {
		h.take(args)
		return call.Encode(ipc.Bytes(nil))
	}
	defer args.Release()
	switch call.Method {
	case methodBlock:
		h.entered <- struct{}{}
		<-ctx.Done()
		h.mu.Lock()
		h.ends = append(h.ends, ctx.Err())
		h.mu.Unlock()
		return nil, ctx.Err()
	case methodHold:
		h.entered <- struct{}{}
		<-h.release
	case methodFail:
		return nil, &ipc.Error{Code: ipc.CodeResource, Message: "no luck", Names: []string{"bank.overdrawn", "x"}}
	case methodGoexit:
		runtimeGoexit()
	case methodSize:
		n := 0
		fmt.Sscan(string(args.Bytes()), &n)
		return call.Encode(ipc.Bytes(make([]byte, n)))
	}
	return call.Encode(ipc.Bytes(args.Bytes()))
}

func (h *handler) endings() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]error(nil), h.ends...)
}

// lost collects what a server tells of its connections.
type lost struct {
	mu   sync.Mutex
	errs []error
}

func (l *lost) add(err error) {
	l.mu.Lock()
	l.errs = append(l.errs, err)
	l.mu.Unlock()
}

func (l *lost) all() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]error(nil), l.errs...)
}

type fixture struct {
	*testing.T
	address string
	path    string
	handler *handler
	server  *ipc.Server
	lost    *lost
}

// serve starts a server that ends with the test.
func serve(t *testing.T, config ipc.Config) *fixture {
	t.Helper()
	path := t.TempDir() + "/s.sock"
	f := &fixture{T: t, address: "ipc://" + path, path: path, handler: newHandler(), lost: &lost{}}
	config.ConnLost = f.lost.add
	var err error
	if f.server, err = ipc.Listen(f.address, f.handler, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.server.Close)
	return f
}

func (f *fixture) client(config ipc.Config) *ipc.Client {
	c := ipc.NewClient(f.address, config)
	f.Cleanup(c.Close)
	return c
}

// raw connects without shaking hands.
func (f *fixture) raw() net.Conn {
	f.Helper()
	c, err := net.Dial("unix", f.path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// works makes sure that the server still serves.
func (f *fixture) works() {
	f.Helper()
	c := ipc.NewClient(f.address, ipc.Config{})
	defer c.Close()
	if err := echo(f.Context(), c, []byte("still there?")); err != nil {
		f.Errorf("the server no longer serves: %v", err)
	}
}

// lostOne waits until the server has told of exactly one lost connection.
func (f *fixture) lostOne() error {
	f.Helper()
	await.True(f, "the server tells of a lost connection", func() bool { return len(f.lost.all()) > 0 })
	if all := f.lost.all(); len(all) != 1 {
		f.Fatalf("the server told of %d lost connections, want 1: %v", len(all), all)
	}
	return f.lost.all()[0]
}

func echo(ctx context.Context, c *ipc.Client, data []byte) error {
	p, err := c.Call(ctx, ipc.Request{Method: methodEcho, Args: ipc.Bytes(data)})
	if err != nil {
		return err
	}
	defer p.Release()
	if !bytes.Equal(p.Bytes(), data) {
		return fmt.Errorf("%d bytes came back changed, or as %d", len(data), len(p.Bytes()))
	}
	return nil
}

func call(ctx context.Context, c *ipc.Client, method uint32) error {
	p, err := c.Call(ctx, ipc.Request{Method: method, Args: ipc.Bytes(nil)})
	if err == nil {
		p.Release()
	}
	return err
}

func wantCode(t testing.TB, err error, want ipc.Code) *ipc.Error {
	t.Helper()
	var e *ipc.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Fatalf("got error %v (%T), want code %q", err, err, want)
	}
	return e
}

// pattern is n bytes that are not all alike.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i>>8) ^ byte(i*7)
	}
	return b
}

func readAll(c io.Reader) ([]byte, error) { return io.ReadAll(c) }
