package ipc

import (
	"os"
	"sync/atomic"
)

// outFrame is a frame on its way out: its bytes, in one piece or two, and what keeps them alive.
type outFrame struct {
	head, body []byte
	file       *os.File // sent along, and closed when the frame has been written or dropped
	payload    *Payload // released when the frame has been written or dropped
	lends      bool     // the frame tells of the payload's blocks
	sent       *mark    // of the call that the frame ends
	ends       *Call    // leaves those in flight when there is room for the frame, before it is queued or written
}

// frameCost is what a frame in the queue takes apart from its bytes.
const frameCost = 512

func (f *outFrame) size() int { return frameCost + len(f.head) + len(f.body) }

func (f *outFrame) done() {
	closeFile(f.file)
	if f.payload != nil {
		f.payload.Release()
	}
}

// mark tells from where on in the stream the last frame of a call was written.
type mark struct{ at atomic.Uint64 } // one more than the position, zero if nothing of it was written

func (m *mark) set(position uint64) { m.at.Store(position + 1) }

func (m *mark) clear() { m.at.Store(0) }

// position tells where the frame began, if it did.
func (m *mark) position() (uint64, bool) {
	at := m.at.Load()
	return at - 1, at > 0
}
