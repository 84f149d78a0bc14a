package ipc

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// frameSize is the largest frame body this side sends or takes.
	frameSize = 256 << 10
	// queueSize is how many bytes may wait for a peer to read before senders have to wait as well.
	queueSize = 4 << 20
)

// outFrame is a frame on its way out: its bytes, in one piece or two, and what keeps them alive.
type outFrame struct {
	head, body []byte
	payload    *Payload     // released when the frame has been written or dropped
	sent       *atomic.Bool // set before the first byte of the frame is written
	last       func()       // called when there is room for the frame, before it is queued or written
}

// frameCost is what a frame in the queue takes apart from its bytes.
const frameCost = 512

func (f *outFrame) size() int { return frameCost + len(f.head) + len(f.body) }

func (f *outFrame) done() {
	if f.payload != nil {
		f.payload.Release()
	}
}

func (f *outFrame) markSent() {
	if f.sent != nil {
		f.sent.Store(true)
	}
}

// sender writes the frames of one connection, each whole, in the order in which send took them.
//
// The goroutine that sends first tries to write without waiting. What the socket does not take at once, and what
// others send meanwhile, is queued and written by a goroutine that lives as long as the queue. So a sender never waits
// for the peer to read, but for room in the queue, and leaves when its context ends.
type sender struct {
	conn  *socket
	stall time.Duration // how long one write may take; zero is for ever

	mu      sync.Mutex
	queue   []outFrame
	queued  int           // bytes in queue
	writing bool          // one goroutine is writing and will look at queue again
	room    chan struct{} // closed when there is room in the queue or the sender has failed; nil if none waits
	idle    chan struct{} // closed when nothing is left to write; nil if none waits
	err     error         // why nothing can be sent any more
}

func newSender(conn *socket, stall time.Duration) *sender {
	return &sender{conn: conn, stall: stall}
}

// send takes f over: it will be written or, after an error, dropped, and its payload released either way. It returns when
// the frame was written or queued, or with the context's error if there was no room before ctx ended. Frames that
// must not wait (urgent) are queued in any case; they have to be small and bounded by something else.
func (s *sender) send(ctx context.Context, f outFrame, urgent bool) error {
	s.mu.Lock()
	for s.err == nil && !urgent && s.queued >= queueSize {
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			f.done()
			return ctx.Err()
		}
		s.mu.Lock()
	}
	if err := s.err; err != nil {
		s.mu.Unlock()
		f.done()
		return err
	}
	if f.last != nil {
		f.last()
	}
	if s.writing || f.head != nil {
		s.enqueueLocked(f)
		s.mu.Unlock()
		return nil
	}
	s.writing = true
	s.mu.Unlock()

	f.markSent()
	n, err := s.conn.try(f.body)
	if err == nil && n == len(f.body) {
		f.done()
		s.finishTry()
		return nil
	}
	if err != nil {
		if n == 0 && f.sent != nil {
			f.sent.Store(false)
		}
		f.done()
		s.fail(err)
		return err
	}
	f.body = f.body[n:]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		f.done()
		return s.err
	}
	s.queue = append([]outFrame{f}, s.queue...)
	s.queued += f.size()
	go s.flush()
	return nil
}

func (s *sender) enqueueLocked(f outFrame) {
	s.queue = append(s.queue, f)
	s.queued += f.size()
	if !s.writing {
		s.writing = true
		go s.flush()
	}
}

// finishTry ends a write that went through at once: what was queued meanwhile is flushed.
func (s *sender) finishTry() {
	s.mu.Lock()
	more := len(s.queue) > 0
	if !more {
		s.restLocked()
	}
	s.mu.Unlock()
	if more {
		go s.flush()
	}
}

// restLocked says that nothing is left to write.
func (s *sender) restLocked() {
	s.writing = false
	s.releaseLocked()
}

