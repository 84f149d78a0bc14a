package ipc

import "golang.org/x/sys/unix"

// hungUp tells whether the peer has closed the socket, or is dead. What it sent before may still be there to read.
func (s *socket) hungUp() (gone bool) {
	err := s.raw.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd)}} // a hang-up is always told
		if n, _ := unix.Poll(poll, 0); n > 0 {
			gone = poll[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
	})
	return gone || err != nil
}
