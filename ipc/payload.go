package ipc

import (
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/buddy"
)

// Body is a payload that is yet to be written: it appends itself to memory that the transport chooses.
type Body interface {
	// Size estimates the bytes that AppendTo adds with the same attachments. Too small a size costs a copy, nothing else.
	Size(*Attachments) int
	// AppendTo appends the payload to dst. What it attaches it may refer to by the attachment's number.
	AppendTo(dst []byte, a *Attachments) ([]byte, error)
}

// Streamed is a Body that comes bit by bit, from a connection or a file, and may be more than this process has memory for.
// Where there is shared memory for it, it is written there by AppendTo. Where there is none it is sent in chunks, each as
// soon as it has been read.
type Streamed interface {
	Body
	// Rewind is called before the first Read of a sending. Its error, if the payload can't be read again, ends the call.
	Rewind() error
	// Read reads the payload, of exactly as many bytes as Size says; see [io.Reader].
	Read(p []byte) (int, error)
}

// Bytes is a Body that is already written. AppendTo copies it.
type Bytes []byte

// Size is the length of b.
func (b Bytes) Size(*Attachments) int { return len(b) }

// AppendTo appends b to dst.
func (b Bytes) AppendTo(dst []byte, _ *Attachments) ([]byte, error) { return append(dst, b...), nil }

// Payload is the bytes of a call's arguments or of its results, and what they are attached to. Its memory goes back to
// where it came from when the last reference is released, so bytes that must live longer are to be copied before.
type Payload struct {
	buf   []byte // headroom, then the bytes unless they are in a block
	block []byte // the bytes, if they are in a block
	refs  atomic.Int32

	// Of a payload to be sent.
	blocks []*block    // those that it is in and that it is attached to, each retained
	out    []reference // to the same
	parked *parked     // it is in a buffer because there was no block at once
	stream Streamed    // what it is read from while it is sent; nil if it has been written
	length uint64      // of the stream

	in      borrowed // of a payload that was received by reference
	spooled spooled  // of a payload that is too large for memory
}

// headroom is kept free before a payload's bytes, so that the frame's header and prefix can be put there and the
// whole written in one piece. It keeps the bytes as aligned as the buffer is.
const headroom = 128

// Bytes are the payload. They are valid until Release, and must not be written to.
func (p *Payload) Bytes() []byte {
	if p.block != nil {
		return p.block
	}
	return p.buf[headroom:]
}

// Attachments are the pieces of memory that the payload refers to by their numbers. They are valid until Release, and must
// not be written to.
func (p *Payload) Attachments() [][]byte { return p.in.attachments }

// Private tells whether Bytes and Attachments are ordinary memory that is never used for anything else, so that whoever
// refers to it after Release does no harm.
func (p *Payload) Private() bool {
	return p.in.private && p.block != nil || p.block == nil && len(p.in.refs) == 0 && cap(p.buf) > 1<<maxPooledBits
}

// Kept is how many bytes of memory the payload keeps from other use.
func (p *Payload) Kept() int { return len(p.buf) - headroom + p.in.size() }

// Shared tells whether something of the payload lies in the peer's memory. If not, all of it is the garbage collector's.
func (p *Payload) Shared() bool { return p.in.from != nil }

// Orphaned tells whether the payload lies in memory of a connection that has ended: nobody waits for it to come back.
func (p *Payload) Orphaned() bool { return p.in.from != nil && p.in.from.isClosed() }

// Forget tells that mem, a piece of Bytes or of an attachment, has been read and will hardly be read again: pages that lie in
// the peer's memory need not be this process's as well. They can still be read. It pays for some 16 MiB at a time.
func (p *Payload) Forget(mem []byte) {
	start := address(mem)
	for _, part := range p.in.parts {
		base := address(part.bytes)
		shared := part.segment.view != nil && !part.segment.file
		if shared && start >= base && start+uintptr(len(mem)) <= base+uintptr(len(part.bytes)) {
			buddy.Forget(mem)
		}
	}
}

// Release gives the memory back. It must be called once; Bytes are invalid afterwards.
func (p *Payload) Release() {
	switch n := p.refs.Add(-1); {
	case n == 0:
		putPayload(p)
	case n < 0:
		panic("ipc: Payload released twice")
	}
}

// Retain makes one more Release needed.
func (p *Payload) Retain() { p.refs.Add(1) }

