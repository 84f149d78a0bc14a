package buddy_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// small is a configuration whose steps are easy to reach.
func small() buddy.Config {
	return buddy.Config{MaxBytes: 16 << 20, MinSegment: 1 << 20, MaxSegment: 4 << 20, Large: 1 << 20, IdleTime: time.Minute}
}

func TestNewPoolNamesEveryFault(t *testing.T) {
	_, err := buddy.NewPool(buddy.Config{
		MaxBytes: -1, MinSegment: 100, MaxSegment: 3 << 20, MinBlock: 7, Large: -1, KeepBytes: -1, IdleTime: -1, SpillBytes: -1,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"MaxBytes", "MinSegment", "MaxSegment", "minimal block", "Large", "KeepBytes", "IdleTime", "SpillBytes"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
	for _, most := range []int64{4096, 100_000, 1 << 20, 1 << 40} {
		if os.Getpagesize() <= 4096 {
			newPool(t, buddy.Config{MaxBytes: most}) // the other defaults fit
		}
	}
}

func TestPoolGrowsByWhatItHas(t *testing.T) {
	leaktest.Check(t)
	var sizes []int64
	config := small()
	config.OnSegment = func(id uint32, s *buddy.Segment) error {
		if id == 0 {
			t.Error("a segment has the name zero")
		}
		sizes = append(sizes, s.Size())
		return nil
	}
	p := newPool(t, config)
	if s := p.Stats(); s.Capacity != 0 || len(sizes) != 0 {
		t.Errorf("a new pool has %d bytes, want none", s.Capacity)
	}
	for range 32 {
		mustAlloc(t, p, 512<<10)
	}
	want := []int64{1 << 20, 1 << 20, 2 << 20, 4 << 20, 4 << 20, 4 << 20}
	if len(sizes) != len(want) {
		t.Fatalf("the segments have %v, want %v", sizes, want)
	}
	for i := range want {
		if sizes[i] != want[i] {
			t.Errorf("the segments have %v, want %v", sizes, want)
		}
	}
	if _, err := p.Alloc(1); !errors.Is(err, buddy.ErrExhausted) {
		t.Errorf("a block beyond the bound: %v, want ErrExhausted", err)
	}
	if s := p.Stats(); s.Capacity != 16<<20 || s.Free != 0 || s.Exhausted != 1 || s.Segments != 6 || s.Blocks != 32 {
		t.Errorf("Stats() = %+v", s)
	}
}

func TestBlockHasWhatWasAskedFor(t *testing.T) {
	p := newPool(t, small())
	for _, n := range []int{0, 1, 511, 512, 513, 100_000, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5_000_000} {
		b := mustAlloc(t, p, n)
		if len(b.Bytes) != n || cap(b.Bytes) < n {
			t.Errorf("Alloc(%d) has length %d and capacity %d", n, len(b.Bytes), cap(b.Bytes))
		}
		fill(b.Bytes[:cap(b.Bytes)], 1)
		mustFree(t, p, b)
	}
	if _, err := p.Alloc(-1); err == nil {
		t.Error("a block of -1 bytes gives no error")
	}
	for _, n := range []int{16<<20 + 1, 1 << 40} {
		if _, err := p.Alloc(n); !errors.Is(err, buddy.ErrTooLarge) {
			t.Errorf("Alloc(%d) = %v, want ErrTooLarge", n, err)
		}
	}
}

func TestPoolFreeRefuses(t *testing.T) {
	p := newPool(t, small())
	carved, large, freed := mustAlloc(t, p, 4096), mustAlloc(t, p, 2<<20), mustAlloc(t, p, 4096)
	mustFree(t, p, freed)
	freedLarge := mustAlloc(t, p, 3<<20)
	mustFree(t, p, freedLarge)
	for _, bad := range []struct {
		name    string
		segment uint32
		offset  uint64
	}{
		{"no segment", 0, 0},
		{"a segment that never was", 99, 0},
		{"a block that was freed before", freed.Segment, freed.Offset},
		{"a large block that was freed before", freedLarge.Segment, 0},
		{"the middle of a block", carved.Segment, carved.Offset + 512},
		{"the middle of a large block", large.Segment, 4096},
		{"what is not aligned", carved.Segment, carved.Offset + 1},
		{"past the end", carved.Segment, 1 << 40},
		{"what overflows", carved.Segment, 1<<64 - 1},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if err := p.Free(bad.segment, bad.offset); !errors.Is(err, buddy.ErrNotAllocated) {
				t.Errorf("the error is %v, want ErrNotAllocated", err)
			}
		})
	}
	mustFree(t, p, carved)
	mustFree(t, p, large)
	if s := p.Stats(); s.Used != 0 || s.Blocks != 0 {
		t.Errorf("at the end %d bytes in %d blocks are used, want none", s.Used, s.Blocks)
	}
}

