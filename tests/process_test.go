package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// The roles of these tests' children.
var _ = addRoles(child.Roles{
	"valve":    valveServer,
	"caller":   valveCaller,
	"adders":   valveAdders,
	"stranger": valveStranger,
})

// Valve is the contract of a resource that can keep its callers waiting.
type Valve interface {
	// Wait lasts until the valve is opened, or ctx ends.
	Wait(ctx context.Context) error
	Add(ctx context.Context, n int) (int, error)
	Burst(ctx context.Context) error
}

// valve says that a call waits, and how it ended, by its two funcs.
type valve struct {
	_       c2.Policy `read:"Wait"`
	entered func()
	opened  <-chan struct{}
	left    func(error)
	n       int
}

func (v *valve) Wait(ctx context.Context) (err error) {
	v.entered()
	select {
	case <-v.opened:
	case <-ctx.Done():
		err = ctx.Err()
	}
	v.left(err)
	return err
}

func (v *valve) Add(_ context.Context, n int) (int, error) { v.n += n; return v.n, nil }

// errPrivate has a name in the process of the valve only, see valveServer.
var errPrivate = errors.New("the seal is broken")

func (v *valve) Burst(context.Context) error {
	return fmt.Errorf("at 9 bar: %w", errors.Join(errPrivate, ErrOverdrawn))
}

// valveServer is a child that calls Serve. A call that waits is told by a line, and let go when standard input ends.
func valveServer(args []string) error {
	if err := c2.RegisterError("tests.private", errPrivate); err != nil {
		return err
	}
	if err := c2.Configure(c2.Address(args[0]), c2.Logger(zerolog.Nop())); err != nil {
		return err
	}
	go func() {
		// From then on Serve takes signals.
		await.Within(await.Limit, func() bool { return exists(strings.TrimPrefix(args[0], "ipc://")) })
		opened := make(chan struct{})
		v := &valve{entered: func() { fmt.Println("entered") }, opened: opened, left: func(error) {}}
		if err := c2.Register[Valve]("valve", v); err != nil {
			fmt.Println(err)
		}
		<-child.UntilInputEnds().Done()
		close(opened)
	}()
	return c2.Serve(context.Background())
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// valveCaller is a child that waits at the valve.
func valveCaller(args []string) error {
	v, err := c2.Connect[Valve](context.Background(), "valve", c2.At(args[0]))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return v.Wait(context.Background())
}

// connectValve connects to the valve at an address by a node of its own.
func connectValve(t *testing.T, address string) Valve {
	t.Helper()
	return connectTo[Valve](&placement{T: t, opts: []c2.ConnectOption{c2.On(newNode(t)), c2.At(address)}}, "valve")
}

// waitAtValve starts a call that the child says has come.
func waitAtValve(t *testing.T, c *child.Program, v Valve) (end <-chan error) {
	t.Helper()
	ch := make(chan error, 1)
	ctx := t.Context()
	go func() { ch <- v.Wait(ctx) }()
	if line := c.Line(t); line != "entered" {
		t.Fatalf("the valve said %q", line)
	}
	return ch
}

func signalTo(t *testing.T, c *child.Program, s syscall.Signal) {
	t.Helper()
	if err := c.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func untilGone(t *testing.T, address string) {
	t.Helper()
	await.True(t, "the server takes no more connections", func() bool { return !exists(strings.TrimPrefix(address, "ipc://")) })
}

func TestServeEndsBySignal(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			leaktest.Check(t)
			address := "ipc://" + t.TempDir() + "/v.sock"
			c := child.Start(t, "valve", address)
			v := connectValve(t, address)
			end := waitAtValve(t, c, v)
			signalTo(t, c, s)
			untilGone(t, address)
			await.True(t, "calls are refused", func() bool {
				_, err := v.Add(t.Context(), 1)
				return errors.Is(err, c2.ErrUnavailable)
			})
			select {
			case err := <-end:
				t.Fatalf("the call in flight was not waited for: %v", err)
			default:
			}
			c.Stop(t) // opens the valve, and wants exit status 0
			if err := <-end; err != nil {
				t.Errorf("the call in flight: %v", err)
			}
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	c := child.Start(t, "valve", address)
	end := waitAtValve(t, c, connectValve(t, address))
	signalTo(t, c, syscall.SIGTERM)
	untilGone(t, address)
	signalTo(t, c, syscall.SIGTERM)
	outcomeUnknown(t, <-end)
	var exit *exec.ExitError
	err := c.Wait()
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the server ended with %v", err)
	}
}

// outcomeUnknown checks the error of a call whose server went away.
func outcomeUnknown(t *testing.T, err error) {
	t.Helper()
	var e *c2.Error
	if !errors.As(err, &e) || e.Code != c2.CodeUnavailable || !e.MayHaveRun {
		t.Errorf("the call in flight ends with %v, want ErrUnavailable and that it may have run", err)
	}
}

func TestServerKilled(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	first := child.Start(t, "valve", address)
	v := connectValve(t, address)
	end := waitAtValve(t, first, v)
	first.Kill()
	killed := time.Now() // it is gone, however long that took
	outcomeUnknown(t, <-end)
	if took := time.Since(killed); took > time.Second {
		t.Errorf("the call ended %v after its server", took)
	}
	_, err := v.Add(t.Context(), 1)
	var e *c2.Error
	if !errors.As(err, &e) || e.Code != c2.CodeUnavailable || e.MayHaveRun {
		t.Errorf("a call with no server there: %v", err)
	}
	if !exists(strings.TrimPrefix(address, "ipc://")) {
		t.Fatal("the killed server left no socket file, so this test shows nothing")
	}
	child.Start(t, "valve", address)
	if n, err := v.Add(t.Context(), 1); n != 1 || err != nil {
		t.Errorf("the same proxy with a new server: %d, %v", n, err)
	}
}

func TestClientKilled(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t)
	entered, left := make(chan struct{}), make(chan error)
	err := c2.Register[Valve]("valve", &valve{
		entered: func() { entered <- struct{}{} }, left: func(err error) { left <- err },
	}, c2.On(server))
	if err != nil {
		t.Fatal(err)
	}
	healthy := connectValve(t, server.Address())
	if _, err := healthy.Add(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t, os.Getpid())
	for range 5 {
		c := child.Start(t, "caller", server.Address())
		<-entered
		c.Kill()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the resource's context ended with %v", err)
		}
		if _, err := healthy.Add(t.Context(), 1); err != nil {
			t.Errorf("another client: %v", err)
		}
	}
	await.True(t, "the descriptors of killed clients are closed", func() bool { return descriptors(t, os.Getpid()) <= before })
}

