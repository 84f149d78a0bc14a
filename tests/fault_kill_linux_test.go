package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
)

// Processes that end, or stand still, with memory of others in their hands and others with theirs.

// killRounds is how often a process is killed in a test.
func killRounds() int {
	if race.Enabled || testing.Short() {
		return 5
	}
	return 30
}

// streamMemory is what makes trade go through rings, in frames, so that a process which is killed is in the middle of a record.
func streamMemory(spillDir string) c2.MemoryConfig {
	return c2.MemoryConfig{Inline: 8 << 20, SpillDir: spillDir}
}

// TestFaultClientKilled kills clients in the middle of large calls: the server goes on, and all that it lent them, and all
// that it had of them, is gone soon.
func TestFaultClientKilled(t *testing.T) { faultClientKilled(t, tradeMemory(t.TempDir())) }

// TestFaultClientKilledStreaming is TestFaultClientKilled where all payloads go through rings.
func TestFaultClientKilledStreaming(t *testing.T) { faultClientKilled(t, streamMemory(t.TempDir())) }

func faultClientKilled(t *testing.T, memory c2.MemoryConfig) {
	leaktest.Check(t)
	spill := memory.SpillDir
	var calls atomic.Int64
	called := make(chan struct{}, 1)
	server := newNode(t, c2.SharedMemory(memory))
	err := hostDepot(server, func() {
		calls.Add(1)
		nudge(called)
	})
	if err != nil {
		t.Fatal(err)
	}
	healthy, _ := connectDepot(t, server.Address(), memory)
	trip := func() {
		t.Helper()
		for _, n := range []int{20 << 10, 2 << 20} {
			if err := bothWays(t.Context(), healthy, n); err != nil {
				t.Fatalf("another client: %v", err)
			}
		}
	}
	trip()
	if memory.Inline == 0 {
		for range 40 { // until the server has all the blocks that go round
			trip()
		}
	}
	names := named(t, "/dev/shm", spill)
	before := footprintOf(t, os.Getpid())
	base := server.MemoryStats()
	var slowest, longest time.Duration
	most := base.Lent
	for round := range killRounds() {
		rng := seeded(round)
		victim := child.Start(t, "depot-trader", depotSetup{Address: server.Address(), Memory: memory}.String())
		for until := calls.Load() + rng.Int64N(60); calls.Load() <= until; {
			<-called
		}
		<-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond) // a random moment, not one that is waited for
		holds := func() bool {
			most = max(most, server.MemoryStats().Lent)
			return most > base.Lent
		}
		if memory.Inline == 0 && !holds() { // not at random then, the first time
			await.True(t, "the client has something in its hands", holds)
		}
		victim.Kill()
		killed := time.Now() // it is gone, however long that took
		await.True(t, "the server knows", func() bool { return server.MemoryStats().Connections == 1 })
		slowest = max(slowest, time.Since(killed))
		trip()
		await.True(t, "the server has its memory back", func() bool {
			stats := server.MemoryStats()
			return stats.Connections == 1 && stats.Lent == 0 && stats.Files == 0 && stats.Bytes <= base.Bytes && footprintOf(t, os.Getpid()).within(before)
		})
		longest = max(longest, time.Since(killed))
	}
	if slowest > time.Second {
		t.Errorf("the server knew of a client's end %v after it", slowest)
	}
	if most <= base.Lent && memory.Inline == 0 {
		t.Error("no killed client had anything in its hands, so this test shows nothing")
	}
	if left := leftBehind(t, names, "/dev/shm", spill); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	t.Logf("killed with up to %d bytes lent; all was back after %v at most, two calls of another client included", most, longest)
}

// TestFaultServerKilled kills servers in the middle of large calls: those fail at once, what is held stays as it is, all
// memory comes back, and the next server at the address is found.
func TestFaultServerKilled(t *testing.T) { faultServerKilled(t, tradeMemory(t.TempDir())) }

// TestFaultServerKilledStreaming is TestFaultServerKilled where all payloads go through rings.
func TestFaultServerKilledStreaming(t *testing.T) { faultServerKilled(t, streamMemory(t.TempDir())) }

