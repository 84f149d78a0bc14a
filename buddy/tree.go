package buddy

import "math/bits"

// tree is the buddy system proper: which blocks of each order are free, with splitting and coalescing. A block is
// named by its unit, the number of the minimal block that it begins with; one of order k has 1<<k units. It gives
// out the lowest free block that fits best, so that the upper end of a region stays free, and cold, for longest.
//
// It is not safe for concurrent use.
type tree struct {
	free      []bitmap // by order: the free blocks, numbered by unit>>order
	available uint64   // the orders of which free has any, as bits
	freeUnits uint64
	taken     []int // by order: blocks given out and not given back
}

// newTree returns a tree of a single free block of the given order.
func newTree(order int) *tree {
	t := &tree{free: make([]bitmap, order+1), taken: make([]int, order+1)}
	for k := range t.free {
		t.free[k] = newBitmap(1 << (order - k))
	}
	t.insert(0, order)
	t.freeUnits = 1 << order
	return t
}

// take returns a block of the given order, split off a larger one if need be.
func (t *tree) take(order int) (unit uint32, ok bool) {
	fitting := t.available >> order << order
	if fitting == 0 {
		return 0, false
	}
	k := bits.TrailingZeros64(fitting)
	unit = t.free[k].first() << k
	t.remove(unit, k)
	for k > order {
		k--
		t.insert(unit+1<<k, k)
	}
	t.taken[order]++
	t.freeUnits -= 1 << order
	return unit, true
}

// give takes a block back that take returned, and joins it with its buddies as far as they are free.
func (t *tree) give(unit uint32, order int) {
	if invariants {
		t.mustBeTaken(unit, order)
	}
	t.taken[order]--
	t.freeUnits += 1 << order
	for order < len(t.free)-1 && t.free[order].has(unit>>order^1) {
		t.remove(unit^1<<order, order)
		order++ // the bits of unit below it no longer count
	}
	t.insert(unit, order)
}

// largest returns the order of the largest free block, or -1.
func (t *tree) largest() int { return bits.Len64(t.available) - 1 }

func (t *tree) insert(unit uint32, order int) {
	if t.free[order].add(unit >> order) {
		t.available |= 1 << order
	}
}

func (t *tree) remove(unit uint32, order int) {
	if t.free[order].remove(unit >> order) {
		t.available &^= 1 << order
	}
}

// mustBeTaken panics if a free block overlaps the given one.
func (t *tree) mustBeTaken(unit uint32, order int) {
	for k := range t.free {
		first, last := unit>>k, (unit+1<<order-1)>>k
		for i := first; i <= last; i++ {
			if t.free[k].has(i) {
				panic("buddy: invariant broken: a block that is given back was free")
			}
		}
	}
}
