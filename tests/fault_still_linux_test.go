package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Connections on which nothing moves, because there is nothing to do or a process stands still, take no processor time.

// cpuTime is how much of it a process's threads have had.
func cpuTime(t *testing.T, pid int) (sum time.Duration) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		t.Skipf("the system does not tell what threads use: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		var running time.Duration
		if _, err := fmt.Sscan(string(text), &running); err != nil {
			t.Fatalf("%s: %q: %v", file, text, err)
		}
		sum += running
	}
	return sum
}

// quietly waits for a second in which each of the processes has at most so much processor time. What starts or is collected may
// disturb one second, but not each.
func quietly(t *testing.T, most time.Duration, pids ...int) {
	t.Helper()
	const seconds = 10
	var used []time.Duration
	for range seconds {
		before, busy := make([]time.Duration, len(pids)), false
		for i, pid := range pids {
			before[i] = cpuTime(t, pid)
		}
		<-time.After(time.Second) // what is measured, not waited for
		used = used[:0]
		for i, pid := range pids {
			used = append(used, cpuTime(t, pid)-before[i])
			busy = busy || used[i] > most
		}
		if !busy {
			t.Logf("in a second: %v", used)
			return
		}
	}
	t.Errorf("in none of %d seconds all were quiet; in the last one they used %v of processor time", seconds, used)
}

var _ = addRoles(child.Roles{"depot-idlers": depotRole(depotIdlers)})

// depotIdlers has connections of which each has been used.
func depotIdlers(s depotSetup) error {
	for range s.Count {
		d, err := s.connect()
		if err != nil {
			return err
		}
		for _, n := range []int{100, 20 << 10, 300 << 10} {
			if err := bothWays(context.Background(), d, n); err != nil {
				return err
			}
		}
	}
	<-child.UntilInputEnds().Done()
	return nil
}

// TestIdleConnections has ten connections between two processes, on which nothing is called.
func TestIdleConnections(t *testing.T) {
	leaktest.Check(t)
	server, address := startDepot(t, depotSetup{})
	client := child.Start(t, "depot-idlers", depotSetup{Address: address, Count: 10}.String())
	quietly(t, 5*time.Millisecond, server.Process.Pid, client.Process.Pid)
}

// stillLimit is how much processor time a second may take a process that waits, while the tests around it do a little.
const stillLimit = 100 * time.Millisecond

// TestFaultServerStoppedStreaming has a server stand still in the middle of calls through its rings. Calls end with their
// contexts, those that have time wait and go on with the server, and waiting costs nothing.
func TestFaultServerStoppedStreaming(t *testing.T) {
	leaktest.Check(t)
	memory := streamMemory(t.TempDir())
	server, address := startDepot(t, depotSetup{Memory: memory})
	d, _ := connectDepot(t, address, memory)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	progress, errs := startTraders(ctx, d, 0)
	for range 20 {
		<-progress
	}
	stopProcess(t, server)
	short, end := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer end()
	for _, n := range []int{100, 20 << 10, 5 << 20} {
		if err := fetchGoods(short, d, 1, n); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("fetching %d bytes of a server that stands still: %v", n, err)
		}
		if err := storeGoods(short, d, 1, make([]byte, n)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("storing %d bytes at a server that stands still: %v", n, err)
		}
	}
	quietly(t, stillLimit, os.Getpid())
	signalTo(t, server, syscall.SIGCONT)
	for range 20 {
		<-progress
	}
	for _, n := range []int{100, 20 << 10, 5 << 20} {
		if err := bothWays(t.Context(), d, n); err != nil {
			t.Errorf("when the server goes on: %v", err)
		}
	}
	cancel()
	for range traders {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestFaultClientStoppedStreaming has a client stand still while its server writes answers into the rings: others are served
// meanwhile, waiting costs nothing, and the client goes on where it was.
func TestFaultClientStoppedStreaming(t *testing.T) {
	leaktest.Check(t)
	memory := streamMemory(t.TempDir())
	called := make(chan struct{}, 1)
	server := newNode(t, c2.SharedMemory(memory))
	err := hostDepot(server, func() { nudge(called) })
	if err != nil {
		t.Fatal(err)
	}
	healthy, _ := connectDepot(t, server.Address(), memory)
	client := child.Start(t, "depot-trader", depotSetup{Address: server.Address(), Memory: memory}.String())
	for range 20 {
		<-called
	}
	stopProcess(t, client)
	quietly(t, stillLimit, os.Getpid())
	for _, n := range []int{100, 20 << 10, 5 << 20} {
		if err := bothWays(t.Context(), healthy, n); err != nil {
			t.Errorf("another client: %v", err)
		}
	}
	select {
	case <-called: // by those, or before the stop
	default:
	}
	signalTo(t, client, syscall.SIGCONT)
	for range 20 {
		<-called
	}
	client.Stop(t) // which fails if any of its calls did
	await.True(t, "the client's connection is gone", func() bool { return server.MemoryStats().Connections == 1 })
}
