package ipc

import (
	"encoding/binary"
	"slices"
	"time"
)

// homing is the blocks of a peer's that it does not know yet to be free. Telling it takes a system call, so that is
// put off until the next frame goes there, but not for long. The sender's mu guards it.
type homing struct {
	frame []byte // of kind free; its body grows
	spare []byte // the same, while it is being written
	timer *time.Timer
	armed bool
	done  bool // the connection has ended
	most  int  // bytes that a frame may have
}

// homingDelay is for how long telling is put off at most.
const homingDelay = time.Millisecond

func (h *homing) init(send func()) {
	h.limit(frameSize)
	h.timer = time.AfterFunc(time.Hour, send)
	h.timer.Stop()
}

// add takes a block in that is to go home.
func (h *homing) add(r reference) {
	if h.done {
		return
	}
	if len(h.frame) == 0 {
		h.frame = appendHeader(h.frame, header{kind: kindFree})
	}
	h.frame = appendFree(h.frame, r.segment, r.offset)
	if !h.armed {
		h.armed = true
		h.timer.Reset(homingDelay)
	}
}

// take returns the frame that tells of them all, or nil if there are none.
func (h *homing) take() []byte {
	frame := slices.Clone(h.finished())
	h.frame = h.frame[:0]
	return frame
}

// swap is take for who has the turn to write: the frame is valid until its next swap.
func (h *homing) swap() []byte {
	frame := h.finished()
	h.frame, h.spare = h.spare[:0], h.frame
	return frame
}

func (h *homing) finished() []byte {
	if len(h.frame) == 0 {
		return nil
	}
	binary.LittleEndian.PutUint32(h.frame, uint32(len(h.frame)-headerSize))
	return h.frame
}

// fitsBefore tells whether copying them and next together takes less than another system call.
func (h *homing) fitsBefore(next []byte) bool {
	return len(h.frame) == 0 || len(h.frame)+len(next) <= 8<<10
}

// limit is told how long a frame's body may be.
func (h *homing) limit(body int) {
	h.most = headerSize + min(maxFree, body/freeSize)*freeSize
}

// full tells whether no more fit into a frame.
func (h *homing) full() bool { return len(h.frame) >= h.most }

func (h *homing) stop() {
	h.done = true
	h.frame, h.spare = nil, nil
	h.timer.Stop()
}

// giveBack tells the peer, now or soon, that this side is done with blocks of its.
func (s *sender) giveBack(refs []reference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range refs {
		if s.home.full() {
			s.homeLocked()
		}
		s.home.add(r)
	}
}

// sendHome tells the peer of all that were put off.
func (s *sender) sendHome() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.home.armed = false
	s.homeLocked()
}

func (s *sender) homeLocked() {
	if before := s.home.take(); s.err == nil && len(before) > 0 {
		s.pushLocked(outFrame{body: before})
	}
}
