package buddy_test

import (
	"context"
	"errors"
	"math/rand/v2"
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

// sharing is small of a pool that may have all of a Budget.
func sharing(b *buddy.Budget) buddy.Config {
	config := small()
	config.MaxBytes, config.Budget = 1<<30, b
	return config
}

func wantUsed(t *testing.T, b *buddy.Budget, want int64) {
	t.Helper()
	if got := b.Stats().Used; got != want {
		t.Errorf("%d bytes of the Budget are used, want %d", got, want)
	}
}

func TestBudgetBoundsAllPools(t *testing.T) {
	leaktest.Check(t)
	b := buddy.NewBudget(16 << 20)
	first, second := newPool(t, sharing(b)), newPool(t, sharing(b))
	mustAlloc(t, first, 10<<20)
	mustAlloc(t, second, 5<<20)
	mustAlloc(t, second, 1)
	for _, p := range []*buddy.Pool{first, second} {
		if _, err := p.Alloc(2 << 20); !errors.Is(err, buddy.ErrExhausted) || !strings.Contains(err.Error(), "Budget") {
			t.Errorf("past the Budget: %v, want ErrExhausted of the Budget", err)
		}
		if _, err := p.Alloc(17 << 20); !errors.Is(err, buddy.ErrTooLarge) || !strings.Contains(err.Error(), "Budget") {
			t.Errorf("more than the Budget: %v, want ErrTooLarge of the Budget", err)
		}
		if n := p.Stats().Exhausted; n != 1 {
			t.Errorf("a pool was exhausted %d times, want once", n)
		}
	}
	if got, want := b.Stats(), (buddy.BudgetStats{Limit: 16 << 20, Used: 16 << 20, Pools: 2}); got != want {
		t.Errorf("Stats() = %+v, want %+v", got, want)
	}
}

func TestNewPoolRefusesABudgetWithoutRoom(t *testing.T) {
	for _, bytes := range []int64{-1, 0, 1<<20 - 1} {
		b := buddy.NewBudget(bytes)
		if _, err := buddy.NewPool(sharing(b)); err == nil || !strings.Contains(err.Error(), "Budget") {
			t.Errorf("a Budget of %d bytes: %v, want an error that names it", bytes, err)
		}
		if n := b.Stats().Pools; n != 0 {
			t.Errorf("%d pools share a Budget that was refused", n)
		}
	}
}

func TestAPoolTakesTheBestSizeThatTheBudgetHasRoomFor(t *testing.T) {
	b := buddy.NewBudget(5 << 20)
	p := newPool(t, sharing(b))
	for _, want := range []int64{1 << 20, 2 << 20, 4 << 20, 5 << 20} { // the last would have had 4 MiB
		mustAlloc(t, p, 512<<10)
		for p.Stats().Free > 0 {
			mustAlloc(t, p, 512<<10)
		}
		wantUsed(t, b, want)
	}
}

// What other pools keep for later goes first to who needs it now, whichever kind it is.
func TestUnusedSegmentsOfOthersMakeRoom(t *testing.T) {
	leaktest.Check(t)
	b := buddy.NewBudget(16 << 20)
	dropped := make(map[uint32]bool)
	config := sharing(b)
	config.OnDrop = func(id uint32) { dropped[id] = true }
	other, p := newPool(t, config), newPool(t, sharing(b))
	large, carved := mustAlloc(t, other, 8<<20), mustAlloc(t, other, 1)
	mustFree(t, other, large)
	mustFree(t, other, carved)
	own := mustAlloc(t, p, 2<<20)
	mustFree(t, p, own)

	mustAlloc(t, p, 14<<20)
	if !dropped[large.Segment] || !dropped[carved.Segment] || other.Stats().Segments != 0 {
		t.Errorf("dropped are %v, want both segments of the other pool", dropped)
	}
	if s := p.Stats(); s.Dropped != 0 {
		t.Error("the pool gave back its own segment, and there was enough of the other's")
	}
	wantUsed(t, b, 16<<20)
}

func TestOwnUnusedSegmentsMakeRoomInTheBudget(t *testing.T) {
	p := newPool(t, sharing(buddy.NewBudget(16<<20)))
	for _, n := range []int{10 << 20, 12 << 20, 1, 16 << 20} {
		mustFree(t, p, mustAlloc(t, p, n))
	}
}

func TestALargeSegmentIsTakenWhereTheBudgetHasNoRoomForANewOne(t *testing.T) {
	p := newPool(t, sharing(buddy.NewBudget(16<<20)))
	large := mustAlloc(t, p, 15<<20)
	mustFree(t, p, large)
	if b := mustAlloc(t, p, 2<<20); b.Segment != large.Segment {
		t.Error("a warm segment was dropped for a new one")
	}
}

// Warm memory is not given up for who can't be helped by it.
func TestNothingIsGivenBackThatIsNotEnough(t *testing.T) {
	b := buddy.NewBudget(16 << 20)
	other, p := newPool(t, sharing(b)), newPool(t, sharing(b))
	mustAlloc(t, p, 10<<20)
	mustFree(t, other, mustAlloc(t, other, 4<<20))
	if _, err := p.Alloc(7 << 20); !errors.Is(err, buddy.ErrExhausted) {
		t.Errorf("the error is %v, want ErrExhausted", err)
	}
	if s := other.Stats(); s.Dropped != 0 {
		t.Errorf("the other pool dropped %d segments for nothing", s.Dropped)
	}
	mustAlloc(t, p, 6<<20)
	wantUsed(t, b, 16<<20)
}

func TestFilesDoNotCountAgainstTheBudget(t *testing.T) {
	leaktest.Check(t)
	b := buddy.NewBudget(4 << 20)
	config := sharing(b)
	config.SpillDir = t.TempDir()
	p := newPool(t, config)
	memory := mustAlloc(t, p, 3<<20)
	for _, n := range []int{2 << 20, 20 << 20} { // no room, and never any
		file := mustAlloc(t, p, n)
		if s := p.Stats(); s.FileBytes != uint64(n) {
			t.Errorf("%d bytes are in files, want %d", s.FileBytes, n)
		}
		wantUsed(t, b, 3<<20)
		mustFree(t, p, file)
	}
	mustFree(t, p, memory)
	mustAlloc(t, p, 20<<20)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	wantUsed(t, b, 0)
}

func TestWhatIsNotMadeDoesNotCount(t *testing.T) {
	b := buddy.NewBudget(16 << 20)
	config := sharing(b)
	config.SpillDir = t.TempDir()
	config.OnSegment = func(uint32, *buddy.Segment) error { return errors.New("no") }
	p := newPool(t, config)
	for _, n := range []int{1, 4 << 20, 20 << 20} { // the last would be a file
		if _, err := p.Alloc(n); err == nil {
			t.Errorf("Alloc(%d) gives no error", n)
		}
		wantUsed(t, b, 0)
	}
}

func TestCloseGivesTheShareBack(t *testing.T) {
	b := buddy.NewBudget(16 << 20)
	first, second := newPool(t, sharing(b)), newPool(t, sharing(b))
	mustAlloc(t, first, 8<<20)
	mustAlloc(t, first, 1)
	mustFree(t, first, mustAlloc(t, first, 2<<20))
	mustAlloc(t, second, 1)
	for range 2 {
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		if got, want := b.Stats(), (buddy.BudgetStats{Limit: 16 << 20, Used: 1 << 20, Pools: 1}); got != want {
			t.Errorf("Stats() = %+v, want %+v", got, want)
		}
	}
}

// A pool that is closed while it makes a segment gives that back as well.
func TestCloseWhileASegmentIsMade(t *testing.T) {
	for _, n := range []int{1, 4 << 20} {
		b := buddy.NewBudget(16 << 20)
		making, closed := make(chan bool), make(chan bool)
		config := sharing(b)
		config.OnSegment = func(uint32, *buddy.Segment) error { close(making); <-closed; return nil }
		p := newPool(t, config)
		result := make(chan error)
		go func() {
			_, err := p.Alloc(n)
			result <- err
		}()
		<-making
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		close(closed)
		if err := <-result; !errors.Is(err, buddy.ErrClosed) {
			t.Errorf("Alloc(%d) gives %v, want ErrClosed", n, err)
		}
		wantUsed(t, b, 0)
	}
}

func TestTrim(t *testing.T) {
	leaktest.Check(t)
	b := buddy.NewBudget(64 << 20)
	var dropped atomic.Int32
	config := sharing(b)
	config.OnDrop = func(uint32) { dropped.Add(1) }
	p := newPool(t, config)
	p.Trim() // of nothing
	used := mustAlloc(t, p, 100)
	fill(used.Bytes, 1)
	var blocks []buddy.Block
	for p.Stats().Segments < 3 {
		blocks = append(blocks, mustAlloc(t, p, 100<<10))
	}
	for _, block := range append(blocks, mustAlloc(t, p, 2<<20)) {
		mustFree(t, p, block)
	}
	p.Trim()
	if s := p.Stats(); s.Segments != 1 || s.Dropped != 3 || dropped.Load() != 3 || s.Capacity != 1<<20 {
		t.Errorf("Stats() = %+v, want one segment of 1 MiB, and three dropped; OnDrop heard of %d", s, dropped.Load())
	}
	wantUsed(t, b, 1<<20)
	if !filled(used.Bytes, 1) {
		t.Error("a block in use has changed")
	}
	mustFree(t, p, used)
	p.Trim()
	wantUsed(t, b, 0)
	mustAlloc(t, p, 100) // and it begins anew
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	p.Trim() // does nothing
}

// Whatever another pool does that could help is heard by who waits. Each event is a single one, and time does not help.
func TestAllocWaitIsWokenByAnotherPool(t *testing.T) {
	type setting struct {
		other  *buddy.Pool
		blocks []buddy.Block
		refuse chan bool // lets the segment that is being made go wrong
	}
	for _, c := range []struct {
		name  string
		alloc []int // what the other pool has
		need  int   // of 16 MiB
		event func(t *testing.T, s setting)
	}{
		{"it frees a large block", []int{12 << 20}, 15 << 20, func(t *testing.T, s setting) {
			mustFree(t, s.other, s.blocks[0])
		}},
		{"it frees the last block of a segment", []int{1}, 16 << 20, func(t *testing.T, s setting) {
			mustFree(t, s.other, s.blocks[0])
		}},
		{"it frees the last blocks of two segments", []int{600 << 10, 600 << 10, 1}, 16 << 20, func(t *testing.T, s setting) {
			for _, block := range s.blocks {
				mustFree(t, s.other, block)
				synctest.Wait()
			}
		}},
		{"it is closed", []int{1, 12 << 20}, 15 << 20, func(t *testing.T, s setting) {
			if err := s.other.Close(); err != nil {
				t.Error(err)
			}
		}},
		{"it does not get a segment made", nil, 15 << 20, func(_ *testing.T, s setting) {
			close(s.refuse)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := setting{refuse: make(chan bool)}
				b := buddy.NewBudget(16 << 20)
				config := sharing(b)
				config.IdleTime = 1000 * time.Hour // so that no sweep helps
				p := newPool(t, config)
				if c.alloc == nil {
					config.OnSegment = func(uint32, *buddy.Segment) error { <-s.refuse; return errors.New("no") }
				}
				s.other = newPool(t, config)
				for _, n := range c.alloc {
					s.blocks = append(s.blocks, mustAlloc(t, s.other, n))
				}
				if c.alloc == nil {
					go s.other.Alloc(4 << 20)
					synctest.Wait()
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				result := make(chan error, 1)
				go func() {
					_, err := p.AllocWait(ctx, c.need)
					result <- err
				}()
				synctest.Wait()
				if n := p.Stats().Waiting; n != 1 {
					t.Fatalf("%d wait, want one", n)
				}
				c.event(t, s)
				if err := <-result; err != nil {
					t.Errorf("who waited got %v", err)
				}
			})
		})
	}
}

