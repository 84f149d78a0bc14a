package ipc

import (
	"context"
	"slices"
)

// encode writes body to a payload, which is the caller's to release, in the way that suits its size. More than limit
// bytes are CodeTooLarge. With noWait for a context it does not wait for memory: what would have to is in a buffer, and
// settle waits.
func (l *lender) encode(ctx context.Context, body Body, limit uint64) (*Payload, error) {
	if !l.usable() {
		return encode(body, limit)
	}
	atts := l.attachments()
	if _, streams := body.(Streamed); streams && atts == nil {
		atts = &Attachments{lender: l, limit: l.maxPayload}
	}
	defer atts.release() // of what is not the payload's by then: after an error, or if body panics
	p, err := l.write(ctx, body, atts, limit)
	if err != nil {
		return nil, err
	}
	p.attach(atts)
	for _, b := range p.blocks {
		r, err := l.reference(b)
		if err != nil {
			p.Release()
			return nil, err
		}
		p.out = append(p.out, r)
	}
	return p, nil
}

// write writes body in the way that suits its size. One that says it is small and is not is moved.
func (l *lender) write(ctx context.Context, body Body, atts *Attachments, limit uint64) (*Payload, error) {
	inline := l.memory.config.Inline
	small := false
	p, err := bounded(body, atts, limit, func(size int) (*Payload, error) {
		if small = size <= inline; small {
			return writeBuffer(body, atts, size)
		}
		return l.writeBlock(ctx, body, atts, size)
	})
	if err == nil && small && len(p.Bytes()) > inline {
		return l.place(ctx, p)
	}
	return p, err
}

// writeBlock writes body to a block, or to a buffer where there is none.
func (l *lender) writeBlock(ctx context.Context, body Body, atts *Attachments, size int) (*Payload, error) {
	b, err := l.alloc(ctx, size)
	switch err {
	case nil:
	case errNoMemory:
		return writeBuffer(body, atts, size)
	case errNotNow:
		return l.writeParked(body, atts, size)
	default:
		return nil, err
	}
	defer func() {
		if b != nil { // also if body panics
			b.release()
		}
	}()
	if atts != nil {
		atts.target = b.bytes[:cap(b.bytes)]
		defer func() { atts.target = nil }()
	}
	out, err := body.AppendTo(b.bytes[:0:cap(b.bytes)], atts)
	if err != nil {
		return nil, err
	}
	if len(out) <= cap(b.bytes) && len(out) > 0 && address(out) == address(b.bytes) {
		b.bytes = out
		p := newPayload(0)
		p.putInto(b)
		b = nil
		return p, nil
	}
	// It was larger than it said, and has moved; or there is nothing of it, and no reference to nothing.
	p := newPayload(len(out))
	p.buf = append(p.buf, out...)
	b.release()
	b = nil
	if len(out) <= l.memory.config.Inline {
		return p, nil
	}
	return l.place(ctx, p)
}

// writeParked writes body to a buffer, where it is to wait for a block.
func (l *lender) writeParked(body Body, atts *Attachments, size int) (_ *Payload, err error) {
	place := l.parking.enter(size)
	if place == nil {
		return nil, l.errParked(size)
	}
	defer func() {
		if place != nil { // also if body panics
			place.leave()
		}
	}()
	p, err := writeBuffer(body, atts, size)
	if err == nil {
		p.parked, place = place, nil
	}
	return p, err
}

// place puts a payload that is in a buffer, and large, into a block, if there is one: that takes a copy, the socket two. It
// takes p over, and returns it unless there is an error.
func (l *lender) place(ctx context.Context, p *Payload) (*Payload, error) {
	b, err := l.alloc(ctx, len(p.Bytes()))
	p.unpark()
	switch err {
	case nil:
		copy(b.bytes, p.Bytes())
		p.putInto(b)
		return p, nil
	case errNoMemory:
		return p, nil
	case errNotNow:
		if p.parked = l.parking.enter(len(p.Bytes())); p.parked != nil {
			return p, nil
		}
		err = l.errParked(len(p.Bytes()))
	}
	p.Release()
	return nil, err
}

// settle waits for the memory of a payload that encode did not wait for. It takes p over, and returns it unless there is
// an error.
func (l *lender) settle(ctx context.Context, p *Payload) (*Payload, error) {
	if p.parked == nil {
		return p, nil
	}
	p, err := l.place(ctx, p)
	if err == nil && p.block != nil {
		p.out = slices.Insert(p.out, 0, reference{segment: p.blocks[0].segment, offset: p.blocks[0].offset, length: uint64(len(p.block))})
	}
	return p, err
}
