package ipc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// TestDeathIsNoticedAfterEveryQuietPeriod: not only after the first one.
func TestDeathIsNoticedAfterEveryQuietPeriod(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	for range 2 {
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatal(err)
		}
		await.True(t, "the idle connection is watched", func() bool { return ipc.Watched(c) })
	}
	f.server.Close()
	await.True(t, "the client drops the connection", func() bool { return !ipc.Connected(c) })
	ctx, cancel := contextWithTimeout(t, 5*time.Second)
	defer cancel()
	wantCode(t, call(ctx, c, methodEcho), ipc.CodeUnavailable)
}

// TestCancelBesideAnswer cancels calls at about the time when their answers come.
func TestCancelBesideAnswer(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 400 {
				ctx, cancel := context.WithCancel(t.Context())
				timer := time.AfterFunc(time.Duration(i%200)*2*time.Microsecond, cancel)
				err := echo(ctx, c, []byte("x"))
				var e *ipc.Error
				if err != nil && (!errors.As(err, &e) || e.Code != ipc.CodeCanceled) {
					t.Error(err)
				}
				timer.Stop()
				cancel()
			}
		})
	}
	wg.Wait()
}

// TestServerThatAnswersTooEarly answers half of a call that has not been sent, and the rest when it was withdrawn.
func TestServerThatAnswersTooEarly(t *testing.T) {
	leaktest.Check(t)
	proceed, done := make(chan struct{}), make(chan struct{})
	const calls = 60
	address := badServer(t, true, func(c net.Conn) {
		<-proceed
		for id := uint64(1); id <= calls; id++ {
			c.Write(rawFrame(kAnswer, fMore, id, append(le.AppendUint64(make([]byte, 8), 10), 'x')))
		}
		last := rawFrame(kChunk, 0, calls, make([]byte, 9))
		c.Write(last[:20])
		<-done
		c.Write(last[20:])
	})
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	send := func(ctx context.Context) {
		wg.Go(func() { c.Call(ctx, ipc.Request{Args: ipc.Bytes(pattern(100 << 10))}) })
	}
	for range calls - 1 {
		send(ctx)
	}
	await.True(t, "the queue is full", func() bool { return ipc.Calls(c) == calls-1 })
	last, cancelLast := context.WithCancel(t.Context())
	send(last)
	await.True(t, "the last call waits", func() bool { return ipc.Calls(c) == calls })
	close(proceed)
	cancelLast()
	await.True(t, "the last call is withdrawn", func() bool { return ipc.Calls(c) < calls })
	close(done)
	cancel()
	wg.Wait()
}

// TestUnreadAnswersCountAsCalls: a client that does not read has no more calls run than it may have in flight.
func TestUnreadAnswersCountAsCalls(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{MaxCalls: 8})
	c := f.greeted()
	before := runtime.NumGoroutine()
	most := 0
	for id := uint64(1); id <= 400; id++ {
		c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Write(rawCall(id, 0, methodSize, 6, []byte("204800"))); err != nil {
			break // the server does not even read any more
		}
		most = max(most, ipc.Running(f.server))
	}
	if most > 9 {
		t.Errorf("%d calls ran at once, at most 8 may (and one be finishing)", most)
	}
	if n := runtime.NumGoroutine() - before; n > 20 {
		t.Errorf("%d more goroutines", n)
	}
}

func TestCloseWhileTheServerDrains(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	end := make(chan error, 1)
	go func() { end <- call(t.Context(), c, methodHold) }()
	<-f.handler.entered
	down := make(chan error, 1)
	go func() { down <- f.server.Shutdown(t.Context()) }()
	await.True(t, "the client leaves the connection", func() bool { return !ipc.Connected(c) })
	c.Close()
	wantCode(t, <-end, ipc.CodeClosed)
	close(f.handler.release)
	if err := <-down; err != nil {
		t.Error(err)
	}
}

func TestCloseWhileDialing(t *testing.T) {
	leaktest.Check(t)
	accepted := make(chan struct{})
	address := badServer(t, false, func(c net.Conn) {
		close(accepted)
		io.Copy(io.Discard, c)
	})
	c := ipc.NewClient(address, ipc.Config{})
	end := make(chan error, 1)
	go func() { end <- call(t.Context(), c, methodEcho) }()
	<-accepted
	c.Close()
	wantCode(t, <-end, ipc.CodeClosed)
}

