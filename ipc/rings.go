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

// rings is a stream through shared memory. The socket beside it carries descriptors, the bytes that wake who sleeps, and the
// news that the peer is gone; see package ring for the protocol.
//
// Whoever sleeps does so on the socket: handing a wake over to another goroutine takes as long as the wake itself. If the
// reader and the writer both sleep, one of them is on the socket, and wakes the other in any case. For when none is there,
// because nobody reads (see doze) or who reads is busy with a call (see urge), there is an alarm, on which a goroutine waits.
type rings struct {
	*socket
	alarm *alarm
	in    *ring.Reader
	out   *ring.Writer

	own  *buddy.Segment
	peer *buddy.View

	// The reader's.
	ctx     context.Context // that it attends to
	ready   func() bool
	spinner *spinner

	// The writer's.
	spinOut *spinner
	hasRoom func() bool

	sleepers sleepers
	wakes    [64]byte    // belongs to who sleeps on the socket
	kicked   atomic.Bool // the socket's deadline is, or may be, over

	bell  func(end bool) // see stream.start
	deaf  atomic.Bool    // the alarm has ended
	urges bool           // see urge
	urged atomic.Uint64  // one more than how far the peer's reader was when it was last urged on

	closed atomic.Bool
}

// newRings makes a stream of both sides' halves and an alarm, which belong to it.
func newRings(s *socket, h halves, polling *Polling) (*rings, error) {
	in, out, err := ring.New(h.own.Bytes()[:ring.HalfSize(ringSize)], h.peer.Bytes()[:ring.HalfSize(h.size)])
	if err != nil {
		return nil, err
	}
	r := &rings{
		socket: s, alarm: h.alarm, in: in, out: out, own: h.own, peer: h.peer,
		ctx: context.Background(), ready: in.Ready, spinner: newSpinner(polling), hasRoom: out.HasRoom, spinOut: newSpinner(polling),
	}
	r.sleepers.init()
	s.polling = nil
	return r, nil
}

// start implements stream.
func (s *rings) start(bell func(end bool)) {
	s.bell = bell
	go s.watch()
}

// watch waits for the alarm, until it ends.
func (s *rings) watch() {
	for {
		err := s.alarm.wait()
		if err != nil {
			s.deaf.Store(true)
			s.bell(true)
			return
		}
		if s.in.Pending() {
			s.bell(false)
		}
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
	err := s.sleep(s.ctx, theReader, time.Time{})
	s.in.Wake()
	s.spinner.woken()
	switch {
	case s.in.Ready() && !interrupted(err):
		return nil
	case err == nil && s.pendingFiles() >= maxPendingFiles && !s.in.Ready(): // each comes right before its frame
		return protocolErrorf("descriptors of which no frame speaks")
	}
	return err
}

// sleep returns when the peer may have woken the caller, and with an interrupted error when ctx has ended, or at the given
// time unless that is zero.
func (s *rings) sleep(ctx context.Context, who sleeper, until time.Time) error {
	switch s.sleepers.enter(who) {
	case lookAgain:
		return nil
	case goWait:
		return s.wait(ctx, who, until)
	}
	if s.pendingFiles() >= maxPendingFiles { // the reader has to take them before any more are
		s.sleepers.leave(who, false)
		return s.doNothing(ctx)
	}
	err := s.park(ctx, until)
	s.sleepers.leave(who, !interrupted(err))
	return err
}

// park sleeps on the socket.
func (s *rings) park(ctx context.Context, until time.Time) error {
	if kicked := s.kicked.Swap(!until.IsZero()); kicked || !until.IsZero() {
		s.SetReadDeadline(until)
	}
	if ctx.Done() != nil {
		defer context.AfterFunc(ctx, s.kick)()
	}
	_, err := s.socket.Read(s.wakes[:])
	if interrupted(err) && ctx.Err() == nil && (until.IsZero() || time.Now().Before(until)) {
		s.kicked.Store(true) // by a context that had ended when its reader had gone already
		return nil
	}
	return err
}

// kick ends the sleep on the socket.
func (s *rings) kick() {
	s.kicked.Store(true)
	s.SetReadDeadline(time.Unix(1, 0))
}

// wait is for who can't be on the socket.
func (s *rings) wait(ctx context.Context, who sleeper, until time.Time) error {
	if until.IsZero() {
		return s.sleepers.wait(ctx, who, nil)
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	return s.sleepers.wait(ctx, who, timer.C)
}

// doNothing is how somebody waits for a moment who must not be on the socket.
func (s *rings) doNothing(ctx context.Context) error {
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return os.ErrDeadlineExceeded
	}
}

// urge sounds the alarm if the peer has not read what this side wrote. A client does so, as the one that reads at the server
// may be busy with a call, and does not sleep. A reader asks for this when it is about to sleep, and a writer that has
// written while the reader sleeps: so what was written is read at once, or when this side has nothing left to do but wait.
func (s *rings) urge() {
	if !s.urges {
		return
	}
	if s.out.PeerNaps() { // it has been woken, and will read all there is
		return
	}
	if head, unread := s.out.Unread(); unread && s.urged.Swap(head+1) != head+1 {
		s.alarm.ring()
	}
}

// attend implements stream.
func (s *rings) attend(ctx context.Context) { s.ctx = ctx }
func (s *rings) ignore()                    { s.ctx = context.Background() }
func (s *rings) resume()                    {}

// crowded implements stream.
func (s *rings) crowded(yes bool) { s.spinner.crowded(yes) }

// hasBell implements stream.
func (s *rings) hasBell() bool { return true }
func (s *rings) pending() bool { return s.in.Pending() }
func (s *rings) over() bool    { return s.deaf.Load() }

func (s *rings) peerSleeps() bool { return s.out.PeerNaps() }

// direct implements stream.
func (s *rings) direct() bool { return true }

// try implements stream.
func (s *rings) try(p []byte) (int, error) {
	sending()
	n, err := s.out.Write(p)
	switch s.out.PeerSleeps() {
	case ring.Asleep:
		s.wakePeer()
	case ring.Dozing:
		s.alarm.ring()
	default:
		if s.urges && s.in.Asleep() {
			s.urge()
		}
	}
	return n, err
}

// wakePeer writes a byte to the socket. If the socket is full there are bytes in it that wake the peer as well.
func (s *rings) wakePeer() {
	s.raw.Control(func(fd uintptr) { retry(rawWrite, fd, wakeByte[:]) }) // if it fails, who sleeps there hears of that
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
	var until time.Time
	if stall > 0 {
		until = since.Add(stall)
	}
	s.urge()
	err := s.sleep(context.Background(), theWriter, until)
	s.out.Go()
	s.spinOut.woken()
	if interrupted(err) {
		return &stallError{after: stall}
	}
	return err
}

// sendFile implements stream. The descriptor goes first: so it is there when the frame is read.
func (s *rings) sendFile(frame []byte, file *os.File, stall time.Duration) error {
	if err := s.socket.sendFile(wakeByte[:], file, stall); err != nil {
		return err
	}
	return s.write(net.Buffers{frame}, stall)
}

// takeFile implements stream. It looks into the socket: nobody may have slept there since the descriptor came.
func (s *rings) takeFile() (f *os.File, err error) {
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
		s.sleepers.tell(theWriter) // it may have been meant for that one
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
func (s *rings) doze() bool { return !s.deaf.Load() && s.in.Doze() }

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
	s.alarm.close()
	return err
}

var _, _ stream = (*socket)(nil), (*rings)(nil)
