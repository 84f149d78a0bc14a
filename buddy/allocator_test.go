package buddy_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

func TestNewRefuses(t *testing.T) {
	for _, bad := range []struct {
		name     string
		size     uint64
		minBlock int
	}{
		{"a block that is too small", 1 << 20, 32},
		{"a block that is too large", 1 << 20, 8192},
		{"a block that is no power of two", 1 << 20, 96},
		{"a negative block", 1 << 20, -64},
		{"no region", 0, 64},
		{"a region that is no power of two", 3 << 20, 64},
		{"a region smaller than a block", 64, 128},
		{"a region that is too large", 1 << 40, 64},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if _, err := buddy.New(bad.size, bad.minBlock); err == nil {
				t.Errorf("New(%d, %d) gives no error", bad.size, bad.minBlock)
			}
		})
	}
}

func TestFreeRefuses(t *testing.T) {
	a := newAllocator(t, 1<<20, 64)
	off, ok := a.Alloc(4096)
	if !ok {
		t.Fatal("no block")
	}
	freed, _ := a.Alloc(64)
	if err := a.Free(freed); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []struct {
		name string
		off  uint64
	}{
		{"a block that was freed before", freed},
		{"the middle of a block", off + 64},
		{"what is not aligned", off + 1},
		{"a free part", 1 << 19},
		{"the end of the region", 1 << 20},
		{"what overflows", 1<<64 - 1},
		{"what is a block's in its low bits", off + 1<<32<<6},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if err := a.Free(bad.off); !errors.Is(err, buddy.ErrNotAllocated) {
				t.Errorf("Free(%#x) = %v, want ErrNotAllocated", bad.off, err)
			}
			if size, ok := a.Size(bad.off); ok {
				t.Errorf("Size(%#x) = %d, want none", bad.off, size)
			}
		})
	}
}

func TestAllocOfMoreThanThereIs(t *testing.T) {
	a := newAllocator(t, 1<<20, 64)
	for _, n := range []uint64{1<<20 + 1, 1 << 40, 1<<63 + 1, 1<<64 - 1} {
		if off, ok := a.Alloc(n); ok {
			t.Errorf("Alloc(%d) = %d", n, off)
		}
	}
}

func TestAllocatorAllocatesNothingOnTheHeap(t *testing.T) {
	a := newAllocator(t, 1<<20, 64)
	if allocs := testing.AllocsPerRun(1000, func() {
		small, _ := a.Alloc(64)
		large, _ := a.Alloc(64 << 10)
		if a.Free(small) != nil || a.Free(large) != nil {
			t.Error("a block can't be freed")
		}
	}); allocs != 0 {
		t.Errorf("%v allocations for two blocks, want none", allocs)
	}
}

// Two goroutines free the same block: one of them did.
func TestConcurrentDoubleFree(t *testing.T) {
	a := newAllocator(t, 1<<16, 64)
	for range 2000 {
		off, ok := a.Alloc(64)
		if !ok {
			t.Fatal("no block")
		}
		var freed atomic.Int32
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if a.Free(off) == nil {
					freed.Add(1)
				}
			})
		}
		both.Wait()
		if n := freed.Load(); n != 1 {
			t.Fatalf("%d of two goroutines freed a block, want one", n)
		}
	}
	if s := a.Stats(); s.Free != s.Capacity {
		t.Errorf("%d bytes are free at the end, want all %d", s.Free, s.Capacity)
	}
}

// Each block is given to one goroutine only, and nothing gets lost, when many allocate and free at once, of which some
// free what others allocated.
func TestConcurrentUse(t *testing.T) {
	const workers, rounds = 8, 5000
	type block struct {
		off  uint64
		n    int
		seed byte
	}
	region := make([]byte, 1<<20)
	a := newAllocator(t, uint64(len(region)), 64)
	passed := make(chan block, 16)
	check := func(b block) {
		if !filled(region[b.off:b.off+uint64(b.n)], b.seed) {
			t.Errorf("the block at %d was written by another", b.off)
		}
		if err := a.Free(b.off); err != nil {
			t.Errorf("Free(%d) = %v", b.off, err)
		}
	}
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			var mine []block
			for round := range rounds {
				n := 1 + random.IntN(64<<random.IntN(9))
				if off, ok := a.Alloc(uint64(n)); ok {
					b := block{off, n, byte(worker*31 + round)}
					fill(region[off:off+uint64(n)], b.seed)
					mine = append(mine, b)
				}
				for len(mine) > random.IntN(20) {
					last := mine[len(mine)-1]
					mine = mine[:len(mine)-1]
					select {
					case passed <- last:
					case other := <-passed:
						check(other)
						check(last)
					default:
						check(last)
					}
				}
			}
			for _, b := range mine {
				check(b)
			}
		})
	}
	all.Wait()
	close(passed)
	for b := range passed {
		check(b)
	}
	want := buddy.Stats{Capacity: 1 << 20, Free: 1 << 20, LargestFree: 1 << 20}
	if got := a.Stats(); got != want {
		t.Errorf("at the end Stats() = %+v, want %+v", got, want)
	}
}

// What was freed before an Alloc is there for it, however the two came together before: the mark that spares a full
// region the search must not outlive a Free. The region has two blocks and one of them is freed while both are asked
// for at once.
func TestNoFreeMemoryIsMissed(t *testing.T) {
	a := newAllocator(t, 2*64, 64)
	for range 20_000 {
		first, _ := a.Alloc(64)
		second, ok := a.Alloc(64)
		if !ok {
			t.Fatal("no block")
		}
		if err := a.Free(first); err != nil {
			t.Fatal(err)
		}
		var ready atomic.Int32
		var freeing sync.WaitGroup
		meet := func() {
			for ready.Add(1); ready.Load() < 2; {
				runtime.Gosched()
			}
		}
		freeing.Go(func() {
			meet()
			if err := a.Free(second); err != nil {
				t.Error(err)
			}
		})
		meet()
		both, ok := a.Alloc(2 * 64)
		freeing.Wait()
		if !ok {
			if both, ok = a.Alloc(2 * 64); !ok {
				t.Fatal("all is free, and can't be allocated")
			}
		}
		if err := a.Free(both); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFragmentation(t *testing.T) {
	a := newAllocator(t, 64*4, 64)
	var offs [4]uint64
	for i := range offs {
		offs[i], _ = a.Alloc(64)
	}
	if f := a.Stats().Fragmentation(); f != 0 {
		t.Errorf("nothing is free, and the fragmentation is %v", f)
	}
	for _, i := range []int{0, 2} {
		if err := a.Free(offs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if f := a.Stats().Fragmentation(); f != 0.5 {
		t.Errorf("two blocks of one are free, and the fragmentation is %v, want 0.5", f)
	}
}
