package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

func contextWithTimeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func TestServerThatIsNotThere(t *testing.T) {
	c := ipc.NewClient("ipc://"+t.TempDir()+"/none.sock", ipc.Config{})
	defer c.Close()
	if e := wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeUnavailable); e.MayHaveRun {
		t.Error("the call is said to have been sent")
	}
}

func TestBadAddresses(t *testing.T) {
	for _, address := range []string{"", "tcp://x", "ipc://", "ipc://.hidden", "ipc://a/b", "ipc://ä", "ipc://" + strings.Repeat("x", 65), "ipc:///" + strings.Repeat("x", 120)} {
		if _, err := ipc.Listen(address, newHandler(), ipc.Config{}); err == nil {
			t.Errorf("Listen(%q) succeeded", address)
		} else {
			wantCode(t, err, ipc.CodeInvalid)
		}
		c := ipc.NewClient(address, ipc.Config{})
		wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeInvalid)
		c.Close()
	}
}

func TestNamedAddress(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	s, err := ipc.Listen("ipc://demo", newHandler(), ipc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for path, want := range map[string]fs.FileMode{dir + "/c2": fs.ModeDir | 0o700, dir + "/c2/demo.sock": fs.ModeSocket | 0o600} {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	c := ipc.NewClient("ipc://demo", ipc.Config{})
	defer c.Close()
	if err := echo(t.Context(), c, []byte("x")); err != nil {
		t.Error(err)
	}
	s.Close()
	if _, err := os.Lstat(dir + "/c2/demo.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file is left behind: %v", err)
	}
}

func TestRuntimeDirThatOthersCanEnter(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.Mkdir(dir+"/c2", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := ipc.Listen("ipc://demo", newHandler(), ipc.Config{})
	if e := wantCode(t, err, ipc.CodeDenied); !strings.Contains(e.Message, "0700") {
		t.Errorf("the error is %q", e.Message)
	}
}

// deadSocket leaves the file of a socket on which nobody listens.
func deadSocket(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestDeadSocketIsReplaced(t *testing.T) {
	path := t.TempDir() + "/s.sock"
	deadSocket(t, path)
	s, err := ipc.Listen("ipc://"+path, newHandler(), ipc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestSocketInUseIsRefused(t *testing.T) {
	f := serve(t, ipc.Config{})
	_, err := ipc.Listen(f.address, newHandler(), ipc.Config{})
	wantCode(t, err, ipc.CodeBusy)
	f.works()
}

func TestFileThatIsNoSocketIsKept(t *testing.T) {
	path := t.TempDir() + "/s.sock"
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ipc.Listen("ipc://"+path, newHandler(), ipc.Config{})
	wantCode(t, err, ipc.CodeInvalid)
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file was changed")
	}
}

// TestOneOfManyServersWins: all find the same dead socket and want its place.
func TestOneOfManyServersWins(t *testing.T) {
	path := t.TempDir() + "/s.sock"
	deadSocket(t, path)
	var mu sync.Mutex
	var winners []*ipc.Server
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			s, err := ipc.Listen("ipc://"+path, newHandler(), ipc.Config{})
			if err != nil {
				wantBusy(t, err)
				return
			}
			mu.Lock()
			winners = append(winners, s)
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(winners) != 1 {
		t.Errorf("%d servers listen on one socket", len(winners))
	}
	c := ipc.NewClient("ipc://"+path, ipc.Config{})
	if err := echo(t.Context(), c, []byte("x")); err != nil {
		t.Error(err)
	}
	c.Close()
	for _, s := range winners {
		s.Close()
	}
}

func wantBusy(t *testing.T, err error) {
	var e *ipc.Error
	if !errors.As(err, &e) || e.Code != ipc.CodeBusy {
		t.Errorf("got %v, want busy", err)
	}
}

// TestClosingLeavesASuccessorAlone: a server whose file was replaced does not remove the new one.
func TestClosingLeavesASuccessorAlone(t *testing.T) {
	f := serve(t, ipc.Config{})
	if err := os.Remove(f.path); err != nil {
		t.Fatal(err)
	}
	s, err := ipc.Listen(f.address, newHandler(), ipc.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f.server.Close()
	if _, err := os.Lstat(f.path); err != nil {
		t.Errorf("the successor's socket: %v", err)
	}
}

func TestReconnect(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	first, err := c.Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		f.server.Close()
		wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeUnavailable)
		s, err := ipc.Listen(f.address, f.handler, ipc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		f.server = s
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatalf("the first call after the server came back: %v", err)
		}
	}
	if again, err := c.Instance(t.Context()); err != nil || again == first {
		t.Errorf("another server has the same instance id (%v)", err)
	}
	f.server.Close()
}

// TestRestartBetweenTwoCalls: the client has no chance to notice before it calls.
func TestRestartBetweenTwoCalls(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	for i := range 50 {
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
		f.server.Close()
		s, err := ipc.Listen(f.address, f.handler, ipc.Config{})
		if err != nil {
			t.Fatal(err)
		}
		f.server = s
	}
	f.server.Close()
}

func TestServerThatEndsDuringCalls(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	ends := make(chan error)
	for range 5 {
		go func() { ends <- call(t.Context(), c, methodBlock) }()
		<-f.handler.entered
	}
	f.server.Close()
	for range 5 {
		if e := wantCode(t, <-ends, ipc.CodeUnavailable); !e.MayHaveRun {
			t.Error("the calls were running, but their outcome is said to be known")
		}
	}
}

func TestClientThatClosesDuringCalls(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	ends := make(chan error)
	for range 3 {
		go func() { ends <- call(t.Context(), c, methodBlock) }()
		<-f.handler.entered
	}
	c.Close()
	for range 3 {
		wantCode(t, <-ends, ipc.CodeClosed)
	}
	c.Close()
	wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeClosed)
	await.True(t, "the handlers' contexts end", func() bool { return len(f.handler.endings()) == 3 })
}

func TestShutdownDrains(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	held := make(chan error, 1)
	go func() { held <- call(t.Context(), c, methodHold) }()
	<-f.handler.entered
	idle := f.client(ipc.Config{})
	if err := echo(t.Context(), idle, []byte("x")); err != nil {
		t.Fatal(err)
	}
	// A half-sent call must not keep the server.
	half := f.greeted()
	mustWrite(t, half, rawCall(1, fMore, methodEcho, 1000, []byte("abc")))
	mustWrite(t, half, []byte{1, 2, 3})

	down := make(chan error, 1)
	go func() { down <- f.server.Shutdown(t.Context()) }()
	await.True(t, "no more calls are taken", func() bool {
		var e *ipc.Error
		err := call(t.Context(), idle, methodEcho)
		return errors.As(err, &e) && e.Code == ipc.CodeUnavailable && !e.MayHaveRun
	})
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned with a call in flight: %v", err)
	default:
	}
	close(f.handler.release)
	if err := <-held; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

func TestShutdownOutOfPatience(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	end := make(chan error, 1)
	go func() { end <- call(t.Context(), c, methodBlock) }()
	<-f.handler.entered
	ctx, cancel := contextWithTimeout(t, 20*time.Millisecond)
	defer cancel()
	if err := f.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	wantCode(t, <-end, ipc.CodeUnavailable)
	await.True(t, "the handler's context ends", func() bool { return len(f.handler.endings()) == 1 })
}

func TestCloseDuringHandshakes(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{HandshakeTimeout: time.Minute})
	for range 5 {
		mustWrite(t, f.raw(), rawHello(1)[:10])
	}
	f.works()
	begin := time.Now()
	f.server.Close()
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("Close took %v", d)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{IdleTimeout: 30 * time.Millisecond})
	for range 3 {
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatal(err)
		}
		await.True(t, "the idle connection is closed", func() bool { return ipc.Connections(f.server) == 0 })
	}
	if l := f.lost.all(); len(l) > 0 {
		t.Errorf("the server says %v", l)
	}
}

