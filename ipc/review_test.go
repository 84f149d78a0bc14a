package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/ipc"
)

// overstating is a body that says it is larger than it is.
type overstating []byte

func (b overstating) Size(*ipc.Attachments) int { return 100 << 10 }

func (b overstating) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) {
	return append(dst, b...), nil
}

// TestOverstatedSize sends less than was announced, and nothing at all.
func TestOverstatedSize(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	for _, n := range []int{0, 1, 1000} {
		p, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: overstating(pattern(n))})
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !bytes.Equal(p.Bytes(), pattern(n)) {
			t.Errorf("%d bytes came back as %d", n, len(p.Bytes()))
		}
		p.Release()
	}
	if all := f.lost.all(); len(all) > 0 {
		t.Errorf("connections were lost: %v", all)
	}
}

// elsewhere is a body that appends to dst and returns a part of that which does not begin where dst does.
type elsewhere []byte

func (b elsewhere) Size(*ipc.Attachments) int { return len(b) + 1 }

func (b elsewhere) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) {
	return append(append(dst, 0), b...)[1:], nil
}

// TestBodyElsewhere sends what lies in the middle of the block that was to take it.
func TestBodyElsewhere(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	want := pattern(100 << 10)
	p, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: elsewhere(want)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if !bytes.Equal(p.Bytes(), want) {
		t.Error("it came back changed")
	}
}

// TestClosedWhileGreeting ends a server at the moment at which a connection has been greeted: the connection's memory goes
// all the same.
func TestClosedWhileGreeting(t *testing.T) {
	theirs := small(nil)
	f := serve(t, ipc.Config{Memory: theirs})
	c := f.raw()
	await.True(t, "the connection is admitted", func() bool { return ipc.Connections(f.server) == 1 })
	goOn := ipc.StopBeforeSettling(f.server)
	if err := sayHello(c); err != nil {
		t.Fatal(err)
	}
	await.True(t, "there is memory for the connection", func() bool { return theirs.Stats().Connections == 1 })
	goOn()
	f.server.Close()
	if n := theirs.Stats().Connections; n != 0 {
		t.Errorf("after the server's end there is memory for %d connections", n)
	}
}

func sayHello(c io.Writer) error {
	_, err := c.Write(ipc.MemoryHello())
	return err
}

// TestIdleAfterWaiting has a call wait for memory in vain while another one ends. The connection is idle then, and is to end
// like any other that is.
func TestIdleAfterWaiting(t *testing.T) {
	f := serve(t, ipc.Config{})
	kept, release := make(chan *ipc.Payload, 1), make(chan struct{})
	f.handler.take = func(p *ipc.Payload) {
		kept <- p
		<-release
	}
	c := f.client(ipc.Config{IdleTimeout: 30 * time.Millisecond, Memory: small(func(c *ipc.MemoryConfig) { c.Wait = time.Minute })})
	first := make(chan error, 1)
	go func() {
		p, err := c.Call(context.Background(), ipc.Request{Method: methodTake, Args: ipc.Bytes(pattern(900 << 10))})
		if err == nil {
			p.Release()
		}
		first <- err
	}()
	args := <-kept
	ended := ipc.Ended(c)
	ctx, stop := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- echo(ctx, c, pattern(900<<10)) }()
	await.True(t, "a call waits for memory", func() bool { return ipc.Stuck(c) == 1 && !ipc.Resting(c) })
	close(release)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	stop()
	wantCode(t, <-second, ipc.CodeCanceled)
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("an idle connection did not end")
	}
	args.Release()
}

// TestWaitEndsWithConnection has a call wait for memory that the server keeps, while the connection ends.
func TestWaitEndsWithConnection(t *testing.T) {
	f := serve(t, ipc.Config{})
	kept := make(chan *ipc.Payload, 1)
	f.handler.take = func(p *ipc.Payload) { kept <- p }
	c := f.client(ipc.Config{Memory: small(func(c *ipc.MemoryConfig) { c.Wait = time.Hour })})
	p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: ipc.Bytes(pattern(900 << 10))})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	args := <-kept
	waiting := make(chan error, 1)
	go func() { waiting <- echo(context.Background(), c, pattern(900<<10)) }()
	await.True(t, "a call waits for memory", func() bool { return ipc.Stuck(c) == 1 })
	f.server.Close()
	select {
	case err := <-waiting:
		wantCode(t, err, ipc.CodeUnavailable)
	case <-time.After(10 * time.Second):
		t.Fatal("the call still waits")
	}
	if !bytes.Equal(args.Bytes(), pattern(900<<10)) {
		t.Error("what is kept has changed")
	}
	args.Release()
}

