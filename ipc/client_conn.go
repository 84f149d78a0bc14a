package ipc

import (
	"net"
	"sync"
	"time"
)

// clientConn is one connection of a client.
//
// Answers are read by whoever has the reading turn. A call that is alone takes the turn and reads its own answer: waking
// it from another goroutine would take longer than many an answer. As soon as calls overlap, a goroutine of the
// connection's reads, for as long as there are calls; and when there have been none for a moment, it waits for the
// server's end or farewell.
type clientConn struct {
	client  *Client
	session session
	conn    stream
	out     *sender
	lender  *lender       // nil if there is no shared memory
	memory  *borrower     // likewise
	ended   chan struct{} // closed when the connection has ended and every call was told

	// These belong to who has the reading turn.
	reader    *frameReader
	refs      []reference // of the current frame
	completes *pending    // the call whose answer is complete when the current frame is, or nil

	mu      sync.Mutex
	calls   map[uint64]*pending
	lastID  uint64
	reading bool        // someone has the turn, or the connection has ended
	leaving bool        // no more calls: the server does not want them, or the connection was idle
	err     error       // why the connection is no more
	watch   *time.Timer // see rest
	watchAt time.Time   // when watch runs out, zero if it does not run
	used    time.Time   // when the last call ended
	stuck   int         // so many wait for the server to give memory back
}

func newClientConn(client *Client, conn stream, r *frameReader, sess session) (*clientConn, error) {
	c := &clientConn{
		client: client, session: sess, conn: conn, reader: r, out: newSender(conn, 0),
		ended: make(chan struct{}), calls: make(map[uint64]*pending), used: time.Now(),
	}
	var err error
	if c.lender, c.memory, err = client.config.Memory.join(sess, c.out, client.config.MaxPayload, c.wait); err != nil {
		conn.Close()
		conn.closeFiles()
		conn.end()
		return nil, err
	}
	c.watch = time.AfterFunc(time.Hour, c.rest)
	c.watch.Stop()
	return c, nil
}

// start puts the connection into use.
func (c *clientConn) start() {
	c.conn.start(c.bell)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchLocked(watchDelay)
}

// lose ends the connection after a failed read, and fails the calls that are left. The reading turn is never passed on.
func (c *clientConn) lose(err error) {
	if gone(err) {
		err = errorf(CodeUnavailable, "the connection to %s ended", c.client.address)
	}
	c.fail(err)
	c.mu.Lock()
	err = c.err
	calls := c.calls
	c.calls = nil
	c.mu.Unlock()
	for _, call := range calls {
		if call.part != nil {
			call.part.Release()
		}
		if at, sent := call.sent.position(); sent && c.conn.unread(at) && asError(err).Code == CodeUnavailable {
			call.end(nil, errNotSent)
			continue
		}
		failed := *asError(err)
		failed.MayHaveRun = call.wasSent()
		call.end(nil, &failed)
	}
	c.lender.close()
	c.memory.close()
	c.conn.closeFiles()
	c.conn.end()
	c.client.config.Ended()
	c.client.forget(c)
	close(c.ended)
}

// fail ends the connection. The first reason is the one that calls get to see. They are told by who has the reading
// turn, whose read fails now.
func (c *clientConn) fail(err error) {
	c.client.leave(c)
	c.mu.Lock()
	if c.err == nil {
		c.err = err
	}
	c.watch.Stop()
	mine := !c.reading
	c.reading = true
	c.mu.Unlock()
	c.out.fail(net.ErrClosed)
	if mine {
		c.lose(err)
	}
}
