package buddy

import "sync/atomic"

// magazineDepth is how many blocks a magazine keeps: as many as fit a cache line.
const magazineDepth = 16

// magazine is a small stack of free blocks of one order that any number of goroutines use without a lock.
//
// A slot holds a unit plus one, or zero. Whoever replaces a block by zero owns the block, whatever happened to the
// slot before: a slot says nothing about its neighbours, so that there is no ABA problem to solve. Goroutines that meet
// may leave a gap, which hides what lies above it from pop until the gap is filled or the magazine drained; that costs
// a detour, never a block.
type magazine struct {
	slots [magazineDepth]atomic.Uint32
}

// push keeps unit, unless the magazine is full.
func (m *magazine) push(unit uint32) bool {
	if m.slots[magazineDepth-1].Load() != 0 {
		return false // spare the search
	}
	for i := range m.slots {
		if m.slots[i].Load() == 0 && m.slots[i].CompareAndSwap(0, unit+1) {
			return true
		}
	}
	return false
}

// pop takes the block that was kept last.
func (m *magazine) pop() (unit uint32, ok bool) {
	top := 0
	for top < magazineDepth && m.slots[top].Load() != 0 {
		top++
	}
	for i := top - 1; i >= 0; i-- {
		if slot := m.slots[i].Load(); slot != 0 && m.slots[i].CompareAndSwap(slot, 0) {
			return slot - 1, true
		}
	}
	return 0, false
}

// drain takes all blocks, one after the other.
func (m *magazine) drain(take func(unit uint32)) {
	for i := range m.slots {
		if m.slots[i].Load() == 0 {
			continue
		}
		if slot := m.slots[i].Swap(0); slot != 0 {
			take(slot - 1)
		}
	}
}
