package buddy

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Budget bounds the memory of all pools that share it, together: see [Config]. It is for a process that has many pools, each
// of which may become large, but not all at once. There is no share that a pool is sure of; Config.MaxBytes bounds what
// one can take from the others.
//
// It counts segments, used or not, from before they are made until after they were given back, so that their memory is never
// more than the Budget. Files do not count. A pool that needs a segment for which there is no room has the others
// give back what they do not use, and itself last, if that makes room enough. A Budget without pools holds nothing, and needs
// no closing.
//
// A call of [Pool.AllocWait] is woken by the other pools as well. It counts itself as waiting before it tries; whoever gives
// bytes back, or frees the last block of a segment, looks for those who wait only after that. So either the one who
// waits finds the memory, or he is found waiting and tries again. That look is at one number, and all of the
// Budget that a Free without a segment touches.
type Budget struct {
	limit   int64
	waiting atomic.Int32 // calls of AllocWait, in all pools; read without mu

	mu     sync.Mutex // taken last
	used   int64
	coming int64      // what of used was announced and not delivered
	came   *sync.Cond // coming has become less
	pools  []*Pool    // never changed in place
}

// BudgetStats says how a Budget is used.
type BudgetStats struct {
	Limit int64 // what NewBudget was given
	Used  int64 // bytes of the segments of all pools
	Pools int   // how many share it and are not closed
}

// NewBudget returns a Budget of so many bytes, which must be positive: [NewPool] refuses one that has no room for a segment.
// See [MachineMemory] for what there is.
func NewBudget(bytes int64) *Budget {
	b := &Budget{limit: bytes}
	b.came = sync.NewCond(&b.mu)
	return b
}

// Stats returns the figures.
func (b *Budget) Stats() BudgetStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return BudgetStats{b.limit, b.used, len(b.pools)}
}

// The methods below do for a nil Budget what is right if there is none.

// most is the size of the largest segment that there could ever be.
func (b *Budget) most() int64 {
	if b == nil {
		return math.MaxInt64
	}
	return b.limit
}

// room is how much could be taken now.
func (b *Budget) room() int64 {
	if b == nil {
		return math.MaxInt64
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit - b.used
}

// take sets bytes aside, if there is room.
func (b *Budget) take(size int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if size > b.limit-b.used {
		return false
	}
	b.used += size
	return true
}

// give gives back what take took.
func (b *Budget) give(size int64) { b.change(-size, 0) }

// announce says that so many bytes are about to be delivered.
func (b *Budget) announce(size int64) { b.change(0, size) }

// deliver is give of what was announced.
func (b *Budget) deliver(size int64) { b.change(-size, -size) }

func (b *Budget) change(used, coming int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.used += used
	b.coming += coming
	if invariants && (b.used < b.coming || b.coming < 0) {
		panic("buddy: invariant broken: a Budget got more back than was taken")
	}
	b.came.Broadcast()
	b.mu.Unlock()
	if used < 0 {
		b.wake()
	}
}

// makeRoom has the pools give back what they do not use until there is room for size bytes, p last. It reports whether it
// found enough, and spares all of it if it did not: memory that was used before is dear.
//
// No lock is held from one pool to the next. So another pool may take what was meant for p, and p has to try again.
func (b *Budget) makeRoom(p *Pool, size int64) bool {
	if b == nil {
		return true
	}
	pools := append(without(b.all(), p), p)
	if !b.enough(pools, size) {
		return false
	}
	for _, p := range pools {
		p.dropUnused(size - b.expected())
	}
	b.await(size)
	return true
}

// await waits for what others are giving back already, if that makes room enough: to do so oneself would take no less. One who
// waits gives nothing back meanwhile, so no two can wait for each other.
func (b *Budget) await(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for room := b.limit - b.used; room < size && size <= room+b.coming; room = b.limit - b.used {
		b.came.Wait()
	}
}

// expected is the room that there will be when all that was announced is delivered.
func (b *Budget) expected() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.limit - b.used + b.coming
}

// enough reports whether there is room for size bytes, or would be if the pools gave back what they do not use.
func (b *Budget) enough(pools []*Pool, size int64) bool {
	room := b.expected()
	for _, p := range pools {
		if room >= size {
			break
		}
		room += p.unusedBytes()
	}
	return room >= size
}

// join has p share the Budget.
func (b *Budget) join(p *Pool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools = append(slices.Clone(b.pools), p)
}

// leave undoes join.
func (b *Budget) leave(p *Pool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pools = without(b.pools, p)
}

// all is the pools that share the Budget.
func (b *Budget) all() []*Pool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pools
}

func without(pools []*Pool, p *Pool) []*Pool {
	return slices.DeleteFunc(slices.Clone(pools), func(other *Pool) bool { return other == p })
}

// wait counts one who begins or, with -1, ends to wait.
func (b *Budget) wait(n int32) {
	if b != nil {
		b.waiting.Add(n)
	}
}

// awaited reports whether anybody waits.
func (b *Budget) awaited() bool { return b != nil && b.waiting.Load() != 0 }

// wake has those try again who are the first to wait in their pool.
func (b *Budget) wake() {
	if !b.awaited() {
		return
	}
	for _, p := range b.all() {
		p.waiters.wake()
	}
}