// TestLoanOutlivesConnection writes to a loan and reads it after the connection has ended.
func TestLoanOutlivesConnection(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: small(nil)})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mem := loans.Alloc(900 << 10)
	if mem == nil {
		t.Fatal("no loan")
	}
	copy(mem, pattern(len(mem)))
	ended := ipc.Ended(c)
	f.server.Close()
	<-ended
	if !bytes.Equal(mem, pattern(len(mem))) {
		t.Error("the loan has changed")
	}
	loans.Release()
}

// TestLoanKeepsConnection keeps a connection for as long as there is a loan of it.
func TestLoanKeepsConnection(t *testing.T) {
	ours := small(nil)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{IdleTimeout: 20 * time.Millisecond, Memory: ours})
	var loans *ipc.Loans
	await.True(t, "there is a loan", func() (got bool) { // before the connection, on which there is nothing yet, ends for being idle
		var err error
		if loans, err = c.Loans(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got = loans.Alloc(100<<10) != nil; !got {
			loans.Release()
		}
		return got
	})
	ended := ipc.Ended(c)
	select {
	case <-ended:
		t.Error("the connection ended while there was a loan")
	case <-time.After(200 * time.Millisecond):
	}
	loans.Release()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the connection did not end when the loan was released")
	}
	if s := ours.Stats(); s.Bytes != 0 || s.Connections != 0 {
		t.Errorf("after that there are %d bytes for %d connections", s.Bytes, s.Connections)
	}
}

// TestHeldWhileLoaned has a loan outlive the connection: what the peer holds is not used again for it, nor given away.
func TestHeldWhileLoaned(t *testing.T) {
	ours := small(nil)
	f := serve(t, ipc.Config{})
	kept := make(chan *ipc.Payload, 1)
	f.handler.take = func(p *ipc.Payload) { kept <- p }
	c := f.client(ipc.Config{Memory: ours})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	loan := loans.Alloc(50 << 10)
	p, err := c.Call(t.Context(), ipc.Request{Method: methodTake, Args: ipc.Bytes(pattern(60 << 10))})
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
	args := <-kept
	c.Close()
	clear(loan)
	if !bytes.Equal(args.Bytes(), pattern(60<<10)) {
		t.Error("what the server keeps has changed")
	}
	if late := loans.Alloc(50 << 10); late != nil {
		t.Error("there was memory to be had of a connection that has ended")
	}
	loans.Release()
	if !bytes.Equal(args.Bytes(), pattern(60<<10)) {
		t.Error("what the server keeps has changed with the end of the loan")
	}
	args.Release()
	if s := ours.Stats(); s.Bytes != 0 || s.Connections != 0 {
		t.Errorf("after all that there are %d bytes for %d connections", s.Bytes, s.Connections)
	}
}

// TestAttachThenFail attaches memory to bodies that fail and that panic: nothing keeps the memory.
func TestAttachThenFail(t *testing.T) {
	ours := small(nil)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{Memory: ours})
	loans, err := c.Loans(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mem := loans.Alloc(100 << 10)
	broken := errors.New("broken")
	for _, end := range []func() error{func() error { return broken }, func() error { panic(broken) }} {
		func() {
			defer func() {
				if p := recover(); p != nil && p != broken {
					t.Errorf("panic: %v", p)
				}
			}()
			if _, err := c.Call(t.Context(), ipc.Request{Args: attachThen{mem, end}}); err != broken {
				t.Errorf("got %v", err)
			}
		}()
	}
	loans.Release()
	c.Close()
	if s := ours.Stats(); s.Bytes != 0 || s.Connections != 0 {
		t.Errorf("after the connection's end there are %d bytes for %d connections", s.Bytes, s.Connections)
	}
}

// TestLeastMemory calls with bounds too small for any shared memory.
func TestLeastMemory(t *testing.T) {
	f := serve(t, ipc.Config{})
	for _, config := range []ipc.MemoryConfig{{MaxBytes: 1}, {ConnBytes: 1}} {
		c := f.client(ipc.Config{Memory: ipc.NewMemory(config)})
		for _, n := range []int{10, 20 << 10, 10 << 20} {
			if err := echo(t.Context(), c, pattern(n)); err != nil {
				t.Errorf("%d bytes with %d and %d: %v", n, config.MaxBytes, config.ConnBytes, err)
			}
		}
	}
}

type attachThen struct {
	memory []byte
	end    func() error
}

func (b attachThen) Size(a *ipc.Attachments) int {
	a.Attach(b.memory)
	return 100 << 10
}

func (b attachThen) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) { return dst, b.end() }