// TestDeathIsNoticedWhileIdle: nobody calls, but the descriptor of a dead server's connection does not stay.
func TestDeathIsNoticedWhileIdle(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	if err := echo(t.Context(), c, []byte("x")); err != nil {
		t.Fatal(err)
	}
	f.server.Close()
	await.True(t, "the client drops the connection", func() bool { return !ipc.Connected(c) })
}

func TestOneConnectionIsShared(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if err := echo(t.Context(), c, []byte("x")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := ipc.Connections(f.server); n != 1 {
		t.Errorf("%d connections for one client", n)
	}
}

func TestOtherUsersAreDenied(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/s.sock"
	l := &lost{}
	s, err := ipc.ListenAsOtherUser(address, newHandler(), ipc.Config{ConnLost: l.add})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	e := wantCode(t, call(t.Context(), c, methodEcho), ipc.CodeDenied)
	if e.MayHaveRun || !strings.Contains(e.Message, "user") {
		t.Errorf("got %+v", e)
	}
}

// TestShutdownWithNothingToWaitFor: a context that has ended cuts nothing off if nothing is in flight.
func TestShutdownWithNothingToWaitFor(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	if err := echo(t.Context(), f.client(ipc.Config{}), []byte("x")); err != nil {
		t.Fatal(err)
	}
	await.True(t, "the server is done with the call", func() bool { return ipc.Running(f.server) == 0 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.server.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// TestRetire: calls in flight go on, new ones do not begin, and the connection ends with the last of them, and with the last
// of what is held.
func TestRetire(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	held, err := c.Call(t.Context(), ipc.Request{Method: methodEcho, Args: ipc.Bytes(pattern(1 << 20))})
	if err != nil {
		t.Fatal(err)
	}
	inFlight := make(chan error, 1)
	ctx, cancel := contextWithTimeout(t, time.Minute)
	defer cancel()
	go func() { inFlight <- call(ctx, c, methodHold) }()
	<-f.handler.entered
	ended, retired := ipc.Ended(c), make(chan struct{})
	go func() { c.Retire(ctx); close(retired) }()
	await.True(t, "new calls are refused", func() bool {
		err := call(ctx, c, methodEcho)
		return err != nil && wantCode(t, err, ipc.CodeClosed) != nil
	})
	select {
	case <-ended:
		t.Fatal("the connection ended under a call")
	default:
	}
	close(f.handler.release)
	if err := <-inFlight; err != nil {
		t.Errorf("the call in flight: %v", err)
	}
	if !bytes.Equal(held.Bytes(), pattern(1<<20)) {
		t.Error("what is held has changed")
	}
	held.Release()
	<-retired
	<-ended
}

// TestRetireInHaste ends with its context at the latest.
func TestRetireInHaste(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.client(ipc.Config{})
	inFlight := make(chan error, 1)
	go func() { inFlight <- call(context.Background(), c, methodHold) }()
	<-f.handler.entered
	defer close(f.handler.release)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Retire(ctx)
	if e := wantCode(t, <-inFlight, ipc.CodeClosed); !e.MayHaveRun {
		t.Errorf("%v, of a call that was running", e)
	}
	c.Retire(t.Context()) // is idempotent
}
