package silence

import (
	"net"
	"syscall"
	"time"
)

// Limit is for how long the other end may be silent to the kernel, which answers for a process that is busy or stopped. It is as
// long as a peer may read nothing of what is sent to it, which Linux takes for silence, too.
const Limit = 30 * time.Second

// keepAlive asks a connection on which nothing is under way, so that an end that is gone is noticed within Limit.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: Limit / 3, Interval: Limit / 6, Count: 4}
}

// Dialer connects within the given time, to ends that may be silent for Limit.
func Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAliveConfig: keepAlive(), Control: func(_, _ string, c syscall.RawConn) error {
		limit(c, Limit)
		return nil
	}}
}

// Bound bounds the silence of a connection that came in: to Limit, or to d if that is longer, as where its end may take longer to
// read. What the system refuses stays as it is.
func Bound(c *net.TCPConn, d time.Duration) {
	_ = c.SetKeepAliveConfig(keepAlive())
	if raw, err := c.SyscallConn(); err == nil {
		limit(raw, max(d, Limit))
	}
}

// limit bounds for how long what was sent may stay without an answer. A system that can't is left alone: calls have deadlines.
func limit(c syscall.RawConn, d time.Duration) {
	_ = c.Control(func(fd uintptr) { setLimit(int(fd), d) })
}
