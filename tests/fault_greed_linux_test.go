package tests

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
)

// Clients that take all that they can get, and clients that are many.

// depotHoarder holds what it fetches until it is told ErrBusy, says so, and goes on asking; or until it has more than one
// connection may have, because it gets it through the socket, and says that. When standard input ends it gives
// all back, and must be served again.
func depotHoarder(s depotSetup) error {
	d, err := s.connect()
	if err != nil {
		return err
	}
	ended := child.UntilInputEnds()
	ctx, held := c2.Hold(context.Background())
	defer held.Release()
	fetch := d.Fetch
	if s.Alone {
		fetch = d.Replace
	}
	const most = 200
	told := false
	for got := 0; ended.Err() == nil && got < most; {
		switch _, err := fetch(ctx, 1, 100<<10); {
		case err == nil:
			got++
		case !errors.Is(err, c2.ErrBusy):
			return err
		case !told:
			told = true
			fmt.Println("busy")
		}
	}
	if !told {
		fmt.Println("full")
	}
	<-ended.Done()
	held.Release()
	return fetchGoods(context.Background(), d, 1, 100<<10)
}

// TestFaultGreed has one client hold all it can get beside another that gives back what it gets: ErrBusy is for the first
// alone, and so is waiting.
func TestFaultGreed(t *testing.T) { faultGreed(t, 1, depotSetup{}) }

// TestFaultGreedAlone is TestFaultGreed where the first client's calls run alone, so that the second waits for them: it must
// not wait for memory that the first holds.
func TestFaultGreedAlone(t *testing.T) { faultGreed(t, 1, depotSetup{Alone: true}) }

// TestFaultGreedOfSeveral is TestFaultGreed with as many greedy clients as it takes for all the memory of the server.
func TestFaultGreedOfSeveral(t *testing.T) { faultGreed(t, 3, depotSetup{}) }

func faultGreed(t *testing.T, hoarders int, hoarder depotSetup) {
	leaktest.Check(t)
	const wait, connBytes = 2 * time.Second, 8 << 20
	memory := c2.MemoryConfig{ConnBytes: connBytes, MaxBytes: 2 * connBytes, SpillBytes: -1, Wait: wait}
	_, hoarder.Address = startDepot(t, depotSetup{Memory: memory})
	d, _ := connectDepot(t, hoarder.Address, c2.MemoryConfig{})
	var greedy []*child.Program
	for range hoarders {
		c := child.Start(t, "depot-hoard", hoarder.String())
		// Where several have all the memory of the server, none of them has what it may have.
		if line := c.Line(t); line != "busy" && (line != "full" || hoarders == 1) {
			t.Fatalf("the hoarder says %q", line)
		}
		greedy = append(greedy, c)
	}
	var longest time.Duration
	for i := range 100 {
		begun := time.Now()
		if err := bothWays(t.Context(), d, 100<<10); err != nil {
			t.Fatalf("call %d of the other client: %v", i, err)
		}
		longest = max(longest, time.Since(begun))
		if longest > wait/2 {
			t.Fatalf("call %d of the other client took %v, beside one that waits %v for its own memory", i, longest, wait)
		}
	}
	t.Logf("the longest of 100 calls took %v", longest)
	for _, c := range greedy {
		c.Stop(t)
	}
	await.True(t, "the server has all its memory back", func() bool {
		stats, err := d.Memory(t.Context())
		return err == nil && stats.LentBlocks == 0 && stats.Connections == 1
	})
}

const (
	crowd      = 200
	crowdBytes = 64 << 20
)

// depotCrowd is many clients, each of which holds a little and asks for more.
func depotCrowd(s depotSetup) error {
	ended := child.UntilInputEnds()
	errs := make([]error, s.Count)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { errs[i] = depotVisitor(ended, s, uint64(i)) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func depotVisitor(ended context.Context, s depotSetup, seed uint64) error {
	tell := func(err error) error {
		fmt.Println(err)
		return err
	}
	node, err := s.newNode()
	if err != nil {
		return tell(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	d, err := c2.Connect[Depot](ctx, "depot", c2.On(node), c2.At(s.Address))
	if err != nil {
		return tell(err)
	}
	hctx, held := c2.Hold(ctx)
	defer held.Release()
	const little = 20 << 10
	goods, err := d.Fetch(hctx, seed, little)
	if err != nil {
		return tell(fmt.Errorf("what is held: %w", err))
	}
	for range 5 {
		if err := bothWays(ctx, d, little+int(seed)); err != nil {
			return tell(err)
		}
	}
	if !intact(goods, seed) {
		return tell(errSpoiled)
	}
	fmt.Println("served")
	<-ended.Done()
	return errors.Join(c2.Close(d), node.Shutdown(ctx))
}

// TestFaultCrowd has many clients hold a little each, for which the server has memory enough: it serves all, and has no more
// memory than it may.
func TestFaultCrowd(t *testing.T) {
	leaktest.Check(t)
	memory := c2.MemoryConfig{MaxBytes: crowdBytes, SpillBytes: -1, Wait: 2 * time.Second}
	node := newNode(t, c2.SharedMemory(memory), c2.Logger(zerolog.Nop()))
	if err := hostDepot(node, func() {}); err != nil {
		t.Fatal(err)
	}
	clients := child.Start(t, "depot-crowd", depotSetup{Address: node.Address(), Count: crowd}.String())
	refused := 0
	for range crowd {
		if line := clients.Line(t); line != "served" {
			if refused++; refused <= 3 {
				t.Error(line)
			}
		}
		if stats := node.MemoryStats(); stats.Bytes > crowdBytes {
			t.Errorf("the server has %d bytes of memory, and may have %d", stats.Bytes, crowdBytes)
		}
	}
	stats := node.MemoryStats()
	t.Logf("%d of %d clients were refused; they hold %d bytes in memory of %d", refused, crowd, stats.Lent, stats.Bytes)
	if refused == 0 {
		clients.Stop(t)
	} else {
		clients.Kill()
	}
	await.True(t, "the server has all its memory back", func() bool { return node.MemoryStats().Bytes == 0 })
}

// TestFaultScarcity has calls in both directions that need more memory together than either side has: they wait for each
// other's, and as none holds any for longer than it runs, all of them end well.
func TestFaultScarcity(t *testing.T) {
	leaktest.Check(t)
	memory := c2.MemoryConfig{ConnBytes: 8 << 20, SpillBytes: -1, Dedicated: 1 << 20}
	_, address := startDepot(t, depotSetup{Memory: memory})
	d, client := connectDepot(t, address, memory)
	calls := 100
	if race.Enabled || testing.Short() {
		calls = 20
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			rng := seeded(g)
			for i := range calls {
				n := []int{20 << 10, 300 << 10, 2 << 20, 5 << 20}[rng.IntN(4)]
				if err := bothWays(t.Context(), d, n); err != nil {
					t.Errorf("caller %d, call %d: %v", g, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	server, err := d.Memory(t.Context())
	if mine := client.MemoryStats(); err != nil || server.Busy+mine.Busy > 0 || server.Chunks+mine.Chunks > 0 {
		t.Errorf("the server sent %+v, the client %+v (%v)", server, mine, err)
	}
}
