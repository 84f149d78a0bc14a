package ipc

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// frameSize is the largest frame body this side sends or takes.
	frameSize = 256 << 10
	// queueSize is how many bytes may wait for a peer to read before senders have to wait as well.
	queueSize = 4 << 20
)

// sender writes the frames of one connection, each whole, in the order in which send took them.
//
// The goroutine that sends first tries to write without waiting. What the socket does not take at once, and what
// others send meanwhile, is queued and written by a goroutine that lives as long as the queue. So a sender never waits
// for the peer to read, but for room in the queue, and leaves when its context ends.
type sender struct {
	conn   stream
	stall  time.Duration // how long one write may take; zero is for ever
	lender *lender       // of the blocks in frames; set before anything is sent

	joined []byte // what two frames are written from at once; belongs to who has the turn to write

	mu      sync.Mutex
	home    homing
	queue   []outFrame
	queued  int           // bytes in queue
	writing bool          // one goroutine is writing and will look at queue again
	room    chan struct{} // closed when there is room in the queue or the sender has failed; nil if none waits
	idle    chan struct{} // closed when nothing is left to write; nil if none waits
	err     error         // why nothing can be sent any more
}

func newSender(conn stream, stall time.Duration) *sender {
	s := &sender{conn: conn, stall: stall}
	s.home.init(s.sendHome)
	return s
}

// begin is called before the first byte of a frame is written.
func (s *sender) begin(f *outFrame) {
	if f.sent != nil {
		f.sent.set(s.conn.position())
	}
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
	if f.lends {
		s.lender.lend(f.payload.out, f.payload.blocks)
	}
	if f.ends != nil {
		f.ends.leave()
	}
	if !s.writing && f.file == nil && s.conn.direct() {
		return s.sendDirect(f)
	}
	if s.writing || f.head != nil || f.file != nil || !s.home.fitsBefore(f.body) {
		s.enqueueLocked(f)
		s.mu.Unlock()
		return nil
	}
	s.writing = true
	before := s.home.swap()
	s.mu.Unlock()
	return s.try(before, f)
}

// sendDirect writes a frame to a stream that takes it at once or not at all, with the lock held, and unlocks.
func (s *sender) sendDirect(f outFrame) error {
	err := s.direct(&f)
	if err == nil && len(f.head)+len(f.body) > 0 {
		s.pushLocked(f)
		s.mu.Unlock()
		return nil
	}
	s.mu.Unlock()
	f.done()
	if err != nil {
		s.fail(err)
	}
	return err
}

// direct writes as much of f as is taken, behind what goes before it, and leaves the rest in f.
func (s *sender) direct(f *outFrame) error {
	if before := s.home.swap(); len(before) > 0 {
		n, err := s.conn.try(before)
		if err != nil {
			return err
		}
		if n < len(before) {
			s.pushLocked(outFrame{body: slices.Clone(before[n:])})
			return nil
		}
	}
	s.begin(f)
	for _, part := range []*[]byte{&f.head, &f.body} {
		if len(*part) == 0 {
			continue
		}
		n, err := s.conn.try(*part)
		if *part = (*part)[n:]; err != nil || len(*part) > 0 {
			return err
		}
	}
	return nil
}

// try writes a frame, and the one that goes before it, as far as the socket takes them at once. The caller has the turn to
// write.
func (s *sender) try(before []byte, f outFrame) error {
	s.begin(&f)
	all := f.body
	if len(before) > 0 {
		s.joined = append(append(s.joined[:0], before...), f.body...)
		all = s.joined
	}
	n, err := s.conn.try(all)
	if err == nil && n == len(all) {
		f.done()
		s.finishTry()
		return nil
	}
	if err != nil {
		if n <= len(before) && f.sent != nil {
			f.sent.clear()
		}
		f.done()
		s.fail(err)
		return err
	}
	if f.body = all[n:]; len(before) > 0 {
		f.body = slices.Clone(f.body)
	}
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		f.done()
		return err
	}
	s.queue = append([]outFrame{f}, s.queue...)
	s.queued += f.size()
	s.mu.Unlock()
	go s.flush()
	return nil
}

func (s *sender) enqueueLocked(f outFrame) {
	if before := s.home.take(); len(before) > 0 {
		s.pushLocked(outFrame{body: before})
	}
	s.pushLocked(f)
}

func (s *sender) pushLocked(f outFrame) {
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
	for {
		for i := range batch {
			batch[i].done()
		}
		s.mu.Lock()
		for i := range batch {
			s.queued -= batch[i].size()
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

		if err := s.writeBatch(batch); err != nil {
			s.fail(err)
		}
	}
}

// writeBatch writes frames, as many at a time as go in one system call.
func (s *sender) writeBatch(batch []outFrame) error {
	var bufs net.Buffers
	for i := range batch {
		f := &batch[i]
		s.begin(f)
		if f.file != nil {
			if err := s.write(bufs); err != nil {
				return err
			}
			bufs = bufs[:0]
			if err := s.conn.sendFile(f.body, f.file, s.stall); err != nil {
				return err
			}
			continue
		}
		if len(f.head) > 0 {
			bufs = append(bufs, f.head)
		}
		if len(f.body) > 0 {
			bufs = append(bufs, f.body)
		}
	}
	return s.write(bufs)
}

// write writes all of bufs.
func (s *sender) write(bufs net.Buffers) error {
	if len(bufs) == 0 {
		return nil
	}
	return s.conn.write(bufs, s.stall)
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
	dropped := s.queue
	for i := range dropped {
		s.queued -= dropped[i].size()
	}
	s.queue = nil
	s.home.stop()
	s.wakeLocked()
	s.releaseLocked()
	s.mu.Unlock()
	for i := range dropped {
		dropped[i].done()
	}
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