// TestServerKeepsNoDescriptors: what a child that serves has open is that of before, once its clients are gone.
func TestServerKeepsNoDescriptors(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	c := child.Start(t, "valve", address)
	if _, err := connectValve(t, address).Add(t.Context(), 1); err != nil { // which it keeps from then on
		t.Fatal(err)
	}
	before := descriptors(t, c.Process.Pid)
	for range 10 {
		caller := child.Start(t, "caller", address)
		if line := c.Line(t); line != "entered" {
			t.Fatalf("the valve said %q", line)
		}
		caller.Kill()
	}
	await.True(t, "the server's descriptors are as many as before", func() bool { return descriptors(t, c.Process.Pid) <= before })
}

// descriptors counts what a process has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if errors.Is(err, os.ErrNotExist) && !exists("/proc/self/fd") {
		t.Skip("there is no /proc to count descriptors by")
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestServerStopped(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	c := child.Start(t, "valve", address)
	v := connectValve(t, address)
	if _, err := v.Add(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	stopProcess(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := v.Add(ctx, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call with a deadline: %v", err)
	}
	if _, err := c2.Connect[Valve](ctx, "valve", c2.On(newNode(t)), c2.At(address)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("connecting with a deadline: %v", err)
	}
	type result struct {
		n   int
		err error
	}
	patient := make(chan result)
	go func() {
		n, err := v.Add(t.Context(), 100)
		patient <- result{n, err}
	}()
	select {
	case r := <-patient:
		t.Errorf("a call without a deadline: %d, %v", r.n, r.err)
	case <-time.After(50 * time.Millisecond): // as far as can be seen it waits
	}
	signalTo(t, c, syscall.SIGCONT)
	// The call that was given up may have run: 101 without it, 111 with it.
	if r := <-patient; r.err != nil || r.n != 101 && r.n != 111 {
		t.Errorf("the call that waited: %d, %v", r.n, r.err)
	}
	if _, err := v.Add(t.Context(), 1); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// stopProcess makes a child stand still, and returns when all of it does.
func stopProcess(t *testing.T, c *child.Program) {
	t.Helper()
	signalTo(t, c, syscall.SIGSTOP)
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil)
		if err == nil && status.Stopped() {
			return
		}
		if !errors.Is(err, syscall.EINTR) {
			t.Fatalf("the child did not stop: status %#x, %v", status, err)
		}
	}
}

// TestErrorWithANameThatOnlyTheServerKnows: it is the error that this side knows, and its text is all there.
func TestErrorWithANameThatOnlyTheServerKnows(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	child.Start(t, "valve", address)
	err := connectValve(t, address).Burst(t.Context())
	if !errors.Is(err, ErrOverdrawn) || errors.Is(err, errPrivate) {
		t.Errorf("%v: is it ErrOverdrawn: %t, errPrivate: %t", err, errors.Is(err, ErrOverdrawn), errors.Is(err, errPrivate))
	}
	if want := (&valve{}).Burst(t.Context()).Error(); err == nil || err.Error() != want {
		t.Errorf("got the text %q, want %q", err, want)
	}
}

func TestTwoServersForOneAddress(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	c := child.Start(t, "valve", address)
	second := child.Command("suite", address)
	second.Stderr = nil
	out, err := second.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "another server listens there") {
		t.Errorf("the second server: %v, %s", err, out)
	}
	if n, err := connectValve(t, address).Add(t.Context(), 1); n != 1 || err != nil {
		t.Errorf("the first server: %d, %v", n, err)
	}
	signalTo(t, c, syscall.SIGTERM)
	c.Stop(t)
	child.Start(t, "suite", address)
}