// A peer that knows each segment by OnSegment and OnDrop can read each block that there is.
func TestReaderSeesEachBlock(t *testing.T) {
	leaktest.Check(t)
	views := make(map[uint32]*buddy.View)
	config := small()
	config.SpillDir = t.TempDir()
	config.OnSegment = func(id uint32, s *buddy.Segment) error {
		views[id] = attach(t, s)
		return nil
	}
	config.OnDrop = func(id uint32) {
		views[id].Release()
		delete(views, id)
	}
	p := newPool(t, config)
	random := rand.New(rand.NewPCG(1, 2))
	var live []buddy.Block
	for range 500 {
		n := random.IntN(1 << random.IntN(23))
		b := mustAlloc(t, p, n)
		fill(b.Bytes, byte(b.Offset>>9)+byte(b.Segment))
		live = append(live, b)
		if len(live) > random.IntN(10) {
			last := live[random.IntN(len(live))]
			live = remove(live, last)
			seen, err := views[last.Segment].Slice(last.Offset, uint64(len(last.Bytes)))
			if err != nil || !filled(seen, byte(last.Offset>>9)+byte(last.Segment)) {
				t.Fatalf("the reader does not see block %d of segment %d: %v", last.Offset, last.Segment, err)
			}
			mustFree(t, p, last)
		}
	}
	for _, v := range views {
		v.Release()
	}
}

