package buddy

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
)

// MinAlign is the least that any block is aligned to, relative to the start of its region; it is the smallest minimal
// block. A block of 64 bytes or more never shares a cache line with another one.
const MinAlign = 64

const (
	maxMinBlock = 4096
	maxUnits    = 1 << 30
	maxStripes  = 16
)

// ErrNotAllocated is returned for an offset at which no allocated block begins: it was freed already, or never was one.
var ErrNotAllocated = errors.New("no allocated block begins there: it was freed before, or is not one of this allocator")

// Allocator carves a region into blocks by the buddy system. It knows offsets only: whether they lie in a []byte, a
// [Segment] or a file is its user's business, and nothing of its state lies in the region.
//
// A block has a power of two of bytes, at least the minimal block, and is aligned to its size. All methods are safe for
// concurrent use. A block that was freed lately is found again without a lock, and first; what is not found that way
// is split off, or joined with its buddies, under a mutex, in O(log n). Nothing is allocated from the Go heap after New.
type Allocator struct {
	shift  int // log2 of the minimal block
	orders int // the order of the region, plus one

	// owned has, for each unit at which an allocated block begins, the block's order plus one; else zero. Whoever
	// makes it zero has freed the block, which is how a second Free of it is found out.
	owned []atomic.Uint32

	// magazines are free blocks that tree counts as taken, by stripe and order. Goroutines are spread over the
	// stripes so that few of them meet.
	magazines [][]magazine

	// starved is the least order that could not be had even after all magazines were drained, or more than any
	// order has. It spares a full region the lock. See carve for why it is never wrong to those who wait for memory.
	starved atomic.Uint32

	mu   sync.Mutex
	tree *tree
}

// New returns an allocator for a region of size bytes that gives out blocks of minBlock bytes and more. Both are
// powers of two, minBlock from 64 to 4096, size at least minBlock and at most 2^30 times that.
//
// Its own state takes a little more than 4 bytes of ordinary memory for each minBlock of the region.
func New(size uint64, minBlock int) (*Allocator, error) {
	switch {
	case minBlock < MinAlign || minBlock > maxMinBlock || minBlock&(minBlock-1) != 0:
		return nil, fmt.Errorf("buddy: a minimal block of %d bytes: use a power of two from %d to %d", minBlock, MinAlign, maxMinBlock)
	case size&(size-1) != 0 || size < uint64(minBlock) || size/uint64(minBlock) > maxUnits:
		return nil, fmt.Errorf("buddy: a region of %d bytes: use a power of two from %d to %d", size, minBlock, uint64(minBlock)*maxUnits)
	}
	units := size / uint64(minBlock)
	order := bits.Len64(units) - 1
	a := &Allocator{
		shift:     bits.Len(uint(minBlock)) - 1,
		orders:    order + 1,
		owned:     make([]atomic.Uint32, units),
		magazines: make([][]magazine, stripes()),
		tree:      newTree(order),
	}
	for i := range a.magazines {
		a.magazines[i] = make([]magazine, a.orders)
	}
	a.starved.Store(uint32(a.orders))
	return a, nil
}

// stripes is a power of two, and twice the number of goroutines that run at once, up to a bound: two that share a stripe
// take up to twice as long, and to look through more stripes takes longer as well.
func stripes() int {
	return min(2<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)), maxStripes)
}

// Capacity is the size of the region.
func (a *Allocator) Capacity() uint64 { return uint64(len(a.owned)) << a.shift }

// Alloc returns the offset of a block of at least n bytes, or false if there is none. An n of zero is as good as one.
func (a *Allocator) Alloc(n uint64) (off uint64, ok bool) {
	off, _, ok = a.alloc(n)
	return off, ok
}

