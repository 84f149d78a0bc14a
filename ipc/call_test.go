package ipc_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
	"github.com/ctwo-go/c2/ipc"
)

func runtimeGoexit() { runtime.Goexit() }

func TestPayloadsOfEverySize(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	for _, n := range []int{0, 1, 2, 447, 448, 449, 65535, 65536, 65537, 256<<10 - 32, 256<<10 - 31, 256 << 10, 256<<10 + 1, 1 << 20, 5<<20 + 3} {
		if err := echo(t.Context(), c, pattern(n)); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestPayloadsThatOutgrowTheirAnnouncement(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	p, err := c.Call(t.Context(), ipc.Request{Args: modest(pattern(3 << 20))})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	if len(p.Bytes()) != 3<<20 {
		t.Errorf("%d bytes came back", len(p.Bytes()))
	}
}

// modest is a Body that says it is empty.
type modest []byte

func (modest) Size(*ipc.Attachments) int { return 0 }
func (m modest) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) {
	return append(dst, m...), nil
}

// TestFreshConnections makes the first call of each of 1,000 connections, with sizes from one byte to 64 MiB. Nothing
// is retried: each connection sees one call.
func TestFreshConnections(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	connections, large := 1000, 8
	if testing.Short() || race.Enabled {
		connections, large = 200, 2
	}
	sizes := make([]int, connections)
	for i := range sizes {
		sizes[i] = 1 << (i % 21) // to 1 MiB
		if i < large {
			sizes[i] = 64 << 20 >> (i % 3)
		}
	}
	data := pattern(64 << 20)
	var wg sync.WaitGroup
	next := atomic.Int64{}
	for range 8 {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(sizes) {
					return
				}
				c := ipc.NewClient(f.address, ipc.Config{})
				if err := echo(t.Context(), c, data[:sizes[i]]); err != nil {
					t.Errorf("connection %d, %d bytes: %v", i, sizes[i], err)
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	if l := f.lost.all(); len(l) > 0 {
		t.Errorf("the server lost %d connections, the first: %v", len(l), l[0])
	}
}

func TestErrorsArrive(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	e := wantCode(t, call(t.Context(), c, methodFail), ipc.CodeResource)
	if e.Message != "no luck" || len(e.Names) != 2 || e.Names[0] != "bank.overdrawn" || e.MayHaveRun {
		t.Errorf("got %+v", e)
	}
}

func TestHandlerThatEndsItsGoroutine(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	for range 3 {
		if e := wantCode(t, call(t.Context(), c, methodGoexit), ipc.CodeInternal); !e.MayHaveRun {
			t.Error("the call ran, but that is not said")
		}
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatalf("the next call on the connection: %v", err)
		}
	}
}

func TestDeadlineReachesTheHandler(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	await.True(t, "calls have reached the handler, and their contexts end", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		wantCode(t, call(ctx, c, methodBlock), ipc.CodeDeadline)
		return len(f.handler.endings()) >= 10
	})
	for _, err := range f.handler.endings() {
		if err != context.DeadlineExceeded { // whoever sees first that the time is over
			t.Errorf("a handler's context ended with %v", err)
		}
	}
}

func TestCancelReachesTheHandler(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.handler.entered
		cancel()
	}()
	if e := wantCode(t, call(ctx, c, methodBlock), ipc.CodeCanceled); !e.MayHaveRun {
		t.Error("the call had been sent, but its outcome is said to be known")
	}
	await.True(t, "the handler's context ends", func() bool { return len(f.handler.endings()) == 1 })
	if err := f.handler.endings()[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler's context ended with %v", err)
	}
	if err := echo(t.Context(), c, []byte("x")); err != nil {
		t.Errorf("the next call on the connection: %v", err)
	}
}

func TestEndedContextSendsNothing(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := wantCode(t, call(ctx, c, methodBlock), ipc.CodeCanceled); e.MayHaveRun {
		t.Error("the call is said to have been sent")
	}
}

// TestSlowCallsHoldUpNobody: calls that block for good, one after the other on one connection, while others go through.
func TestSlowCallsHoldUpNobody(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { call(ctx, c, methodBlock) })
		<-f.handler.entered
		if err := echo(t.Context(), c, pattern(1000)); err != nil {
			t.Errorf("a call beside blocked ones: %v", err)
		}
	}
	cancel()
	wg.Wait()
}