func remove(list []buddy.Block, b buddy.Block) []buddy.Block {
	for i := range list {
		if list[i].Segment == b.Segment && list[i].Offset == b.Offset {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

func TestOnSegmentRefuses(t *testing.T) {
	leaktest.Check(t)
	refusal := errors.New("no")
	config := small()
	config.OnSegment = func(uint32, *buddy.Segment) error { return refusal }
	p := newPool(t, config)
	for _, n := range []int{1, 2 << 20} {
		if _, err := p.Alloc(n); !errors.Is(err, refusal) {
			t.Errorf("Alloc(%d) = %v, want what OnSegment said", n, err)
		}
	}
	if s := p.Stats(); s.Segments != 0 || s.Capacity != 0 {
		t.Errorf("the pool has %d segments, want none", s.Segments)
	}
}

func TestLargeBlocksAreReused(t *testing.T) {
	p := newPool(t, small())
	first, second := mustAlloc(t, p, 2<<20), mustAlloc(t, p, 2<<20)
	mustFree(t, p, first)
	mustFree(t, p, second)
	if b := mustAlloc(t, p, 2<<20-5); b.Segment != second.Segment {
		t.Errorf("got segment %d, want %d, which was used last", b.Segment, second.Segment)
	}
	if b := mustAlloc(t, p, 3<<20); b.Segment == first.Segment {
		t.Error("a larger block has a segment that is too small")
	}
	if s := p.Stats(); s.Warm != 2<<20 || s.Created != 3 {
		t.Errorf("%d bytes are kept and %d segments were made; want 2 MiB and 3", s.Warm, s.Created)
	}
}

func TestALargeBlockIsSparedForALargerOne(t *testing.T) {
	p := newPool(t, small())
	large := mustAlloc(t, p, 8<<20)
	mustFree(t, p, large)
	spared := mustAlloc(t, p, 2<<20)
	if spared.Segment == large.Segment {
		t.Error("a block of 2 MiB has a segment of 8, and there was room for another")
	}
	if b := mustAlloc(t, p, 5<<20); b.Segment != large.Segment {
		t.Error("a block of 5 MiB does not have the segment of 8 that is free")
	}
}

func TestALargeBlockIsTakenWhereThereIsNoRoomForANewOne(t *testing.T) {
	p := newPool(t, small())
	large := mustAlloc(t, p, 15<<20)
	mustFree(t, p, large)
	if b := mustAlloc(t, p, 2<<20); b.Segment != large.Segment {
		t.Error("a warm segment was dropped for a new one")
	}
}

func TestKeepBytesBoundsWhatIsKept(t *testing.T) {
	config := small()
	config.KeepBytes = 5 << 20
	p := newPool(t, config)
	blocks := []buddy.Block{mustAlloc(t, p, 2<<20), mustAlloc(t, p, 2<<20), mustAlloc(t, p, 2<<20), mustAlloc(t, p, 6<<20)}
	for _, b := range blocks {
		mustFree(t, p, b)
	}
	if s := p.Stats(); s.Warm != 4<<20 || s.Dropped != 2 {
		t.Errorf("%d bytes are kept and %d segments were dropped; want 4 MiB and 2", s.Warm, s.Dropped)
	}
	if err := p.Free(blocks[0].Segment, 0); !errors.Is(err, buddy.ErrNotAllocated) {
		t.Errorf("freeing a block of a segment that is gone: %v", err)
	}
}

// Memory that nobody uses makes room for what is asked for, whichever kind it is.
func TestUnusedSegmentsMakeRoom(t *testing.T) {
	p := newPool(t, small())
	for _, n := range []int{16 << 20, 512 << 10, 16 << 20, 12 << 20, 16 << 20} {
		mustFree(t, p, mustAlloc(t, p, n))
	}
	used := mustAlloc(t, p, 1)
	if _, err := p.Alloc(16 << 20); !errors.Is(err, buddy.ErrExhausted) {
		t.Errorf("all but one block: %v, want ErrExhausted", err)
	}
	mustFree(t, p, used)
	mustAlloc(t, p, 16<<20)
}

func TestSpill(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	config := small()
	config.SpillDir, config.SpillBytes = dir, 40<<20
	p := newPool(t, config)
	inMemory := mustAlloc(t, p, 16<<20)
	spilled := mustAlloc(t, p, 20<<20)
	alsoSpilled := mustAlloc(t, p, 2<<20)
	if s := p.Stats(); s.Files != 2 || s.FileBytes != 22<<20 {
		t.Errorf("%d bytes in %d files, want 22 MiB in 2", s.FileBytes, s.Files)
	}
	fill(spilled.Bytes, 1)
	if _, err := p.Alloc(20 << 20); !errors.Is(err, buddy.ErrExhausted) {
		t.Errorf("past both bounds: %v, want ErrExhausted", err)
	}
	if _, err := p.Alloc(41 << 20); !errors.Is(err, buddy.ErrTooLarge) {
		t.Errorf("more than may be in files: %v, want ErrTooLarge", err)
	}
	if _, err := p.Alloc(1); !errors.Is(err, buddy.ErrExhausted) {
		t.Errorf("a small block has a file: %v, want ErrExhausted", err)
	}
	for _, b := range []buddy.Block{inMemory, spilled, alsoSpilled} {
		mustFree(t, p, b)
	}
	if s := p.Stats(); s.Files != 0 || s.FileBytes != 0 {
		t.Errorf("%d files are kept", s.Files)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the directory has %v, %v", entries, err)
	}
}

func TestIdleSegmentsGoBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		leaktest.Check(t)
		var dropped []uint32
		config := small()
		config.OnDrop = func(id uint32) { dropped = append(dropped, id) }
		p := newPool(t, config)
		blocks := []buddy.Block{mustAlloc(t, p, 1), mustAlloc(t, p, 2<<20)}
		time.Sleep(time.Hour + time.Second) // between two looks
		if s := p.Stats(); s.Segments != 2 {
			t.Errorf("%d segments have blocks in use, and %d are left", 2, s.Segments)
		}
		for _, b := range blocks {
			mustFree(t, p, b)
		}
		time.Sleep(config.IdleTime)
		if s := p.Stats(); s.Segments != 2 {
			t.Errorf("%d segments are left before their time, want 2", s.Segments)
		}
		time.Sleep(config.IdleTime)
		if s := p.Stats(); s.Segments != 0 || s.Capacity != 0 || len(dropped) != 2 {
			t.Errorf("%d segments are left after their time, want none; dropped are %v", s.Segments, dropped)
		}
		mustFree(t, p, mustAlloc(t, p, 1)) // and it begins anew
	})
}

