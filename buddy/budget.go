package buddy

import (
	"fmt"
	"slices"
)

// budget is how much of something a pool may have and how much it has, with what is being made.
type budget struct {
	limit, used int64
}

// take sets aside the first of the given sizes that there is room for.
func (b *budget) take(sizes ...int64) (size int64, ok bool) {
	for _, size := range sizes {
		if size <= b.limit-b.used {
			b.used += size
			return size, true
		}
	}
	return 0, false
}

// reserve sets memory aside for a segment of the first of the given sizes that the bound leaves room for, the last of which
// is the least. To make room it gives back what nobody uses, if it must.
func (p *Pool) reserve(sizes ...int64) (int64, error) {
	least := sizes[len(sizes)-1]
	if least > p.memory.limit {
		return 0, fmt.Errorf("buddy: a segment of %d bytes is %w, whose MaxBytes is %d", least, ErrTooLarge, p.memory.limit)
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return 0, ErrClosed
	}
	var unused []*member
	size, ok := p.memory.take(sizes...)
	if !ok {
		unused = p.makeRoomLocked(least)
		size, ok = p.memory.take(least)
	}
	used := p.memory.used
	if !ok {
		p.counts.exhausted++
	}
	p.mu.Unlock()
	p.giveBack(unused)
	if !ok {
		return 0, fmt.Errorf("buddy: %w: %d of MaxBytes %d, and %d more are needed; free blocks, or raise MaxBytes", ErrExhausted, used, p.memory.limit, least)
	}
	return size, nil
}

// unreserve undoes the reservation for a segment that was not made.
func (p *Pool) unreserve(from *budget, size int64) {
	p.mu.Lock()
	from.used -= size
	p.mu.Unlock()
	p.waiters.wake()
}

// makeRoomLocked drops segments without a block until there is room for size bytes more, or none is left. The caller
// gives them back.
func (p *Pool) makeRoomLocked(size int64) (dropped []*member) {
	for _, m := range slices.Concat(p.warm, p.carved.all()) {
		if size <= p.memory.limit-p.memory.used {
			break
		}
		if m.blocks == nil || m.takeAll() {
			p.dropLocked(m)
			dropped = append(dropped, m)
		}
	}
	return dropped
}

// dropLocked forgets a segment of which no block is in use. The caller gives it back when it has unlocked the pool.
func (p *Pool) dropLocked(m *member) {
	p.budgetOf(m).used -= m.segment.Size()
	p.counts.dropped++
	p.members.remove(m)
	p.carved.remove(m)
	p.warm = slices.DeleteFunc(p.warm, func(other *member) bool { return other == m })
	p.background.Add(1)
}

func (p *Pool) budgetOf(m *member) *budget {
	if m.segment.onDisk {
		return &p.files
	}
	return &p.memory
}

// giveBack gives segments that were dropped to the system.
func (p *Pool) giveBack(dropped []*member) {
	for _, m := range dropped {
		p.config.OnDrop(m.id)
		_ = m.segment.Close() // there is nothing that could be done
		p.background.Done()
	}
}
