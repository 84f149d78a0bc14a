package ipc

import (
	"cmp"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// alarm is one end of a socket beside that of a connection with rings. A byte on it says that there is something to read
// where nobody sleeps on the connection's own socket: because the side dozes, or is busy with a call. It ends with the peer.
//
// The client makes both ends and passes one to the server. What is passed it may keep as well, and change so that it
// blocks; therefore each call says that it must not.
type alarm struct {
	conn *net.UnixConn
	raw  syscall.RawConn
}

// newAlarm returns the client's end, and the server's to be passed.
func newAlarm() (own *alarm, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // so that no child inherits what has no flag against it yet
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	theirs = os.NewFile(uintptr(fds[1]), "alarm")
	if own, err = openAlarm(os.NewFile(uintptr(fds[0]), "alarm")); err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return own, theirs, nil
}

// openAlarm makes an end of its descriptor, which it takes over.
func openAlarm(f *os.File) (*alarm, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("a socket of another kind")
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		c.Close()
		return nil, err
	}
	return &alarm{conn: conn, raw: raw}, nil
}

// ring wakes the other end. If the socket is full there are bytes in it that do so as well.
func (a *alarm) ring() {
	a.raw.Control(func(fd uintptr) { unix.Send(int(fd), wakeByte[:], unix.MSG_DONTWAIT) }) // if it fails, wait hears of that
}

// wait returns when the other end has rung, or with an error when it never will again.
func (a *alarm) wait() (err error) {
	var rings [64]byte
	readErr := a.raw.Read(func(fd uintptr) bool {
		var n int
		if n, err = retry(receiveNow, fd, rings[:]); n == 0 && err == nil {
			err = net.ErrClosed
		}
		return err != unix.EAGAIN
	})
	return cmp.Or(readErr, err)
}

// receiveNow is rawRead for a socket that may block.
func receiveNow(fd uintptr, b []byte) (int, error) {
	n, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
	return n, err
}

func (a *alarm) close() {
	if a != nil {
		a.conn.Close()
	}
}