// Memory that is on its way back is not in use: who needs it waits that long, and does not fail.
func TestAllocWaitsForWhatIsOnItsWayBack(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		b := buddy.NewBudget(16 << 20)
		told := make(chan bool)
		config := sharing(b)
		config.OnDrop = func(uint32) { <-told }
		other, p := newPool(t, config), newPool(t, sharing(b))
		mustFree(t, other, mustAlloc(t, other, 12<<20))
		go other.Trim()
		synctest.Wait()
		result := make(chan error, 1)
		go func() {
			_, err := p.Alloc(15 << 20)
			result <- err
		}()
		synctest.Wait()
		if len(result) != 0 {
			t.Fatalf("Alloc gives %v while the memory is on its way", <-result)
		}
		if _, err := p.Alloc(17 << 20); !errors.Is(err, buddy.ErrTooLarge) {
			t.Errorf("the error is %v, want ErrTooLarge", err)
		}
		close(told)
		if err := <-result; err != nil {
			t.Errorf("Alloc gives %v", err)
		}
	})
}

// Two pools that each need what the other keeps, all the time, get it in turn.
func TestPoolsTrimEachOther(t *testing.T) {
	leaktest.Check(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := buddy.NewBudget(2 << 20)
	var all sync.WaitGroup
	for range 2 {
		p := newPool(t, sharing(b))
		all.Go(func() {
			for i := range 300 {
				block, err := p.AllocWait(ctx, 1+i%2*(3<<19)) // carved, or large, which has no room beside any other
				if err != nil {
					t.Error(err)
					return
				}
				if err := p.Free(block.Segment, block.Offset); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// Many pools with many who wait, all of them served, whatever else goes on: sweeps, trims, and pools that come and go. The
// memory that readers could see never passes the limit.
func TestBudgetUnderPressure(t *testing.T) {
	leaktest.Check(t)
	const pools, workers, rounds = 4, 3, 150
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b := buddy.NewBudget(4 << 20)
	var seen atomic.Int64 // bytes between OnSegment and OnDrop
	var all sync.WaitGroup
	var kept []*buddy.Pool
	for range pools {
		config := sharing(b)
		config.IdleTime = time.Millisecond
		sizes := new(sync.Map)
		config.OnSegment = func(id uint32, s *buddy.Segment) error {
			sizes.Store(id, s.Size())
			if n := seen.Add(s.Size()); n > 4<<20 {
				t.Errorf("%d bytes are there, beyond the limit", n)
			}
			return nil
		}
		config.OnDrop = func(id uint32) {
			size, _ := sizes.Load(id)
			seen.Add(-size.(int64))
		}
		p := newPool(t, config)
		kept = append(kept, p)
		for worker := range workers {
			all.Go(func() { usePool(ctx, t, p, uint64(worker), rounds) })
		}
	}
	all.Go(func() { // pools that are closed with blocks in use; they do not tell when those go, so they are not in seen
		for range 30 {
			p := newPool(t, sharing(b))
			if _, err := p.AllocWait(ctx, 1); err != nil {
				t.Error(err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	mustFree(t, kept[0], mustAlloc(t, kept[0], 4<<20)) // all of it, in one piece
	for _, p := range kept {
		if s := p.Stats(); s.Used != 0 || s.Waiting != 0 {
			t.Errorf("at the end Stats() = %+v", s)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	if got, want := b.Stats(), (buddy.BudgetStats{Limit: 4 << 20}); got != want {
		t.Errorf("all is closed, and Stats() = %+v, want %+v", got, want)
	}
}

// usePool allocates and frees blocks of up to 2 MiB, one at a time, and finds out whether anybody else wrote to them.
func usePool(ctx context.Context, t *testing.T, p *buddy.Pool, seed uint64, rounds int) {
	random := rand.New(rand.NewPCG(seed, 5))
	for round := range rounds {
		block, err := p.AllocWait(ctx, 1+random.IntN(1<<(8+random.IntN(14))))
		if err != nil {
			t.Error(err)
			return
		}
		mark := byte(seed*37) + byte(round)
		fill(block.Bytes, mark)
		if random.IntN(8) == 0 {
			p.Trim()
		}
		if !filled(block.Bytes, mark) {
			t.Errorf("block %d of segment %d was written by another", block.Offset, block.Segment)
		}
		if err := p.Free(block.Segment, block.Offset); err != nil {
			t.Error(err)
		}
	}
}
