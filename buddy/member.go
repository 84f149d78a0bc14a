package buddy

import "sync/atomic"

// member is a segment of a pool: one that is carved into blocks, or a single large block.
type member struct {
	id      uint32
	segment *Segment
	blocks  *Allocator  // nil if it is a single block
	used    atomic.Bool // whether that block is allocated
	touched atomic.Bool // whether a block was allocated or freed since the last sweep; see Pool.sweep
}

// touch says that the segment is in use. It mostly reads, so that goroutines on several cores may do it all the time.
func (m *member) touch() {
	if !m.touched.Load() {
		m.touched.Store(true)
	}
}

// carve allocates a block of n bytes.
func (m *member) carve(n int) (Block, bool) {
	off, size, ok := m.blocks.alloc(uint64(n))
	if !ok {
		return Block{}, false
	}
	m.touch()
	return Block{m.id, off, m.segment.mem[off : off+uint64(n) : off+size]}, true
}

// whole allocates the single block. Only the pool does that, for a block that it knows is free.
func (m *member) whole(n int) Block {
	m.touch()
	m.used.Store(true)
	return Block{m.id, 0, m.segment.mem[:n]}
}

// free gives back the block at off.
func (m *member) free(off uint64) error {
	m.touch()
	if m.blocks != nil {
		return m.blocks.free(off, m.segment.mem)
	}
	if off != 0 || !m.used.CompareAndSwap(true, false) {
		return ErrNotAllocated
	}
	poison(m.segment.mem)
	return nil
}

// takeAll allocates the whole of a carved segment, if all of it is free, so that nobody else can.
func (m *member) takeAll() bool {
	_, ok := m.blocks.Alloc(m.blocks.Capacity())
	return ok
}

// unused reports whether no block of it is allocated.
func (m *member) unused() bool {
	if m.blocks == nil {
		return !m.used.Load()
	}
	return m.blocks.unused()
}

// memory is how many bytes of a Budget it takes: none if it is a file.
func (m *member) memory() int64 {
	if m.segment.onDisk {
		return 0
	}
	return m.segment.Size()
}

// poison makes memory that was given back unusable in builds with invariants, so that tests see who uses it still.
func poison(mem []byte) {
	if !invariants {
		return
	}
	mem[0] = 0xdb
	for n := 1; n < len(mem); n *= 2 {
		copy(mem[n:], mem[:n])
	}
}
