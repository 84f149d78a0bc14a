package ipc

import (
	"cmp"
	"io"
	"net"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// smallIO is the most that one raw system call copies: some microseconds' worth.
const smallIO = 64 << 10

// socket is a connection whose small reads and writes cost no more than they must. One goroutine may read and one may
// write at a time.
type socket struct {
	*net.UnixConn
	raw   syscall.RawConn
	in    rawCall
	out   rawCall
	read  func(fd uintptr) bool
	write func(fd uintptr) bool
	spin  spinner // of the reader

	rights  rights  // what the reader has received beside bytes
	message message // of the reader's system call
}

// sent orders what this process did before it wrote to a socket before what it does after it has read from one, where
// both ends are its own. The kernel does that anyway; the race detector learns it from here, as package syscall's read and
// write would tell it.
var sent atomic.Uint32

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
	s.read, s.write = s.readOnce, s.writeOnce
	s.rights.taken = takesFiles
	return s, nil
}

// Read implements [io.Reader].
func (s *socket) Read(p []byte) (int, error) {
	if len(p) > smallIO {
		return s.readLarge(p)
	}
	s.in = rawCall{b: p}
	err := s.raw.Read(s.read)
	s.spin.woken()
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
	sent.Load()
	return n, s.rights.err
}

// readOnce tells whether it is done, or the poller has to wait for the socket.
func (s *socket) readOnce(fd uintptr) bool {
	ready := func() bool {
		s.in.n, s.in.err = retry(s.receive, fd, s.in.b)
		return s.in.err != syscall.EAGAIN
	}
	return ready() || s.spin.poll(ready)
}

func (s *socket) readLarge(p []byte) (int, error) {
	if !s.rights.taken {
		return s.UnixConn.Read(p)
	}
	n, oob, flags, _, err := s.ReadMsgUnix(p, s.rights.space[:])
	s.rights.add(s.rights.space[:oob], flags)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, cmp.Or(err, s.rights.err)
}

// try writes as much of p as the socket takes without waiting.
func (s *socket) try(p []byte) (int, error) {
	s.out = rawCall{b: p}
	sent.Add(1)
	err := s.raw.Write(s.write)
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
