package silence

import (
	"time"

	"golang.org/x/sys/unix"
)

func setLimit(fd int, d time.Duration) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d.Milliseconds()))
}