func faultServerKilled(t *testing.T, memory c2.MemoryConfig) {
	leaktest.Check(t)
	dir, spill := t.TempDir(), memory.SpillDir
	setup := depotSetup{Address: "ipc://" + dir + "/depot.sock", Memory: memory}
	server, _ := startDepot(t, setup)
	d, client := connectDepot(t, setup.Address, setup.Memory)
	server.Kill()
	await.True(t, "the client knows", func() bool { return client.MemoryStats().Connections == 0 })
	names := named(t, "/dev/shm", spill, dir)
	before := footprintOf(t, os.Getpid())
	var slowest, longest time.Duration
	var most uint64
	for round := range killRounds() {
		rng := seeded(round)
		server, _ := startDepot(t, setup)
		const seed, n = 9, 100 << 10
		ctx, held := c2.Hold(t.Context())
		goods, err := d.Fetch(ctx, seed, n)
		if err != nil {
			t.Fatalf("with a new server: %v", err)
		}
		tctx, end := context.WithCancel(t.Context())
		progress, errs := startTraders(tctx, d, 1000*round)
		for range 1 + rng.IntN(60) {
			<-progress
		}
		go func() {
			for range progress {
			}
		}()
		<-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond) // a random moment, not one that is waited for
		holds := func() bool {
			most = max(most, client.MemoryStats().Lent)
			return most > 0
		}
		if memory.Inline == 0 && !holds() { // not at random then, the first time
			await.True(t, "the server has something in its hands", holds)
		}
		server.Kill()
		killed := time.Now()
		for range traders {
			if err := <-errs; !errors.Is(err, c2.ErrUnavailable) {
				t.Errorf("round %d: a call to a server that was killed: %v", round, err)
			}
		}
		slowest = max(slowest, time.Since(killed))
		end()
		close(progress)
		if !intact(goods, seed) {
			t.Errorf("round %d: %v", round, errSpoiled)
		}
		held.Release()
		await.True(t, "the client has its memory back", func() bool {
			stats := client.MemoryStats()
			return stats.Connections == 0 && stats.Lent+stats.Bytes+stats.Files == 0 && footprintOf(t, os.Getpid()).within(before)
		})
		longest = max(longest, time.Since(killed))
	}
	if slowest > time.Second {
		t.Errorf("calls ended %v after their server", slowest)
	}
	if most == 0 && memory.Inline == 0 {
		t.Error("no killed server had anything in its hands, so this test shows nothing")
	}
	if left := leftBehind(t, names, "/dev/shm", spill, dir); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	t.Logf("killed with up to %d bytes lent; calls had ended after %v at most, all was back after %v", most, slowest, longest)
}

var _ = addRoles(child.Roles{"store-keeper": storeKeeper})

// storeKeeper has a store keep memory of this process, until that ends.
func storeKeeper(args []string) error {
	s, err := c2.Connect[Store](context.Background(), "store", c2.At(args[0]))
	if err != nil {
		return err
	}
	if err := s.Keep(context.Background(), newCloud(keptPoints)); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	return nil
}

const keptPoints = 40_000

// TestFaultKeptOfKilled has a resource keep arguments of a client that is killed: they stay for as long as it keeps
// them, and no longer.
func TestFaultKeptOfKilled(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t)
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(newNode(t)), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Kept(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := footprintOf(t, os.Getpid())
	client := child.Start(t, "store-keeper", server.Address())
	client.Kill()
	await.True(t, "the server knows of the client's end", func() bool { return server.MemoryStats().Connections == 1 })
	if kept := server.HoldStats(); kept.ActiveHolds != 1 || kept.HeldBytes < 8*keptPoints || footprintOf(t, os.Getpid()).within(before) {
		t.Errorf("the server keeps nothing of the client's memory, so this test shows nothing: %+v", kept)
	}
	if got, err := s.Kept(t.Context()); err != nil || got != sum(newCloud(keptPoints).Points) {
		t.Errorf("what is kept has the sum %v (%v)", got, err)
	}
	if err := s.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	await.True(t, "nothing of the client is left", func() bool { return footprintOf(t, os.Getpid()).within(before) })
}

// TestFaultServerStopped has a server stand still in the middle of large calls: they end with their contexts, or sooner for
// want of memory, and when it goes on so do they.
func TestFaultServerStopped(t *testing.T) {
	leaktest.Check(t)
	spill := t.TempDir()
	server, address := startDepot(t, depotSetup{Memory: tradeMemory(spill)})
	d, client := connectDepot(t, address, tradeMemory(spill))
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		progress, errs := startTraders(ctx, d, 1000*round)
		for range 20 {
			<-progress
		}
		stopProcess(t, server)
		stopped := time.Now()
		cancel() // trade takes it for no error, and every call must end by it
		for range traders {
			if err := <-errs; err != nil {
				t.Errorf("round %d: a call when the server stood still: %v", round, err)
			}
		}
		ended := time.Since(stopped)
		const limit = 50 * time.Millisecond
		for _, n := range []int{20 << 10, 2 << 20, 20 << 20} {
			goods := stock(make([]byte, n), uint64(n))
			short, cancel := context.WithTimeout(t.Context(), limit)
			begun := time.Now()
			err := storeGoods(short, d, uint64(n), goods)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, c2.ErrBusy) {
				t.Errorf("%d bytes to a server that stands still: %v", n, err)
			}
			ended = max(ended, time.Since(begun))
		}
		if ended > time.Second {
			t.Errorf("calls took %v longer than their contexts", ended)
		}
		signalTo(t, server, syscall.SIGCONT)
		for _, n := range largeSizes {
			if err := bothWays(t.Context(), d, n); err != nil {
				t.Errorf("when the server goes on: %v", err)
			}
		}
		t.Logf("calls had ended %v after the stop, or after they began", ended)
		await.True(t, "nothing is lent any more", func() bool {
			stats, err := d.Memory(t.Context())
			return err == nil && stats.LentBlocks == 0 && client.MemoryStats().LentBlocks == 0
		})
	}
}

