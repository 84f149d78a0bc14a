package ipc

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Body is a payload that is yet to be written: it appends itself to memory that the transport chooses.
type Body interface {
	// Size estimates the bytes that AppendTo adds. Too small a size costs a copy, nothing else.
	Size() int
	// AppendTo appends the payload to dst.
	AppendTo(dst []byte) ([]byte, error)
}

// Bytes is a Body that is already written. AppendTo copies it.
type Bytes []byte

// Size is the length of b.
func (b Bytes) Size() int { return len(b) }

// AppendTo appends b to dst.
func (b Bytes) AppendTo(dst []byte) ([]byte, error) { return append(dst, b...), nil }

// Payload is the bytes of a call's arguments or of its results. Its memory goes back to a pool when the last
// reference is released, so bytes that must live longer are to be copied before.
type Payload struct {
	buf  []byte // headroom, then the bytes
	refs atomic.Int32
}

// headroom is kept free before a payload's bytes, so that the frame's header and prefix can be put there and the
// whole written in one piece.
const headroom = 64

// Bytes are the payload. They are valid until Release.
func (p *Payload) Bytes() []byte { return p.buf[headroom:] }

// Release gives the memory back. It must be called once; Bytes are invalid afterwards.
func (p *Payload) Release() {
	switch n := p.refs.Add(-1); {
	case n == 0:
		putPayload(p)
	case n < 0:
		panic("ipc: Payload released twice")
	}
}

func (p *Payload) retain() { p.refs.Add(1) }

// head returns n bytes directly before the payload, for the head of its frame. n is at most headroom.
func (p *Payload) head(n int) []byte { return p.buf[headroom-n : headroom : headroom] }

// Encode writes body to a payload that stays in this process. The caller releases it.
func Encode(body Body) (*Payload, error) { return encode(body, math.MaxInt64) }

// encode writes body to a payload, which is the caller's to release. More than limit bytes are CodeTooLarge.
func encode(body Body, limit uint64) (*Payload, error) {
	size := max(body.Size(), 0)
	if uint64(size) > limit {
		return nil, tooLarge(uint64(size), limit)
	}
	p := newPayload(size)
	buf, err := body.AppendTo(p.buf[:headroom])
	if err != nil {
		p.Release()
		return nil, err
	}
	p.buf = buf
	if n := uint64(len(p.Bytes())); n > limit {
		p.Release()
		return nil, tooLarge(n, limit)
	}
	return p, nil
}

func tooLarge(n, limit uint64) *Error {
	return errorf(CodeTooLarge, "a payload of %d bytes, the peer takes at most %d (MaxPayload)", n, limit)
}

// Buffers are pooled by powers of two. Larger ones are left to the garbage collector.
const (
	minPooledBits = 9
	maxPooledBits = 20
)

var payloadPools [maxPooledBits - minPooledBits + 1]sync.Pool

// newPayload returns an empty payload with room for n bytes and one reference.
func newPayload(n int) *Payload {
	n += headroom
	class := max(bits.Len(uint(n-1)), minPooledBits) - minPooledBits
	var p *Payload
	if class >= len(payloadPools) {
		p = &Payload{buf: make([]byte, headroom, n)}
	} else if p, _ = payloadPools[class].Get().(*Payload); p == nil {
		p = &Payload{buf: make([]byte, headroom, 1<<(class+minPooledBits))}
	}
	p.buf = p.buf[:headroom]
	p.refs.Store(1)
	return p
}

func putPayload(p *Payload) {
	// A buffer that outgrew its class belongs to the class that it fills.
	class := bits.Len(uint(cap(p.buf))) - 1 - minPooledBits
	if class >= 0 && class < len(payloadPools) {
		payloadPools[class].Put(p)
	}
}

// growth is how many times as much memory as has come is made ready for a payload that is announced to be larger. Eight
// costs one byte in seven to be copied again, and lets a peer that only announces have nothing.
const growth = 8

// room returns where the next n bytes of the payload go, which is to become total bytes long.
func (p *Payload) room(n int, total uint64) []byte {
	have := len(p.buf)
	if have+n > cap(p.buf) {
		size := min(total+headroom, growth*uint64(have+n))
		grown := make([]byte, have, size)
		copy(grown, p.buf)
		p.buf = grown
	}
	return p.buf[have : have+n]
}
