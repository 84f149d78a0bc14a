package buddy

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// account is how much of something a pool may have and how much it has, with what is being made.
type account struct {
	limit, used int64
}

func (a *account) room() int64 { return a.limit - a.used }

// reserve sets memory aside for a segment of the first of the given sizes that the bounds leave room for, the last of
// which is the least. To make room it gives back what nobody uses, if it must.
func (p *Pool) reserve(sizes ...int64) (int64, error) {
	least := sizes[len(sizes)-1]
	if least > p.memory.limit {
		return 0, fmt.Errorf("buddy: a segment of %d bytes is %w, whose MaxBytes is %d", least, ErrTooLarge, p.memory.limit)
	}
	if most := p.config.Budget.most(); least > most {
		return 0, fmt.Errorf("buddy: a segment of %d bytes is %w, whose Budget is of %d", least, ErrTooLarge, most)
	}
	size, err := p.take(sizes...)
	for errors.Is(err, ErrExhausted) && p.makeRoom(least) && p.config.Budget.makeRoom(p, least) {
		size, err = p.take(least) // it fails if another one was quicker, and has the memory now
	}
	if errors.Is(err, ErrExhausted) {
		p.mu.Lock()
		p.counts.exhausted++
		p.mu.Unlock()
	}
	return size, err
}

// take is reserve without making room.
func (p *Pool) take(sizes ...int64) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, ErrClosed
	}
	for _, size := range sizes {
		if size <= p.memory.room() && p.config.Budget.take(size) {
			p.memory.used += size
			return size, nil
		}
	}
	least := sizes[len(sizes)-1]
	if least > p.memory.room() {
		return 0, fmt.Errorf("buddy: %w: %d of MaxBytes %d, and %d more are needed; free blocks, or raise MaxBytes",
			ErrExhausted, p.memory.used, p.memory.limit, least)
	}
	s := p.config.Budget.Stats()
	return 0, fmt.Errorf("buddy: %w, as %w: %d pools have %d bytes of a Budget of %d, and %d more are needed; free blocks, or make a larger Budget",
		ErrExhausted, ErrOthers, s.Pools, s.Used, s.Limit, least)
}

// unreserve undoes the reservation for a segment that was not made.
func (p *Pool) unreserve(from *account, size int64) {
	p.mu.Lock()
	from.used -= size
	p.mu.Unlock()
	if from == &p.memory {
		p.config.Budget.give(size)
	}
	p.waiters.wake()
}

// roomLocked is how much memory the pool could have without giving any back.
func (p *Pool) roomLocked() int64 { return min(p.memory.room(), p.config.Budget.room()) }

// Trim gives all segments back to the system that have no block now, and does not wait until they were idle for a time.
// The next blocks have to be carved from new ones.
func (p *Pool) Trim() {
	p.dropUnused(math.MaxInt64)
	p.waiters.wake()
}

// makeRoom gives back segments without a block until MaxBytes has room for size bytes more, and reports whether it has.
func (p *Pool) makeRoom(size int64) bool {
	p.mu.Lock()
	dropped := p.dropUnusedLocked(size - p.memory.room())
	enough := size <= p.memory.room()
	p.mu.Unlock()
	p.giveBack(dropped)
	return enough
}

// dropUnused gives back segments without a block until they have so many bytes together, or none is left.
func (p *Pool) dropUnused(bytes int64) {
	p.mu.Lock()
	dropped := p.dropUnusedLocked(bytes)
	p.mu.Unlock()
	p.giveBack(dropped)
}

func (p *Pool) dropUnusedLocked(bytes int64) (dropped []*member) {
	for _, m := range slices.Concat(p.warm, p.carved.all()) {
		if bytes <= 0 {
			break
		}
		if m.blocks == nil || m.takeAll() {
			p.dropLocked(m)
			dropped = append(dropped, m)
			bytes -= m.segment.Size()
		}
	}
	return dropped
}

// unusedBytes is what dropUnused could give back now.
func (p *Pool) unusedBytes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := p.warmBytesLocked()
	for _, m := range p.carved.all() {
		if m.unused() {
			sum += m.segment.Size()
		}
	}
	return sum
}

// dropLocked forgets a segment of which no block is in use. The caller gives it back when it has unlocked the pool.
func (p *Pool) dropLocked(m *member) {
	p.accountOf(m).used -= m.segment.Size()
	p.counts.dropped++
	p.members.remove(m)
	p.carved.remove(m)
	p.warm = slices.DeleteFunc(p.warm, func(other *member) bool { return other == m })
	p.background.Add(1)
	p.config.Budget.announce(m.memory())
}

func (p *Pool) accountOf(m *member) *account {
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
		p.config.Budget.deliver(m.memory())
		p.background.Done()
	}
}
