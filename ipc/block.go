package ipc

import (
	"slices"
	"sync"
	"sync/atomic"
)

// block is memory of this side's that peers can read. It goes back to where it came from when nobody has it any more:
// neither a payload on its way out, nor a loan, nor a peer.
type block struct {
	home    home
	segment uint32
	offset  uint64
	bytes   []byte
	taken   uint64 // bytes of memory that it takes; the allocator rounds up
	step    step
	holders atomic.Int32
}

// home is where blocks come from.
type home interface {
	// free takes back a block that nobody has.
	free(*block)
}

func newBlock(h home, segment uint32, offset uint64, bytes []byte) *block {
	b := &block{home: h, segment: segment, offset: offset, bytes: bytes, taken: uint64(cap(bytes))}
	b.holders.Store(1)
	return b
}

func (b *block) retain() { b.holders.Add(1) }

func (b *block) release() {
	if b.holders.Add(-1) == 0 {
		b.home.free(b)
	}
}

// contains tells whether all of mem lies in the block, and where.
func (b *block) contains(mem []byte) (offset uint64, ok bool) {
	start, base := address(mem), address(b.bytes)
	return uint64(start - base), start >= base && start+uintptr(len(mem)) <= base+uintptr(len(b.bytes))
}

// ranges finds the block that memory belongs to.
type ranges struct {
	count atomic.Int32 // of list; read without mu

	mu   sync.Mutex
	list []span // ordered
}

// span is a block and the addresses that it has.
type span struct {
	start, end uintptr
	block      *block
}

func (r *ranges) empty() bool { return r.count.Load() == 0 }

func (r *ranges) add(b *block) {
	start := address(b.bytes)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.after(start)
	r.list = slices.Insert(r.list, i, span{start, start + uintptr(len(b.bytes)), b})
	r.count.Store(int32(len(r.list)))
}

// remove forgets blocks, in one pass however many they are.
func (r *ranges) remove(blocks ...*block) {
	gone := func(s span) bool { return slices.Contains(blocks, s.block) }
	if len(blocks) > 8 {
		set := make(map[*block]bool, len(blocks))
		for _, b := range blocks {
			set[b] = true
		}
		gone = func(s span) bool { return set[s.block] }
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, gone)
	r.count.Store(int32(len(r.list)))
}

// after is the index of the first span that begins after at.
func (r *ranges) after(at uintptr) int {
	i, _ := slices.BinarySearchFunc(r.list, at, func(s span, at uintptr) int {
		if s.start <= at {
			return -1
		}
		return 1
	})
	return i
}

// find returns the block that all of mem lies in, retained, and where in it.
func (r *ranges) find(mem []byte) (b *block, offset uint64, ok bool) {
	if r.empty() {
		return nil, 0, false
	}
	start := address(mem)
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.after(start) - 1
	if i < 0 || start+uintptr(len(mem)) > r.list[i].end {
		return nil, 0, false
	}
	s := r.list[i]
	s.block.retain()
	return s.block, uint64(start - s.start), true
}

func (r *ranges) bytes() (n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.list {
		n += uint64(s.end - s.start)
	}
	return n
}
