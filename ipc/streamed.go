package ipc

import (
	"context"
	"io"
)

// newStream is the payload that body is to be, which is read as it is sent.
func newStream(body Streamed, size int) *Payload {
	p := newPayload(0)
	p.stream, p.length = body, uint64(size)
	return p
}

// total is how many bytes the payload has, attachments not counted.
func (p *Payload) total() uint64 {
	if p.stream != nil {
		return p.length
	}
	return uint64(len(p.Bytes()))
}

// streamError tells that a body could not be read.
type streamError struct{ err error }

func (e *streamError) Error() string { return e.err.Error() }

// sendStream is sendPayload for a payload that is read as it is sent: each frame has what has come, and none is held up by
// more than the queue holds.
func (s *sender) sendStream(ctx context.Context, p *Payload, end outFrame, head []byte, maxFrame int) (begun bool, err error) {
	defer p.Release()
	if err := p.stream.Rewind(); err != nil {
		return false, &streamError{err}
	}
	left := p.length
	for fixed := len(head) - headerSize; ; fixed = 0 {
		n := int(min(left, uint64(maxFrame-fixed)))
		part := newPayload(n)
		part.buf = part.buf[:headroom+n]
		if _, err := io.ReadFull(p.stream, part.buf[headroom:]); err != nil {
			part.Release()
			return begun, &streamError{err}
		}
		f := outFrame{payload: part, head: head, body: part.buf[headroom:]}
		if left -= uint64(n); left > 0 {
			patchHeader(head, fixed+n, flagMore)
		} else {
			patchHeader(head, fixed+n, 0)
			f.sent, f.ends = end.sent, end.ends
		}
		if err := s.send(ctx, f, false); err != nil || left == 0 {
			return begun || err == nil, err
		}
		begun = true
		head = chunkHead(head)
	}
}
