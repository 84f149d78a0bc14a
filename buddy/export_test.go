package buddy

import (
	"math/bits"
	"sync"

	"golang.org/x/sys/unix"
)

// Locked is the buddy system under a mutex and nothing else, to be measured beside Allocator.
type Locked struct {
	mu   sync.Mutex
	tree *tree
	min  int
}

// NewLocked is New for a Locked.
func NewLocked(size uint64, minBlock int) *Locked {
	shift := bits.Len(uint(minBlock)) - 1
	return &Locked{tree: newTree(bits.Len64(size>>shift) - 1), min: shift}
}

// Alloc is that of Allocator.
func (l *Locked) Alloc(n uint64) (off uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	unit, ok := l.tree.take(l.orderOf(n))
	return uint64(unit) << l.min, ok
}

// FreeSized gives a block of n bytes back; to know n is the caller's business.
func (l *Locked) FreeSized(off, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tree.give(uint32(off>>l.min), l.orderOf(n))
}

func (l *Locked) orderOf(n uint64) int { return max(bits.Len64(n-1)-l.min, 0) }

// Mappings is what a process has mapped.
type Mappings = mappings

// NewMappings returns those of a process with so many of a system that allows so many mappings and addresses.
func NewMappings(most, space int64) *Mappings {
	return &mappings{bounds: func() bounds { return bounds{most, space, space} }}
}

// AddSegment counts a segment.
func (m *mappings) AddSegment() error { return m.addSegment() }

// RemoveSegment counts one less.
func (m *mappings) RemoveSegment() { m.removeSegment() }

// AddView counts a view.
func (m *mappings) AddView(size int64) error { return m.addView(size) }

// RemoveView counts one less.
func (m *mappings) RemoveView(size int64) { m.removeView(size) }

// Retire ends a mapping.
func (m *mappings) Retire(mem []byte) error { return m.retire(mem, unix.PROT_READ) }

// Graves is how many ranges of addresses are kept, and their bytes.
func (m *mappings) Graves() (ranges int, bytes int64) { return len(m.graves), m.graveBytes }

// Address is where mem lies.
func Address(mem []byte) uintptr { return address(mem) }