// alloc is Alloc that also returns the size of the block.
func (a *Allocator) alloc(n uint64) (off, size uint64, ok bool) {
	order := a.order(n)
	if order >= a.orders {
		return 0, 0, false
	}
	unit, ok := a.recent(order)
	if !ok {
		if unit, ok = a.carve(order); !ok {
			return 0, 0, false
		}
	}
	if invariants && a.owned[unit].Load() != 0 {
		panic("buddy: invariant broken: a block is given out twice")
	}
	a.owned[unit].Store(uint32(order) + 1)
	return uint64(unit) << a.shift, 1 << (a.shift + order), true
}

// Free gives back the block at off. It returns [ErrNotAllocated], and does nothing, if no allocated block begins there.
func (a *Allocator) Free(off uint64) error { return a.free(off, nil) }

// free is Free of an allocator whose region is mem, or is not known.
func (a *Allocator) free(off uint64, mem []byte) error {
	owned, unit := a.at(off)
	if owned == nil {
		return ErrNotAllocated
	}
	mark := owned.Load()
	if mark == 0 || !owned.CompareAndSwap(mark, 0) {
		return ErrNotAllocated
	}
	order := int(mark) - 1
	if mem != nil {
		poison(mem[off : off+1<<(a.shift+order)])
	}
	a.giveBack(unit, order)
	return nil
}

// Size returns how many bytes the block at off has, and whether there is one.
func (a *Allocator) Size(off uint64) (size uint64, ok bool) {
	owned, _ := a.at(off)
	if owned == nil {
		return 0, false
	}
	mark := owned.Load()
	if mark == 0 {
		return 0, false
	}
	return 1 << (a.shift + int(mark) - 1), true
}

// at returns the unit that begins at off and what is known of it, or nil if none begins there.
func (a *Allocator) at(off uint64) (owned *atomic.Uint32, unit uint32) {
	i := off >> a.shift
	if i >= uint64(len(a.owned)) || i<<a.shift != off {
		return nil, 0
	}
	return &a.owned[i], uint32(i)
}

// order is that of the smallest block with n bytes.
func (a *Allocator) order(n uint64) int {
	if n <= 1<<a.shift {
		return 0
	}
	return bits.Len64(n-1) - a.shift
}

// recent returns a block that was freed lately, by this goroutine if possible.
func (a *Allocator) recent(order int) (unit uint32, ok bool) {
	if invariants && rand.IntN(8) == 0 {
		return 0, false // so that tests see more of the tree
	}
	own := stripe()
	for i := range a.magazines {
		stripe := a.magazines[(own+i)&(len(a.magazines)-1)]
		if unit, ok := stripe[order].pop(); ok {
			return unit, true
		}
	}
	return 0, false
}

func (a *Allocator) giveBack(unit uint32, order int) {
	if !a.magazines[stripe()&(len(a.magazines)-1)][order].push(unit) {
		a.mu.Lock()
		a.tree.give(unit, order)
		a.mu.Unlock()
	}
	if a.starved.Load() != uint32(a.orders) {
		a.starved.Store(uint32(a.orders))
	}
}

// carve returns a block from the tree, with all that was freed joined again if there is no other way.
//
// It says that an order is starved before it drains, and giveBack looks at starved after it gave back. So either the
// block is there for the drain, or giveBack sees the order starved and unsays it: no memory is free that a later
// Alloc would not look for.
func (a *Allocator) carve(order int) (unit uint32, ok bool) {
	if order >= int(a.starved.Load()) {
		return 0, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if unit, ok = a.tree.take(order); ok {
		return unit, true
	}
	a.starved.Store(uint32(order))
	a.drainLocked()
	if unit, ok = a.tree.take(order); ok {
		a.starved.Store(uint32(a.orders))
	}
	return unit, ok
}

// unused reports whether no block is allocated. What is freed before the call counts.
func (a *Allocator) unused() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drainLocked()
	return a.tree.freeUnits == uint64(len(a.owned))
}

// drainLocked gives all that the magazines keep to the tree.
func (a *Allocator) drainLocked() {
	for _, stripe := range a.magazines {
		for order := range stripe {
			stripe[order].drain(func(unit uint32) { a.tree.give(unit, order) })
		}
	}
}
