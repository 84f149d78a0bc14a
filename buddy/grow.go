package buddy

import (
	"errors"
	"math/bits"
)

// grow allocates from a new segment to be carved. Those who need one meanwhile wait for it, and share it.
func (p *Pool) grow(n int) (Block, error) {
	p.growing.Lock()
	defer p.growing.Unlock()
	if block, ok := p.carve(n); ok {
		return block, nil
	}
	size, err := p.reserve(p.sizes(n)...)
	if err != nil {
		return Block{}, err
	}
	block, err := p.addCarved(n, size)
	if err != nil {
		p.unreserve(&p.memory, size)
	}
	return block, err
}

func (p *Pool) addCarved(n int, size int64) (Block, error) {
	blocks, err := New(uint64(size), p.config.MinBlock)
	if err != nil {
		return Block{}, err
	}
	return p.add(n, &member{blocks: blocks}, size, Create)
}

// sizes returns the sizes that a segment with a block of n bytes could have, the best first.
func (p *Pool) sizes(n int) []int64 {
	var all int64
	for _, m := range p.carved.all() {
		all += m.segment.Size()
	}
	least := max(p.config.MinSegment, 1<<bits.Len(uint(max(n, 1)-1)))
	best := max(least, min(p.config.MaxSegment, 1<<bits.Len64(uint64(all))>>1))
	return []int64{best, least}
}

// add makes a segment, introduces it to those who shall read it, and allocates its first block.
func (p *Pool) add(n int, m *member, size int64, create func(int64) (*Segment, error)) (_ Block, err error) {
	if m.segment, err = create(size); err != nil {
		return Block{}, err
	}
	if err := p.introduce(m); err != nil {
		return Block{}, errors.Join(err, m.segment.Close())
	}
	var block Block
	if m.blocks == nil {
		block = m.whole(n)
	} else {
		block, _ = m.carve(n) // it is empty, and large enough
	}
	if err := p.publish(m); err != nil {
		return Block{}, errors.Join(err, m.segment.Close())
	}
	return block, nil
}

// introduce gives a segment its name.
func (p *Pool) introduce(m *member) error {
	p.mu.Lock()
	if p.lastID+1 == 0 {
		p.mu.Unlock()
		return errors.New("buddy: a pool has used up its 2^32 names of segments; make another one")
	}
	p.lastID++
	m.id = p.lastID
	p.mu.Unlock()
	return p.config.OnSegment(m.id, m.segment)
}

// publish lets others allocate from a segment, and free what they did.
func (p *Pool) publish(m *member) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.counts.created++
	p.members.insert(m)
	if m.blocks != nil {
		p.carved.insert(m)
	}
	if !m.segment.onDisk && (m.blocks != nil || !p.config.LargeLazy) {
		p.background.Go(func() { _ = m.segment.Prefault() }) // if it fails the pages come one by one
	}
	p.watchLocked()
	return nil
}
