package relay

import (
	"net"
	"time"
)

// A connection that is closed while its peer still sends is reset, and that takes away the answer that the peer has not read yet.
// So one whose request was answered before it was read to its end is closed in two steps: the relay ends its own direction, and
// takes what still comes, for a while and up to a bound, until the peer has seen the answer and closes as well.
const (
	// lingerBytes is what is taken at most.
	lingerBytes = 256 << 20
	// lingerTime is how long that goes on, and lingerIdle how long nothing may come meanwhile.
	lingerTime = 30 * time.Second
	lingerIdle = 2 * time.Second
	// lingerBuffer is how much is read at a time, and all that such a connection costs.
	lingerBuffer = 8 << 10
)

// expectMore notes whether the peer may still be sending when a connection is closed, which is what fasthttp has.
func expectMore(of net.Conn, more bool) {
	if c, _ := connOf(of); c != nil && c.more.Load() != more {
		c.more.Store(more)
	}
}

// linger closes the connection in two steps. It returns at once.
func (c *conn) linger() error {
	if c.CloseWrite() != nil || !c.table.mayLinger() {
		c.table.remove(c)
		return c.TCPConn.Close()
	}
	go func() {
		defer c.table.lingering.Done()
		c.discard(lingerBytes, lingerTime)
		c.table.remove(c)
		_ = c.TCPConn.Close()
	}()
	return nil
}

// discard takes what comes, until the peer ends it, max bytes have come or the time is over.
func (c *conn) discard(max int, d time.Duration) {
	buf := make([]byte, lingerBuffer)
	for end := time.Now().Add(d); max > 0; {
		until := time.Now().Add(lingerIdle)
		if until.After(end) {
			until = end
		}
		if c.SetReadDeadline(until) != nil {
			return
		}
		n, err := c.TCPConn.Read(buf)
		if err != nil {
			return
		}
		max -= n
	}
}

// mayLinger tells whether a connection may linger, which then is counted.
func (t *connTable) mayLinger() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped {
		t.lingering.Add(1)
	}
	return !t.stopped
}