// releaseLocked lets those go on who wait until nothing is left to write.
func (s *sender) releaseLocked() {
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// flush writes what is queued until nothing is.
func (s *sender) flush() {
	var batch []outFrame
	var bufs net.Buffers
	for {
		s.mu.Lock()
		for i := range batch {
			s.queued -= batch[i].size()
			batch[i].done()
		}
		if s.err != nil || len(s.queue) == 0 {
			s.restLocked()
			s.wakeLocked()
			s.mu.Unlock()
			return
		}
		clear(batch)
		batch, s.queue = s.queue, batch[:0]
		s.wakeLocked()
		s.mu.Unlock()

		bufs = bufs[:0]
		for i := range batch {
			batch[i].markSent()
			if len(batch[i].head) > 0 {
				bufs = append(bufs, batch[i].head)
			}
			if len(batch[i].body) > 0 {
				bufs = append(bufs, batch[i].body)
			}
		}
		if err := s.write(bufs); err != nil {
			s.fail(err)
		}
	}
}

// write writes all of bufs, waiting for the peer to read for at most the stall timeout.
func (s *sender) write(bufs net.Buffers) error {
	if s.stall > 0 {
		if err := s.conn.SetWriteDeadline(time.Now().Add(s.stall)); err != nil {
			return err
		}
		defer s.conn.SetWriteDeadline(time.Time{}) // or the next try would fail
	}
	_, err := bufs.WriteTo(s.conn.UnixConn)
	if interrupted(err) {
		return &stallError{after: s.stall}
	}
	return err
}

// wakeLocked lets those go on who wait for room, if there is some or never will be.
func (s *sender) wakeLocked() {
	if s.room != nil && (s.err != nil || s.queued < queueSize) {
		close(s.room)
		s.room = nil
	}
}

// fail drops what is queued, fails all sends from now on with err, and closes the connection, so that its reader
// learns of it. Only the first failure counts.
func (s *sender) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	for i := range s.queue {
		s.queued -= s.queue[i].size()
		s.queue[i].done()
	}
	s.queue = nil
	s.wakeLocked()
	s.releaseLocked()
	s.mu.Unlock()
	s.conn.Close()
}

// failure is why nothing can be sent any more, or nil.
func (s *sender) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// wait returns when all that was queued has been written or the sender has failed, or false if ctx ends before.
func (s *sender) wait(ctx context.Context) bool {
	s.mu.Lock()
	if !s.writing || s.err != nil {
		s.mu.Unlock()
		return true
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return true
	case <-ctx.Done():
		return false
	}
}

// stallError tells that the peer does not read.
type stallError struct{ after time.Duration }

func (e *stallError) Error() string {
	return "peer has not read what was sent to it for " + e.after.String()
}

// sendPayload sends p in one frame where that is large enough, else in chunks between which other frames find their way.
// The first frame's head, which has headLen bytes, has been written before the payload's bytes, but for its length and
// flags. It takes over the caller's reference of p. The last frame, which is what the peer acts on, has the sent and last
// of end. If ctx ends on the way, begun tells whether the peer waits for the rest.
func (s *sender) sendPayload(ctx context.Context, p *Payload, end outFrame, headLen, maxFrame int) (begun bool, err error) {
	defer p.Release()
	frame := p.buf[headroom-headLen:] // what is to be sent; at first with its head, later without
	left := headLen - headerSize + len(p.Bytes())
	for {
		n := min(left, maxFrame)
		left -= n
		f := outFrame{payload: p}
		head := frame
		if begun {
			f.head = chunkHead(p.head(headLen))
			f.body, frame, head = frame[:n], frame[n:], f.head
		} else {
			f.body, frame = frame[:headerSize+n], frame[headerSize+n:]
		}
		if left > 0 {
			patchHeader(head, n, flagMore)
		} else {
			patchHeader(head, n, 0)
			f.sent, f.last = end.sent, end.last
		}
		p.retain()
		if err := s.send(ctx, f, false); err != nil || left == 0 {
			return begun || err == nil, err
		}
		begun = true
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