const (
	adderProcesses = 4
	addersEach     = 50
	additions      = 20
)

// valveAdders is a child with many clients, each with a connection of its own, that start when standard input ends.
func valveAdders(args []string) error {
	<-child.UntilInputEnds().Done()
	errs := make([]error, addersEach)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = addToValve(args[0]) })
	}
	wg.Wait()
	err := errors.Join(errs...)
	fmt.Println("added:", err)
	return err
}

func addToValve(address string) error {
	node, err := c2.NewNode(c2.Logger(zerolog.Nop()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	v, err := c2.Connect[Valve](ctx, "valve", c2.On(node), c2.At(address))
	if err != nil {
		return err
	}
	for range additions {
		if _, err := v.Add(ctx, 1); err != nil {
			return err
		}
	}
	return errors.Join(c2.Close(v), node.Shutdown(ctx))
}

func TestManyClients(t *testing.T) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/v.sock"
	child.Start(t, "valve", address)
	var adders []*child.Program
	for range adderProcesses {
		adders = append(adders, child.Start(t, "adders", address))
	}
	for _, c := range adders {
		c.In.Close()
	}
	for _, c := range adders {
		if line := c.Line(t); line != "added: <nil>" {
			t.Error(line)
		}
		c.Stop(t)
	}
	want := adderProcesses * addersEach * additions
	if n, err := connectValve(t, address).Add(t.Context(), 0); n != want || err != nil {
		t.Errorf("the sum is %d, want %d (%v): additions were lost, or ran twice", n, want, err)
	}
}

// valveStranger is a child that another user runs. It prints what comes of connecting.
func valveStranger(args []string) error {
	_, err := c2.Connect[Valve](context.Background(), "valve", c2.At(args[0]))
	fmt.Println("denied:", errors.Is(err, c2.ErrDenied), err)
	return nil
}

// TestOtherUser: even where the file system lets another user connect, neither side talks to the other.
func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	leaktest.Check(t)
	dir, err := os.MkdirTemp("/tmp", "c2-tests") // t.TempDir is in a directory that only this user can enter
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	var log lockedLog
	server := newNode(t, c2.Address("ipc://"+dir+"/v.sock"), c2.Logger(zerolog.New(&log)))
	if err := c2.Register[Valve]("valve", &valve{}, c2.On(server)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir+"/v.sock", 0o777); err != nil {
		t.Fatal(err)
	}
	// By this path the test binary is found whatever the directories are that it lies in.
	stranger := exec.Command("/proc/self/exe", server.Address())
	stranger.Dir = dir
	stranger.Env = append(os.Environ(), child.Env("stranger"))
	stranger.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := stranger.CombinedOutput()
	if err != nil {
		t.Skipf("no process of another user can be started here: %v: %s", err, out)
	}
	if !strings.HasPrefix(string(out), "denied: true") || !strings.Contains(string(out), "65534") {
		t.Errorf("the client says %s", out)
	}
	await.True(t, "the server logs that it refused user 65534", func() bool {
		return strings.Contains(log.String(), "the peer runs as user 65534")
	})
	if _, err := connectValve(t, server.Address()).Add(t.Context(), 1); err != nil {
		t.Errorf("its own user: %v", err)
	}
}

// lockedLog is a log that can be read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
