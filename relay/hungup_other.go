//go:build !linux

package relay

import (
	"errors"

	"golang.org/x/sys/unix"
)

// hungUp tells whether a socket's peer has closed its end. If there is something left to read before that it is not seen.
func hungUp(fd int) bool {
	var b [1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n == 0 && err == nil || err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR)
}
