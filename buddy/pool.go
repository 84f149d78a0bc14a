package buddy

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrExhausted is returned if all memory that a pool may have is in use: when a block is freed it is worth trying again.
	ErrExhausted = errors.New("the pool's memory is in use")
	// ErrOthers is returned together with ErrExhausted if the pool itself could have more, but the other pools of its Budget
	// have it all.
	ErrOthers = errors.New("other pools have all the memory of the budget")
	// ErrTooLarge is returned for a block that a pool never could have.
	ErrTooLarge = errors.New("larger than the pool may become")
	// ErrClosed is returned by a pool that was closed.
	ErrClosed = errors.New("the pool is closed")
)

// Block is memory that a [Pool] allocated. Segment and Offset name it to those who read it, and to [Pool.Free].
type Block struct {
	Segment uint32 // never zero, and never used for two segments of a pool
	Offset  uint64
	Bytes   []byte // as many as were asked for, with the capacity that the block has
}

// Pool allocates blocks from segments of shared memory, of which it has as many as it needs, up to a bound.
//
// It starts with none. Those that were idle for a time go back to the system, as wholes: sealed memory can't be
// given back in parts. All methods are safe for concurrent use.
type Pool struct {
	config Config

	members table // all segments
	carved  table // those that have several blocks

	growing sync.Mutex // held by the one who makes a segment to be carved; taken before mu
	waiters queue

	background sync.WaitGroup // what Close waits for; added to under mu, while the pool is not closed

	mu     sync.Mutex
	closed bool
	lastID uint32
	memory account
	files  account
	warm   []*member   // single blocks that are free, by when they became so
	timer  *time.Timer // of the next sweep; nil if there is nothing to sweep
	counts counts
}

// counts is what happened to a pool.
type counts struct {
	created, dropped, exhausted uint64
}

// NewPool returns a pool without any segment.
func NewPool(config Config) (*Pool, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Pool{config: config, memory: account{limit: config.MaxBytes}, files: account{limit: config.SpillBytes}}
	config.Budget.join(p)
	return p, nil
}

// Alloc returns a block of n bytes, whose content is undefined. It never waits for memory, though it may have to make a
// segment, which takes about half a millisecond for each MiB. If there is no memory left that the pool may have, the error
// is [ErrExhausted], and [ErrTooLarge] if there never will be.
func (p *Pool) Alloc(n int) (Block, error) {
	switch {
	case n < 0:
		return Block{}, fmt.Errorf("buddy: a block of %d bytes: ask for zero or more", n)
	case n >= p.config.Large:
		return p.allocLarge(n)
	}
	if block, ok := p.carve(n); ok {
		return block, nil
	}
	return p.grow(n)
}

// carve allocates from the segments that are there, the oldest first, so that the youngest become idle.
func (p *Pool) carve(n int) (Block, bool) {
	for _, m := range p.carved.all() {
		if block, ok := m.carve(n); ok {
			return block, true
		}
	}
	return Block{}, false
}

// Free gives a block back. Both numbers may be a peer's: if no allocated block begins there, Free does nothing and
// returns [ErrNotAllocated]. Whether the peer has that block is for the caller to know.
func (p *Pool) Free(segment uint32, offset uint64) error {
	m := p.members.find(segment)
	if m == nil {
		return ErrNotAllocated
	}
	if err := m.free(offset); err != nil {
		return err
	}
	if m.blocks == nil {
		p.keep(m)
	}
	p.waiters.wake()
	if budget := p.config.Budget; budget.awaited() && m.unused() {
		budget.wake()
	}
	return nil
}

// Close gives all memory back to the system. Blocks that are in use still read as zeros from then on, and what is
// written to them is lost. It may be called more than once.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	if p.timer != nil {
		p.timer.Stop()
	}
	members := p.members.all()
	p.members.clear()
	p.carved.clear()
	p.warm, p.memory.used, p.files.used = nil, 0, 0
	p.mu.Unlock()

	p.waiters.close()
	var errs []error
	for _, m := range members {
		errs = append(errs, m.segment.Close())
		p.config.Budget.give(m.memory())
	}
	p.config.Budget.leave(p)
	p.background.Wait()
	return errors.Join(errs...)
}