func TestBusySegmentsStay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		config := small()
		p := newPool(t, config)
		for range 100 {
			mustFree(t, p, mustAlloc(t, p, 1))
			mustFree(t, p, mustAlloc(t, p, 2<<20))
			time.Sleep(config.IdleTime / 2)
		}
		if s := p.Stats(); s.Created != 2 || s.Dropped != 0 {
			t.Errorf("%d segments were made and %d dropped, want 2 and none", s.Created, s.Dropped)
		}
	})
}

func TestAllocWaitIsFirstComeFirstServed(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newPool(t, small())
		var blocks []buddy.Block
		for range 4 {
			blocks = append(blocks, mustAlloc(t, p, 4<<20))
		}
		var served []int
		for i, n := range []int{8 << 20, 4 << 20, 1} {
			go func() {
				if _, err := p.AllocWait(t.Context(), n); err != nil {
					t.Error(err)
				}
				served = append(served, i) // they are served one at a time: see the Waits
			}()
			synctest.Wait()
		}
		for i, want := range []int{0, 1, 2} { // the first needs two blocks
			mustFree(t, p, blocks[i])
			synctest.Wait()
			if len(served) != want {
				t.Errorf("after %d blocks were freed %v are served, want %d", i+1, served, want)
			}
		}
		if s := p.Stats(); s.Waiting != 1 {
			t.Errorf("%d wait, want 1", s.Waiting)
		}
		mustFree(t, p, blocks[3])
		synctest.Wait()
		if len(served) != 3 || served[0] != 0 || served[1] != 1 || served[2] != 2 {
			t.Errorf("served were %v, want 0 1 2", served)
		}
	})
}

func TestAllocWaitEndsWithItsContext(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newPool(t, small())
		all := mustAlloc(t, p, 16<<20)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var second error
		go func() { // behind the one that gives up
			_, second = p.AllocWait(t.Context(), 1)
		}()
		_, err := p.AllocWait(ctx, 1)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, buddy.ErrExhausted) {
			t.Errorf("the error is %v, want DeadlineExceeded and ErrExhausted", err)
		}
		mustFree(t, p, all)
		synctest.Wait()
		if s := p.Stats(); second != nil || s.Blocks != 1 || s.Waiting != 0 {
			t.Errorf("the other one got %v; %d blocks are used, and %d wait", second, s.Blocks, s.Waiting)
		}
	})
}

// One who gives up stands no longer in the way of the next, for whom there is enough.
func TestAllocWaitLetsTheNextOneTry(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newPool(t, small())
		mustAlloc(t, p, 14<<20)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := p.AllocWait(ctx, 4<<20)
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := p.AllocWait(t.Context(), 1)
			second <- err
		}()
		synctest.Wait()
		if s := p.Stats(); s.Waiting != 2 {
			t.Errorf("%d wait, want 2", s.Waiting)
		}
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v, want Canceled", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the second got %v", err)
		}
	})
}