// head returns n bytes for the head of the payload's frame: those directly before what follows it in the frame, if there
// are so many.
func (p *Payload) head(n int) []byte {
	if n > headroom || p.stream != nil { // whose frames are other payloads'
		return make([]byte, n)
	}
	return p.buf[headroom-n : headroom : headroom]
}

// flags are those of the payload's first frame.
func (p *Payload) flags() flags {
	if p.block != nil {
		return flagBlock
	}
	return 0
}

func (p *Payload) appendReferences(dst []byte) {
	for _, r := range p.out {
		dst = appendReference(dst, r)
	}
}

// precedes tells whether head lies directly before what follows it in the frame.
func (p *Payload) precedes(head []byte) bool { return len(head) <= headroom }

// inFrames is what of the payload goes through the socket.
func (p *Payload) inFrames() []byte {
	if p.block != nil {
		return nil
	}
	return p.buf[headroom:]
}

// Encode writes body to a payload that stays in this process. The caller releases it.
func Encode(body Body) (*Payload, error) { return encode(body, math.MaxInt64) }

// encode writes body to a buffer, which is the caller's to release. More than limit bytes are CodeTooLarge.
func encode(body Body, limit uint64) (*Payload, error) {
	return bounded(body, nil, limit, func(size int) (*Payload, error) { return writeBuffer(body, nil, size) })
}

// bounded returns what write makes of body, of which it is told the size by body's own account. More than limit bytes,
// or than the attachments leave, are CodeTooLarge, before they are written if body says so.
func bounded(body Body, a *Attachments, limit uint64, write func(size int) (*Payload, error)) (*Payload, error) {
	size := max(body.Size(a), 0)
	if err := a.check(uint64(size), limit); err != nil {
		return nil, err
	}
	p, err := write(size)
	if err != nil {
		return nil, err
	}
	if err := a.check(uint64(len(p.Bytes())), limit); err != nil {
		p.Release()
		return nil, err
	}
	return p, nil
}

func writeBuffer(body Body, a *Attachments, size int) (*Payload, error) {
	if s, ok := body.(Streamed); ok && size > frameSize {
		return newStream(s, size), nil
	}
	p := newPayload(size)
	buf, err := body.AppendTo(p.buf[:headroom], a)
	if err != nil {
		p.Release()
		return nil, err
	}
	p.buf = buf
	return p, nil
}

// putInto makes b's bytes those of the payload, which takes the caller's hold of b over.
func (p *Payload) putInto(b *block) {
	p.buf = p.buf[:headroom]
	p.block = b.bytes
	p.blocks = slices.Insert(p.blocks, 0, b)
}

// attach takes over what the payload is attached to.
func (p *Payload) attach(a *Attachments) {
	if a != nil {
		p.blocks = append(p.blocks, a.blocks...)
		a.blocks = nil
	}
}

func tooLarge(n, limit uint64) *Error {
	return errorf(CodeTooLarge, "a payload of %d bytes, the peer takes at most %d with all that is attached (MaxPayload)", n, limit)
}

// Buffers are pooled by powers of two. Larger ones are left to the garbage collector.
const (
	minPooledBits = 9
	maxPooledBits = 20
)

var payloadPools [maxPooledBits - minPooledBits + 1]sync.Pool

// unpark ends the wait for a block.
func (p *Payload) unpark() {
	p.parked.leave()
	p.parked = nil
}

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
	p.unpark()
	p.block, p.stream, p.length = nil, nil, 0
	for i, b := range p.blocks {
		b.release()
		p.blocks[i] = nil
	}
	p.blocks, p.out = p.blocks[:0], p.out[:0]
	p.in.giveBack()
	p.spooled.close()
	// A buffer that outgrew its class belongs to the class that it fills.
	class := bits.Len(uint(cap(p.buf))) - 1 - minPooledBits
	if class >= 0 && cap(p.buf) <= 1<<maxPooledBits {
		payloadPools[class].Put(p)
	}
}

// growth is how many times as much memory as has come is made ready for a payload that is announced to be larger. Eight
// costs one byte in seven to be copied again, and lets a peer that only announces have nothing.
const growth = 8

// room returns where the next n bytes of the payload go, which is to become total bytes long.
func (p *Payload) room(n int, total uint64) []byte {
	if room, ok := p.fileRoom(n, total); ok {
		return room
	}
	have := len(p.buf)
	if have+n > cap(p.buf) {
		size := min(total+headroom, growth*uint64(have+n))
		grown := make([]byte, have, size)
		copy(grown, p.buf)
		p.buf = grown
	}
	return p.buf[have : have+n]
}
