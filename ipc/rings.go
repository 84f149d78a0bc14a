package ipc

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/ring"
)

// ringSize is how many bytes may be on their way in each direction. Both sides together take twice that, and a page each,
// per connection.
const ringSize = 64 << 10

// maxRing bounds the ring that a peer may ask this side to map.
const maxRing = 4 << 20

// rings is a stream through shared memory. The socket beside it carries descriptors, the bytes that wake a side which sleeps, and
// the news that the peer is gone; see package ring for the protocol.
//
// A goroutine of its own, in watch, reads the socket. So a reader that polls the ring need not, and whoever waits does
// so for a channel, and may leave when its context ends.
type rings struct {
	*socket
	in  *ring.Reader
	out *ring.Writer

	own  *buddy.Segment
	peer *buddy.View

	// The reader's.
	done    <-chan struct{} // of the context that it attends to
	ready   func() bool
	spinner *spinner

	// The writer's.
	spinOut *spinner
	hasRoom func() bool

	bell    func()        // see stream.start
	watched chan struct{} // closed when the socket has ended
	lost    error         // why; set before that
	wakeIn  chan struct{} // holds a value for a reader that sleeps
	wakeOut chan struct{} // likewise for a writer

	urges bool          // see urge
	urged atomic.Uint64 // one more than how far the peer's reader was when it was last urged on

	closed atomic.Bool
	taken  chan struct{} // holds a value when a descriptor was taken
}

// newRings makes a stream of both sides' halves, which belong to it.
func newRings(s *socket, h halves, polling *Polling) (*rings, error) {
	in, out, err := ring.New(h.own.Bytes()[:ring.HalfSize(ringSize)], h.peer.Bytes()[:ring.HalfSize(h.size)])
	if err != nil {
		return nil, err
	}
	r := &rings{
		socket: s, in: in, out: out, own: h.own, peer: h.peer, spinner: newSpinner(polling), spinOut: newSpinner(polling),
		ready: in.Ready, hasRoom: out.HasRoom,
		watched: make(chan struct{}), wakeIn: make(chan struct{}, 1), wakeOut: make(chan struct{}, 1), taken: make(chan struct{}, 1),
	}
	s.polling = nil
	return r, nil
}

// start implements stream.
func (s *rings) start(bell func()) {
	s.bell = bell
	go s.watch()
}

// watch reads the socket, until it ends.
func (s *rings) watch() {
	var wakes [64]byte
	for {
		_, err := s.socket.Read(wakes[:])
		if err != nil {
			s.lost = err
			close(s.watched)
			s.bell()
			return
		}
		s.woken()
		if s.in.Pending() {
			s.bell()
		}
		s.leaveFiles()
	}
}

// woken passes a wake on. Whom it was meant for nobody knows.
func (s *rings) woken() {
	wake(s.wakeIn)
	wake(s.wakeOut)
}

// leaveFiles waits until the reader has taken what descriptors there are, if they are many: those that are still to come wait
// in the socket. Behind them is the end of a peer that is gone, which has to be asked for meanwhile.
func (s *rings) leaveFiles() {
	if s.pendingFiles() < maxPendingFiles {
		return
	}
	look := time.NewTicker(lookForEnd)
	defer look.Stop()
	for s.pendingFiles() >= maxPendingFiles && !s.closed.Load() && !s.hungUp() {
		select {
		case <-s.taken:
		case <-look.C:
		}
	}
}

// lookForEnd is how often the end of a peer is asked for that has sent more descriptors than were taken.
const lookForEnd = 100 * time.Millisecond

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Read implements [io.Reader].
func (s *rings) Read(p []byte) (int, error) {
	for !s.closed.Load() {
		n, wake, err := s.in.Read(p)
		if wake {
			s.wakePeer()
		}
		if err != nil {
			return n, protocolErrorf("what is no frame: %v", err)
		}
		if n > 0 && !s.closed.Load() { // what is read after the end must not be acted on; see unread
			received()
			return n, nil
		}
		if err := s.await(); err != nil {
			return 0, err
		}
	}
	return 0, net.ErrClosed
}

// await waits for something to read. Before it says that there is nothing more, all that was written has been read.
func (s *rings) await() error {
	if s.spinner.poll(s.ready) || !s.in.Sleep() {
		return nil
	}
	s.urge()
	var err error
	select {
	case <-s.wakeIn:
	case <-s.done:
		err = os.ErrDeadlineExceeded
	case <-s.watched:
		err = s.lost
	}
	s.in.Wake()
	s.spinner.woken()
	if err != nil && s.in.Ready() && !interrupted(err) {
		return nil
	}
	return err
}

