package buddy

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// allocLarge returns a block that is a segment of its own: one that was used before, a new one, or a file.
func (p *Pool) allocLarge(n int) (Block, error) {
	if block, ok := p.reuse(n); ok {
		return block, nil
	}
	block, err := p.newLarge(n)
	if err != nil && p.config.SpillDir != "" && outOfMemory(err) {
		return p.spill(n)
	}
	return block, err
}

// newLarge makes a segment for a block of n bytes.
func (p *Pool) newLarge(n int) (Block, error) {
	exact, err := wholePages(int64(n))
	if err != nil {
		return Block{}, err
	}
	size, err := p.reserve(roomy(exact), exact)
	if err != nil {
		return Block{}, err
	}
	block, err := p.add(n, new(member), size, Create)
	if err != nil {
		p.unreserve(&p.memory, size)
	}
	return block, err
}

// roomy rounds up by an eighth at most, so that the next block may be a little larger and still fit.
func roomy(size int64) int64 {
	step := max(powerOfTwo(size)/8, int64(os.Getpagesize()))
	return (size + step - 1) / step * step
}

// spill makes a file for a block of n bytes.
func (p *Pool) spill(n int) (Block, error) {
	size, err := wholePages(int64(n))
	if err != nil {
		return Block{}, err
	}
	if size > p.files.limit {
		return Block{}, fmt.Errorf("buddy: a file of %d bytes is %w, whose SpillBytes is %d", size, ErrTooLarge, p.files.limit)
	}
	p.mu.Lock()
	ok := size <= p.files.room()
	if ok {
		p.files.used += size
	}
	p.mu.Unlock()
	if !ok {
		return Block{}, fmt.Errorf("buddy: %w, and so are its files; free blocks, or raise SpillBytes of %d", ErrExhausted, p.files.limit)
	}
	block, err := p.add(n, new(member), size, func(size int64) (*Segment, error) { return CreateFile(p.config.SpillDir, size) })
	if err != nil {
		p.unreserve(&p.files, size)
	}
	return block, err
}

// outOfMemory reports whether a file could help.
func outOfMemory(err error) bool {
	for _, target := range []error{ErrExhausted, ErrTooLarge, unix.ENOMEM, unix.ENOSPC} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// reuse returns a block of n bytes that is kept from before: the smallest that fits, and of several the one that was used
// last. One of more than twice the size is spared for a larger block, as long as there is room for a new one.
func (p *Pool) reuse(n int) (Block, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, m := range p.warm {
		if size := m.segment.Size(); size >= int64(n) && (best < 0 || size <= p.warm[best].segment.Size()) {
			best = i
		}
	}
	if best < 0 {
		return Block{}, false
	}
	m := p.warm[best]
	if m.segment.Size()/2 > int64(n) && int64(n) <= p.roomLocked() {
		return Block{}, false
	}
	p.warm = slices.Delete(p.warm, best, best+1)
	return m.whole(n), true
}

// keep keeps a block for reuse that was freed, or drops it if it is a file or past the bound for that. Older ones go
// before younger ones.
func (p *Pool) keep(m *member) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	var dropped []*member
	drop := func(m *member) {
		p.dropLocked(m)
		dropped = append(dropped, m)
	}
	if m.segment.onDisk || m.segment.Size() > p.config.KeepBytes {
		drop(m)
	} else {
		p.warm = append(p.warm, m)
		for p.warmBytesLocked() > p.config.KeepBytes {
			drop(p.warm[0])
		}
	}
	p.mu.Unlock()
	p.giveBack(dropped)
}

func (p *Pool) warmBytesLocked() (sum int64) {
	for _, m := range p.warm {
		sum += m.segment.Size()
	}
	return sum
}
