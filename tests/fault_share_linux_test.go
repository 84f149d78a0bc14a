package tests

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
)

// What is shared stays whole, whatever else goes on.

// visitDepot makes a connection, large calls on it, and an end of it.
func visitDepot(address string, memory c2.MemoryConfig) error {
	node, err := c2.NewNode(c2.SharedMemory(memory), c2.Logger(zerolog.Nop()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	d, err := c2.Connect[Depot](ctx, "depot", c2.On(node), c2.At(address))
	if err != nil {
		return err
	}
	return errors.Join(bothWays(ctx, d, 20<<10), bothWays(ctx, d, 2<<20), bothWays(ctx, d, 20<<20), c2.Close(d), node.Shutdown(ctx))
}

// TestFaultHeldForLong holds large results while others of many times the server's memory come and go, on its own connection
// and on others that share the server's budget, for longer than anything waits or is kept for: they stay as they were.
func TestFaultHeldForLong(t *testing.T) {
	leaktest.Check(t)
	const connBytes, maxBytes = 48 << 20, 64 << 20
	total, long := 2<<30, 6*time.Second
	if race.Enabled || testing.Short() {
		total, long = 256<<20, 0
	}
	memory := c2.MemoryConfig{ConnBytes: connBytes, MaxBytes: maxBytes, Dedicated: 1 << 20, SpillBytes: -1}
	_, address := startDepot(t, depotSetup{Memory: memory})
	d, _ := connectDepot(t, address, c2.MemoryConfig{})
	other, _ := connectDepot(t, address, c2.MemoryConfig{})
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	sizes := []int{20 << 10, 100 << 10, 600 << 10, 2 << 20, 5 << 20}
	var shelf [][]byte
	for i, n := range sizes {
		fetch := d.Fetch
		if i%2 == 1 {
			fetch = d.Lease
		}
		goods, err := fetch(ctx, uint64(n), n)
		if err != nil {
			t.Fatal(err)
		}
		shelf = append(shelf, goods)
	}
	check := func() {
		t.Helper()
		for i, goods := range shelf {
			if !intact(goods, uint64(sizes[i])) {
				t.Fatalf("what is held of %d bytes has changed", sizes[i])
			}
		}
	}
	rng := seeded(1)
	moved := 0
	for n, begun := 0, time.Now(); moved < total || time.Since(begun) < long; moved += n {
		n = 20<<10 + rng.IntN(12<<20)
		from := d
		if rng.IntN(4) == 0 {
			from = other
		}
		if err := fetchGoods(t.Context(), from, rng.Uint64(), n); err != nil {
			t.Fatalf("after %d bytes: %v", moved, err)
		}
		if rng.IntN(16) == 0 {
			check()
		}
	}
	check()
	stats, err := d.Memory(t.Context())
	if err != nil || stats.Bytes > maxBytes || stats.Chunks+stats.Spilled > 0 {
		t.Errorf("the server has, and sends, %+v (%v)", stats, err)
	}
}

// TestFaultVeryLarge moves what is larger than any segment that others could have used, with all settings as they are.
func TestFaultVeryLarge(t *testing.T) {
	if race.Enabled || testing.Short() {
		t.Skip("takes 2 GiB of memory, and with the race detector three times that")
	}
	leaktest.Check(t)
	defer debug.FreeOSMemory()
	t.Run("300 MiB", func(t *testing.T) {
		_, address := startDepot(t, depotSetup{})
		d, node := connectDepot(t, address, c2.MemoryConfig{})
		if err := bothWays(t.Context(), d, 300<<20); err != nil {
			t.Error(err)
		}
		expectDedicated(t, d, node)
	})
	debug.FreeOSMemory()
	t.Run("600 MiB", func(t *testing.T) {
		const seed, n = 11, 600 << 20
		_, address := startDepot(t, depotSetup{})
		d, node := connectDepot(t, address, c2.MemoryConfig{})
		ctx, loan, err := c2.Lend(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		defer loan.Release()
		if err := storeGoods(ctx, d, seed, stock(c2.Alloc[byte](ctx, n), seed)); err != nil {
			t.Error(err)
		}
		loan.Release()
		ctx, held := c2.Hold(t.Context())
		defer held.Release()
		goods, err := d.Lease(ctx, seed, n)
		if err != nil || len(goods) != n || !intact(goods, seed) {
			t.Errorf("%d bytes came back (%v)", len(goods), err)
		}
		if node.MemoryStats().Attached == 0 {
			t.Error("a loan of 600 MiB was copied")
		}
		held.Release()
		if err := bothWays(t.Context(), d, 20<<10); err != nil {
			t.Error(err)
		}
	})
}

func expectDedicated(t *testing.T, d Depot, client *c2.Node) {
	t.Helper()
	server, err := d.Memory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for side, stats := range map[string]struct{ Dedicated, Spilled, Chunks uint64 }{
		"server": {server.Dedicated, server.Spilled, server.Chunks},
		"client": {client.MemoryStats().Dedicated, client.MemoryStats().Spilled, client.MemoryStats().Chunks},
	} {
		if stats.Dedicated != 1 || stats.Spilled+stats.Chunks > 0 {
			t.Errorf("the %s sends %+v", side, stats)
		}
	}
}

// TestFaultForeignBlocks has a client give back what another one holds: to the server the first is the one that lies,
// and the second has what it had.
func TestFaultForeignBlocks(t *testing.T) {
	leaktest.Check(t)
	_, address := startDepot(t, depotSetup{})
	d, _ := connectDepot(t, address, c2.MemoryConfig{})
	const n = 100 << 10
	dial := func() (*wireMemory, wireResource) {
		m := greetMemory(t, address, wireChunks|wireShared, wireMaxFrame)
		return m, m.resolve("depot")
	}
	fetch := func(m *wireMemory, r wireResource, seed uint64) *wireEnd {
		end := m.call(r.request(t, "Fetch", cborUint(seed), cborUint(n)))
		if end.code != 0 || len(end.refs) != 1 {
			t.Fatalf("code %d with %d references", end.code, len(end.refs))
		}
		return end
	}
	lent := func() int {
		stats, err := d.Memory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return stats.LentBlocks
	}
	holder, depot := dial()
	var shelf []*wireEnd
	for seed := range uint64(5) {
		shelf = append(shelf, fetch(holder, depot, seed))
	}

	t.Run("by a client that has none", func(t *testing.T) {
		thief, _ := dial()
		thief.giveBack(shelf[0].refs...)
		thief.expectBreach()
	})
	t.Run("by a client that has one of that name", func(t *testing.T) {
		thief, depot := dial()
		own := fetch(thief, depot, 77)
		if own.refs[0].place() != shelf[0].refs[0].place() {
			t.Fatalf("its first block is %+v, the other's %+v: this test shows nothing", own.refs[0], shelf[0].refs[0])
		}
		thief.giveBack(shelf[0].refs[0]) // its own, as far as the server can tell
		fetch(thief, depot, 78)          // which may lie in the same place
		thief.giveBack(shelf[1].refs[0], shelf[2].refs[0], shelf[3].refs[0], shelf[4].refs[0])
		thief.expectBreach()
	})
	await.True(t, "only what the holder has is lent", func() bool { return lent() == len(shelf) })

	for range 20 {
		if err := bothWays(t.Context(), d, n); err != nil {
			t.Fatal(err)
		}
		end := fetch(holder, depot, 99)
		holder.giveBack(end.refs...)
	}
	for seed, end := range shelf {
		goods, ok := parseCBOR(t, end.payload).([]any)[0].([]byte)
		if !ok || !intact(goods, uint64(seed)) {
			t.Errorf("result %d of the holder has changed", seed)
		}
		holder.giveBack(end.refs...)
	}
	await.True(t, "nothing is lent any more", func() bool { return lent() == 0 })
	before := footprintOf(t, os.Getpid())
	thief, depot := dial()
	end := fetch(thief, depot, 1)
	thief.giveBack(end.refs[0], end.refs[0])
	thief.expectBreach()
	thief.conn.Close()
	thief.unmap()
	if now := footprintOf(t, os.Getpid()); !now.within(before) {
		t.Errorf("this process has %+v, and had %+v", now, before)
	}
}