// urge wakes the peer if it has not read what this side wrote. A client does so, as the one that reads at the server may be
// busy with a call, and does not sleep. A reader asks for this when it is about to sleep, and a writer that has written
// while the reader sleeps: so what was written is read at once, or when this side has nothing left to do but wait.
func (s *rings) urge() {
	if !s.urges {
		return
	}
	if head, unread := s.out.Unread(); unread && s.urged.Swap(head+1) != head+1 {
		s.wakePeer()
	}
}

// attend implements stream.
func (s *rings) attend(ctx context.Context) { s.done = ctx.Done() }
func (s *rings) ignore()                    { s.done = nil }
func (s *rings) resume()                    {}

// hasBell implements stream.
func (s *rings) hasBell() bool { return true }
func (s *rings) pending() bool { return s.in.Pending() || s.peerGone() }

// peerGone tells whether the socket has ended.
func (s *rings) peerGone() bool {
	select {
	case <-s.watched:
		return true
	default:
		return false
	}
}

// direct implements stream.
func (s *rings) direct() bool { return true }

// try implements stream.
func (s *rings) try(p []byte) (int, error) {
	sending()
	n, err := s.out.Write(p)
	if s.out.PeerSleeps() {
		s.wakePeer()
	} else if s.urges && s.in.Asleep() {
		s.urge()
	}
	return n, err
}

// wakePeer writes a byte to the socket. If the socket is full there are bytes in it that wake the peer as well.
func (s *rings) wakePeer() {
	s.raw.Control(func(fd uintptr) { retry(rawWrite, fd, wakeByte[:]) }) // if it fails, watch hears of that
}

var wakeByte [1]byte

// write implements stream.
func (s *rings) write(bufs net.Buffers, stall time.Duration) error {
	for _, b := range bufs {
		if err := s.writeAll(b, stall); err != nil {
			return err
		}
	}
	return nil
}

func (s *rings) writeAll(b []byte, stall time.Duration) error {
	var since time.Time
	for !s.closed.Load() {
		n, err := s.try(b)
		if b = b[n:]; err != nil || len(b) == 0 {
			return err
		}
		if n > 0 || since.IsZero() {
			since = time.Now()
		}
		if err := s.awaitRoom(stall, since); err != nil {
			return err
		}
	}
	return net.ErrClosed
}

// awaitRoom waits for the peer to read, which it has not done since then. It may return too early: a peer can be awake and
// wake others without reading anything.
func (s *rings) awaitRoom(stall time.Duration, since time.Time) error {
	if s.spinOut.poll(s.hasRoom) || !s.out.Await() {
		return nil
	}
	defer s.spinOut.woken()
	defer s.out.Go()
	var late <-chan time.Time
	if stall > 0 {
		timer := time.NewTimer(stall - time.Since(since))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-s.wakeOut:
		return nil
	case <-late:
		return &stallError{after: stall}
	case <-s.watched:
		return s.lost
	}
}

// sendFile implements stream. The descriptor goes first: so it is there when the frame is read.
func (s *rings) sendFile(frame []byte, file *os.File, stall time.Duration) error {
	if err := s.socket.sendFile(wakeByte[:], file, stall); err != nil {
		return err
	}
	return s.write(net.Buffers{frame}, stall)
}

// takeFile implements stream. It looks into the socket: the watching goroutine may not have come to that yet.
func (s *rings) takeFile() (f *os.File, err error) {
	defer wake(s.taken)
	s.raw.Control(func(fd uintptr) { f, err = s.takeNow(fd) })
	return f, err
}

func (s *rings) takeNow(fd uintptr) (*os.File, error) {
	var b [1]byte
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.rights.files) == 0 && s.rights.err == nil {
		if n, err := retry(s.receive, fd, b[:]); n == 0 || err != nil {
			break
		}
		s.woken() // it may have been meant for somebody else
	}
	if err := s.rights.err; err != nil {
		return nil, err
	}
	return s.rights.take()
}

// position implements stream.
func (s *rings) position() uint64 { return s.out.Position() }

// unread implements stream.
func (s *rings) unread(position uint64) bool {
	head, _ := s.out.Unread()
	return head <= position
}

// doze implements stream.
func (s *rings) doze() bool { return s.in.Sleep() }
func (s *rings) rouse() {
	if s.in.Asleep() {
		s.in.Wake()
	}
}

// pendingFiles is how many descriptors have not been taken yet.
func (s *rings) pendingFiles() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rights.files)
}

// linger implements stream. The peer reads the ring whether this side is there or not.
func (s *rings) linger() {}

// end implements stream.
func (s *rings) end() {
	s.peer.Release()
	s.own.Close()
}

// Close ends the connection. The reader, told by its error, gives the memory back.
func (s *rings) Close() error {
	s.closed.Store(true)
	err := s.socket.Close()
	wake(s.taken)
	return err
}

var _, _ stream = (*socket)(nil), (*rings)(nil)