func TestAllocWaitDoesNotWaitForWhatCannotBe(t *testing.T) {
	p := newPool(t, small())
	if _, err := p.AllocWait(t.Context(), 17<<20); !errors.Is(err, buddy.ErrTooLarge) {
		t.Errorf("the error is %v, want ErrTooLarge", err)
	}
}

func TestCloseWakesWhoWaits(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		p := newPool(t, small())
		block := mustAlloc(t, p, 16<<20)
		errs := make(chan error)
		for range 2 {
			go func() {
				_, err := p.AllocWait(t.Context(), 1)
				errs <- err
			}()
		}
		synctest.Wait()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, buddy.ErrClosed) {
				t.Errorf("who waited got %v, want ErrClosed", err)
			}
		}
		if err := p.Free(block.Segment, block.Offset); !errors.Is(err, buddy.ErrNotAllocated) {
			t.Errorf("freeing after Close: %v", err)
		}
		for _, n := range []int{1, 2 << 20} {
			if _, err := p.Alloc(n); !errors.Is(err, buddy.ErrClosed) {
				t.Errorf("Alloc(%d) after Close: %v, want ErrClosed", n, err)
			}
		}
		if block.Bytes[0] != 0 {
			t.Error("a block of a closed pool is not zero")
		}
	})
}

// Many who allocate, wait and free, with little memory and segments that come and go: all are served, no block is given
// to two, and nothing is left.
func TestPoolUnderPressure(t *testing.T) {
	leaktest.Check(t)
	const workers, rounds = 8, 300
	config := small()
	config.MaxBytes = 6 << 20
	config.IdleTime = time.Millisecond
	var made, dropped atomic.Int32
	config.OnSegment = func(uint32, *buddy.Segment) error { made.Add(1); return nil }
	config.OnDrop = func(uint32) { dropped.Add(1) }
	p := newPool(t, config)
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 3))
			for round := range rounds {
				b, err := p.AllocWait(t.Context(), 1+random.IntN(1<<(8+random.IntN(14))))
				if err != nil {
					t.Error(err)
					return
				}
				seed := byte(worker*37 + round)
				fill(b.Bytes, seed)
				if random.IntN(4) == 0 {
					p.Stats()
				}
				if !filled(b.Bytes, seed) {
					t.Errorf("block %d of segment %d was written by another", b.Offset, b.Segment)
				}
				if err := p.Free(b.Segment, b.Offset); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if s := p.Stats(); s.Used != 0 || s.Blocks != 0 || s.Waiting != 0 || s.Free != s.Capacity {
		t.Errorf("at the end Stats() = %+v", s)
	}
	mustAlloc(t, p, 6<<20) // all of it is there, in one piece
	t.Logf("%d segments were made and %d dropped", made.Load(), dropped.Load())
}

func TestPoolClosesUnderUse(t *testing.T) {
	leaktest.Check(t)
	for range 20 {
		p := newPool(t, small())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := 0; ; i++ {
					b, err := p.Alloc(1 << (i % 22))
					if errors.Is(err, buddy.ErrClosed) {
						return
					}
					if err != nil && !errors.Is(err, buddy.ErrExhausted) {
						t.Error(err)
						return
					}
					if err == nil {
						clear(b.Bytes)
						_ = p.Free(b.Segment, b.Offset) // it may be closed by now
					}
				}
			})
		}
		mustAllocOrClosed(t, p)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
	}
}

func mustAllocOrClosed(t *testing.T, p *buddy.Pool) {
	t.Helper()
	for range 100 {
		if b, err := p.Alloc(100); err == nil {
			mustFree(t, p, b)
		}
	}
}