func TestLargePayloadsHoldUpNobody(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	data := pattern(64 << 20)
	beside := func() (small int) {
		large := make(chan error, 1)
		go func() { large <- echo(t.Context(), c, data) }()
		for {
			select {
			case err := <-large:
				if err != nil {
					t.Error(err)
				}
				return small
			default:
				if err := echo(t.Context(), c, []byte("small")); err != nil {
					t.Fatal(err)
				}
				small++
			}
		}
	}
	// The large one may be over before this goroutine gets to call.
	await.True(t, "three small calls go through beside one of 64 MiB", func() bool { return beside() >= 3 })
}

// TestEveryCallEndsOnce makes many calls of all kinds at once, cancels some, and counts.
func TestEveryCallEndsOnce(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	data := pattern(2 << 20)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(worker)))
			for range 60 {
				ctx, cancel := context.WithCancel(t.Context())
				if rnd.IntN(3) == 0 {
					time.AfterFunc(time.Duration(rnd.IntN(3000))*time.Microsecond, cancel)
				}
				size := 1 << rnd.IntN(22)
				err := echo(ctx, c, data[:min(size, len(data))])
				var e *ipc.Error
				switch {
				case err == nil:
				case errors.As(err, &e) && e.Code == ipc.CodeCanceled && ctx.Err() != nil:
				default:
					t.Errorf("%d bytes: %v", size, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if err := echo(t.Context(), c, data); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if l := f.lost.all(); len(l) > 0 {
		t.Errorf("connections were lost: %v", l)
	}
}

func TestTooLargeIsRefusedBeforeItIsSent(t *testing.T) {
	f := serve(t, ipc.Config{MaxPayload: 1000})
	c := f.client(ipc.Config{})
	if err := echo(t.Context(), c, pattern(1000)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if e := wantCode(t, echo(t.Context(), c, pattern(1001)), ipc.CodeTooLarge); e.MayHaveRun {
		t.Error("it is said to have been sent")
	}
}

func TestResultTooLargeForTheClient(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{MaxPayload: 1000})
	_, err := c.Call(t.Context(), ipc.Request{Method: methodSize, Args: ipc.Bytes("1001")})
	wantCode(t, err, ipc.CodeTooLarge)
	p, err := c.Call(t.Context(), ipc.Request{Method: methodSize, Args: ipc.Bytes("1000")})
	if err != nil {
		t.Fatalf("at the limit: %v", err)
	}
	p.Release()
}

func TestMaxCalls(t *testing.T) {
	f := serve(t, ipc.Config{MaxCalls: 3})
	c := f.client(ipc.Config{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := call(t.Context(), c, methodHold); err != nil {
				t.Error(err)
			}
		})
		<-f.handler.entered
	}
	if e := wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeBusy); e.MayHaveRun {
		t.Error("a refused call is said to have been sent")
	}
	wantCode(t, echo(t.Context(), c, pattern(1<<20)), ipc.CodeBusy)
	close(f.handler.release)
	wg.Wait()
	await.True(t, "calls are taken again", func() bool { return call(t.Context(), c, methodEcho) == nil })
}

func TestBodyThatFails(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	sad := errors.New("can't be encoded")
	_, err := c.Call(t.Context(), ipc.Request{Args: failing{sad}})
	if !errors.Is(err, sad) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (failing) Size(*ipc.Attachments) int                                 { return 10 }
func (f failing) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) { return dst, f.err }

func BenchmarkCall(b *testing.B) {
	address := "ipc://" + b.TempDir() + "/s.sock"
	s, err := ipc.Listen(address, newHandler(), ipc.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	for _, bm := range []struct {
		name string
		size int
	}{{"64B", 64}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}, {"16MiB", 16 << 20}} {
		b.Run(bm.name, func(b *testing.B) {
			data := pattern(bm.size)
			b.SetBytes(int64(2 * bm.size))
			b.ReportAllocs()
			for b.Loop() {
				p, err := c.Call(b.Context(), ipc.Request{Args: ipc.Bytes(data)})
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
			}
		})
	}
}