// TestFaultClientStopped has a client stand still in the middle of large calls: others are served meanwhile, and it goes on
// where it was.
func TestFaultClientStopped(t *testing.T) {
	leaktest.Check(t)
	spill := t.TempDir()
	called := make(chan struct{}, 1)
	server := newNode(t, c2.SharedMemory(tradeMemory(spill)))
	err := hostDepot(server, func() { nudge(called) })
	if err != nil {
		t.Fatal(err)
	}
	healthy, _ := connectDepot(t, server.Address(), tradeMemory(spill))
	client := child.Start(t, "depot-trader", depotSetup{Address: server.Address(), Memory: tradeMemory(spill)}.String())
	for range 5 {
		for range 20 {
			<-called
		}
		stopProcess(t, client)
		for _, n := range largeSizes {
			if err := bothWays(t.Context(), healthy, n); err != nil {
				t.Errorf("another client: %v", err)
			}
		}
		select {
		case <-called: // by those, or before the stop
		default:
		}
		signalTo(t, client, syscall.SIGCONT)
		<-called
	}
	client.Stop(t) // which fails if any of its calls did
	await.True(t, "nothing is lent any more", func() bool {
		stats := server.MemoryStats()
		return stats.LentBlocks == 0 && stats.Connections == 1
	})
}

// TestFaultInheritance starts processes while descriptors of segments and sockets come and go: none of them gets any, nor
// would one that is started at any other moment.
func TestFaultInheritance(t *testing.T) {
	leaktest.Check(t)
	spill := t.TempDir()
	memory := tradeMemory(spill)
	server, address := startDepot(t, depotSetup{Memory: memory})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	for range cap(errs) {
		go func() {
			var err error
			for ctx.Err() == nil && err == nil {
				err = visitDepot(address, memory)
			}
			errs <- err
		}()
	}
	for range killRounds() {
		c := child.Start(t, "idle")
		for fd, target := range sharedDescriptors(t, c.Process.Pid, spill) {
			t.Errorf("a process that was started has %s as %d", target, fd)
		}
		c.Stop(t)
	}
	// A segment's descriptor is open for as long as it takes to map it, so how often one is seen is chance: look on until
	// some were.
	segments := 0
	patience := time.Now().Add(30 * time.Second)
	for looks := 0; looks < 1000 || segments < 20 && time.Now().Before(patience); looks++ {
		for _, pid := range []int{os.Getpid(), server.Process.Pid} {
			for fd, target := range sharedDescriptors(t, pid, spill) {
				if inherited(pid, fd) {
					t.Fatalf("a process that is started now would get %s", target)
				}
				if !strings.HasPrefix(target, "socket:") {
					segments++
				}
			}
		}
	}
	cancel()
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if segments == 0 {
		t.Error("no segment was seen in 30 s, so this test shows nothing of them")
	}
	t.Logf("seen %d times: the descriptor of a segment", segments)
}

// sharedDescriptors is what connections are made of among the descriptors of a process: sockets, segments, spilled files.
func sharedDescriptors(t *testing.T, pid int, spill string) map[int]string {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[int]string)
	for _, e := range entries {
		target, err := os.Readlink(dir + e.Name())
		fd, failed := strconv.Atoi(e.Name())
		if err != nil || failed != nil {
			continue // closed since
		}
		if strings.HasPrefix(target, "/memfd:") || strings.HasPrefix(target, "socket:") || strings.HasPrefix(target, spill) {
			found[fd] = target
		}
	}
	return found
}

// inherited tells whether a process's descriptor would be that of a program that it starts. One that is closed would not.
func inherited(pid, fd int) bool {
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return false
	}
	var pos, flags int
	_, err = fmt.Sscanf(string(info), "pos: %d\nflags: %o", &pos, &flags)
	return err != nil || flags&syscall.O_CLOEXEC == 0
}
