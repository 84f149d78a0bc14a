package ipc

import (
	"context"
	"encoding/binary"
)

// sendPayload sends p in one frame where that is large enough, else in chunks between which other frames find their way.
// The first frame's head, with p's references, has been written but for its length and some flags. It takes over the
// caller's reference of p. The last frame, which is what the peer acts on, has the sent and ends of end. If ctx ends on the
// way, begun tells whether the peer waits for the rest.
func (s *sender) sendPayload(ctx context.Context, p *Payload, end outFrame, head []byte, maxFrame int) (begun bool, err error) {
	if p.stream != nil {
		return s.sendStream(ctx, p, end, head, maxFrame)
	}
	defer p.Release()
	rest := p.inFrames()
	for fixed := len(head) - headerSize; ; fixed = 0 {
		n := min(len(rest), maxFrame-fixed)
		f := outFrame{payload: p, head: head, body: rest[:n]}
		rest = rest[n:]
		if len(rest) > 0 {
			patchHeader(head, fixed+n, flagMore)
		} else {
			patchHeader(head, fixed+n, 0)
			f.sent, f.ends = end.sent, end.ends
		}
		if !begun {
			f.lends = len(p.blocks) > 0
			if p.precedes(head) {
				f.head, f.body = nil, p.buf[headroom-len(head):headroom+n]
			}
		}
		p.Retain()
		if err := s.send(ctx, f, false); err != nil || len(rest) == 0 {
			return begun || err == nil, err
		}
		begun = true
		head = chunkHead(head)
	}
}

// chunkHead is the header of a chunk for the same call as the frame with the given head.
func chunkHead(head []byte) []byte {
	chunk := make([]byte, headerSize)
	chunk[4] = byte(kindChunk)
	copy(chunk[8:], head[8:headerSize])
	return chunk
}

func patchHeader(head []byte, length int, f flags) {
	binary.LittleEndian.PutUint32(head, uint32(length))
	head[5] |= byte(f)
}