// TestPartlySentCallIsNotSentAgain: its connection ends while its chunks are written.
func TestPartlySentCallIsNotSentAgain(t *testing.T) {
	leaktest.Check(t)
	var began atomic.Int32
	address := badServer(t, true, func(c net.Conn) {
		if a, err := readFrame(c); err == nil && a.kind == kCall {
			began.Add(1)
			io.CopyN(io.Discard, c, 1<<20)
		}
	})
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	_, err := c.Call(t.Context(), ipc.Request{Args: ipc.Bytes(pattern(32 << 20))})
	if e := wantCode(t, err, ipc.CodeUnavailable); e.MayHaveRun {
		t.Error("it is said that it may have run, though it was not complete")
	}
	if n := began.Load(); n != 1 {
		t.Errorf("the call began %d times", n)
	}
}

// TestQueuedCallsMayRun: a call that is given up while it waits to be written is written all the same, and its caller is told that it
// may have run.
func TestQueuedCallsMayRun(t *testing.T) {
	leaktest.Check(t)
	read, came := make(chan struct{}), make(chan string, 100)
	address := badServer(t, true, func(c net.Conn) {
		for <-read; ; {
			f, err := readFrame(c)
			if err != nil {
				return
			}
			if f.kind == kCall && len(f.body) < 100 {
				came <- string(f.body[32:])
			}
		}
	})
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	send := func(args []byte) { wg.Go(func() { c.Call(ctx, ipc.Request{Args: ipc.Bytes(args)}) }) }
	send(pattern(3 << 20)) // more than goes into a socket that nobody reads
	await.True(t, "the large call is there", func() bool { return ipc.Calls(c) == 1 })
	told := make(map[string]bool)
	for d := time.Millisecond; d < 200*time.Millisecond; d *= 2 {
		short, cancel := contextWithTimeout(t, d)
		_, err := c.Call(short, ipc.Request{Args: ipc.Bytes(d.String())})
		cancel()
		told[d.String()] = wantCode(t, err, ipc.CodeDeadline).MayHaveRun
	}
	send([]byte("last"))
	close(read)
	n := 0
	for what := <-came; what != "last"; what = <-came {
		if n++; !told[what] {
			t.Errorf("the call of %s came to the server, and its caller was told that it had not run", what)
		}
	}
	if n == 0 {
		t.Error("no call was queued, so this test shows nothing")
	}
}

// TestShutdownAnswersOrRefuses: of calls that come while a server shuts down, none is left without knowing its end.
func TestShutdownAnswersOrRefuses(t *testing.T) {
	leaktest.Check(t)
	for range 10 {
		f := serve(t, ipc.Config{})
		var wg sync.WaitGroup
		var started sync.WaitGroup
		started.Add(8)
		for range 8 {
			wg.Go(func() {
				c := ipc.NewClient(f.address, ipc.Config{})
				defer c.Close()
				for i := 0; ; i++ {
					err := echo(t.Context(), c, []byte("x"))
					if i == 3 {
						started.Done()
					}
					if err == nil {
						continue
					}
					if e := wantErr(err); e == nil || e.Code != ipc.CodeUnavailable || e.MayHaveRun {
						t.Errorf("a call ended with %v (%+v)", err, e)
					}
					if i < 3 {
						started.Done()
					}
					return
				}
			})
		}
		started.Wait()
		if err := f.server.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		wg.Wait()
	}
}

func wantErr(err error) *ipc.Error {
	var e *ipc.Error
	errors.As(err, &e)
	return e
}

func TestRefusedConnectionsAreBounded(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{MaxConns: 1})
	keep := f.greeted()
	var told, dropped atomic.Int32
	var wg sync.WaitGroup
	for range 1000 { // which stay open, so that those that are told are so for as long as the server lets them
		c := f.raw()
		wg.Go(func() {
			if b, _ := readAll(c); len(b) > 64 {
				told.Add(1)
			} else {
				dropped.Add(1)
			}
		})
		if dropped.Load() > 0 {
			break
		}
	}
	wg.Wait()
	if told.Load() == 0 || dropped.Load() == 0 {
		t.Errorf("%d were told why, %d closed without a word; want some of each", told.Load(), dropped.Load())
	}
	keep.Close()
	await.True(t, "there is room again", func() bool { return ipc.Connections(f.server) == 0 })
	f.works()
}
