package ipc

import (
	"cmp"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// smallIO is the most that one raw system call copies: some microseconds' worth.
const smallIO = 64 << 10

// socket is a connection whose small reads and writes cost no more than they must. It is a stream by itself. One goroutine
// may read and one may write at a time.
type socket struct {
	*net.UnixConn
	raw     syscall.RawConn
	in      rawCall
	out     rawCall
	onRead  func(fd uintptr) bool
	onWrite func(fd uintptr) bool
	ready   func() bool
	fd      uintptr     // during a call of onRead
	polling *spinner    // of the reader; nil if it is not to poll
	stop    func() bool // see attend

	mu      sync.Mutex // held by who receives
	rights  rights     // what was received beside bytes
	message message    // of the system call that receives
}

// message is the argument of recvmsg(2).
type message struct {
	header unix.Msghdr
	vector unix.Iovec
}

// rawCall holds the arguments and results of a system call.
type rawCall struct {
	b   []byte
	n   int
	err error
}

// newSocket makes a socket of a connection. It takes descriptors if there shall be rights.
func newSocket(c *net.UnixConn, takesFiles bool) (*socket, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{UnixConn: c, raw: raw}
	s.onRead, s.onWrite, s.ready = s.readOnce, s.writeOnce, s.receiveOnce
	s.rights.taken = takesFiles
	return s, nil
}

// Read implements [io.Reader].
func (s *socket) Read(p []byte) (int, error) {
	if len(p) > smallIO {
		return s.readLarge(p)
	}
	s.in = rawCall{b: p}
	err := s.raw.Read(s.onRead)
	s.polling.woken()
	n, callErr := s.in.n, s.in.err
	s.in.b = nil
	switch {
	case err != nil:
		return 0, err
	case callErr != nil:
		return 0, callErr
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	received()
	s.mu.Lock()
	defer s.mu.Unlock()
	return n, s.rights.err
}

// readOnce tells whether it is done, or the poller has to wait for the socket.
func (s *socket) readOnce(fd uintptr) bool {
	s.fd = fd
	return s.ready() || s.polling.poll(s.ready)
}

func (s *socket) receiveOnce() bool {
	s.mu.Lock()
	s.in.n, s.in.err = retry(s.receive, s.fd, s.in.b)
	s.mu.Unlock()
	return s.in.err != syscall.EAGAIN
}

func (s *socket) readLarge(p []byte) (int, error) {
	if !s.rights.taken {
		return s.UnixConn.Read(p)
	}
	n, oob, flags, _, err := s.ReadMsgUnix(p, s.rights.space[:])
	s.mu.Lock()
	s.rights.add(s.rights.space[:oob], flags)
	s.mu.Unlock()
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, cmp.Or(err, s.rights.err)
}

// try implements stream.
func (s *socket) try(p []byte) (int, error) {
	s.out = rawCall{b: p}
	sending()
	err := s.raw.Write(s.onWrite)
	n, callErr := s.out.n, s.out.err
	s.out.b = nil
	if callErr == syscall.EAGAIN {
		callErr = nil
	}
	return n, cmp.Or(err, callErr)
}

func (s *socket) writeOnce(fd uintptr) bool {
	for s.out.n < len(s.out.b) && s.out.err == nil {
		var n int
		rest := s.out.b[s.out.n:]
		n, s.out.err = retry(rawWrite, fd, rest[:min(len(rest), smallIO)])
		s.out.n += n
	}
	return true // never wait for the socket here
}

// retry repeats a system call that a signal interrupted.
func retry(call func(uintptr, []byte) (int, error), fd uintptr, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if err != syscall.EINTR {
			return n, err
		}
	}
}

// direct implements stream: try is a system call.
func (s *socket) direct() bool { return false }

// write implements stream.
func (s *socket) write(bufs net.Buffers, stall time.Duration) error {
	return s.timed(stall, func() error {
		_, err := bufs.WriteTo(s.UnixConn)
		return err
	})
}

// timed writes something, waiting for the peer to read for at most the stall timeout.
func (s *socket) timed(stall time.Duration, write func() error) error {
	sending()
	if stall > 0 {
		if err := s.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		defer s.SetWriteDeadline(time.Time{}) // or the next try would fail
	}
	err := write()
	if interrupted(err) {
		return &stallError{after: stall}
	}
	return err
}

// sendFile implements stream: the frame's first byte brings the file.
func (s *socket) sendFile(frame []byte, file *os.File, stall time.Duration) error {
	return s.timed(stall, func() error { return s.sendRights(frame, file) })
}

// attend implements stream, by the deadline for reading.
func (s *socket) attend(ctx context.Context) {
	if ctx.Done() != nil {
		s.stop = context.AfterFunc(ctx, func() { s.SetReadDeadline(time.Unix(1, 0)) })
	}
}

func (s *socket) ignore() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *socket) resume() { s.SetReadDeadline(time.Time{}) }

// linger implements stream. It ends the writing, and reads for a moment what the peer still sends: closing a socket with
// unread bytes may cost the other end what it has not read yet.
func (s *socket) linger() {
	s.SetDeadline(time.Now().Add(partTimeout))
	s.CloseWrite()
	io.CopyN(io.Discard, s.UnixConn, queueSize)
}

func (s *socket) crowded(yes bool) { s.polling.crowded(yes) }
func (s *socket) start(func(bool)) {}
func (s *socket) end()             {}

func (s *socket) position() uint64   { return 0 }
func (s *socket) unread(uint64) bool { return false }
func (s *socket) doze() bool         { return false }
func (s *socket) rouse()             {}
func (s *socket) hasBell() bool      { return false }
func (s *socket) pending() bool      { return false }
func (s *socket) peerSleeps() bool   { return false }
func (s *socket) over() bool         { return false }
