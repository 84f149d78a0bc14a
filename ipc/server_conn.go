package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// serverConn is one client at a server.
type serverConn struct {
	server  *Server
	raw     *net.UnixConn // by which the server knows the connection
	conn    stream
	session session
	reader  *frameReader // belongs to the goroutine in run
	refs    []reference  // likewise: of the current frame
	inline  inline
	workers *workers
	out     *sender
	lender  *lender   // nil if there is no shared memory
	memory  *borrower // likewise
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	calls    map[uint64]*Call // arriving, refused or running, up to their answers' last frames
	running  int              // calls that run or are being answered
	arriving uint64           // bytes announced by the calls whose payload is not complete
	closed   bool
	draining bool
	drained  chan struct{} // closed when draining and no call is left
	ended    chan struct{} // closed when nothing is read any more
}

func newServerConn(s *Server, raw *net.UnixConn, conn stream, r *frameReader, sess session) (*serverConn, error) {
	c := &serverConn{
		server: s, raw: raw, conn: conn, session: sess, reader: r, out: newSender(conn, s.config.StallTimeout),
		calls: make(map[uint64]*Call), drained: make(chan struct{}), ended: make(chan struct{}),
	}
	c.workers = newWorkers(c.ended)
	var err error
	if c.lender, c.memory, err = s.config.Memory.join(sess, c.out, s.config.MaxPayload, c.wait); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.inline.timer = time.AfterFunc(time.Hour, c.lookAgain)
	c.inline.timer.Stop()
	conn.start(c.readNow)
	return c, nil
}

// wait is told when a call begins to wait for the client to give memory back: the reading goroutine, which would hear of
// that, may be the one that runs it.
func (c *serverConn) wait(begins bool) {
	if begins {
		c.readNow(true)
	}
}

// run reads frames and runs calls until the connection ends, or until another goroutine has taken over the reading while
// this one ran a call. The last one to read frees all that the client held.
func (c *serverConn) run() {
	for {
		call, err := c.next()
		switch {
		case err != nil:
			c.server.dismiss(c.raw, c.hangUp(err))
			return
		case call == nil:
		case c.suitsInline(call):
			c.conn.crowded(false)
			if !c.runInline(call) {
				return
			}
		default:
			c.conn.crowded(true)
			c.workers.run(call)
		}
	}
}

// readNow is told that there may be something to read, or certainly is, which waits behind a call that runs inline.
func (c *serverConn) readNow(certainly bool) {
	if !certainly {
		c.inline.urged.Store(true) // for the next turn, if this one is over before it is relieved
	}
	if turn := c.inline.turn.Load(); turn%2 == 1 && (certainly || c.conn.pending()) {
		c.relieve(turn)
	}
}

// farewellTime is how long a client that was told to go, and has its answers, may take to close the connection.
const farewellTime = 500 * time.Millisecond

// awaitFarewell waits for the client to go. Calls that crossed the message are refused meanwhile: closing at once would
// leave their callers without knowing that they did not run.
func (c *serverConn) awaitFarewell(ctx context.Context) {
	timer := time.NewTimer(farewellTime)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// hangUp ends the connection, after telling a client that broke the protocol. It returns what is worth a log line.
func (c *serverConn) hangUp(err error) error {
	if isBreach(err) {
		c.out.send(c.ctx, outFrame{body: appendGoAway(nil, goAwayFor(err))}, true)
		c.out.wait(c.ctx)
		c.conn.linger()
	}
	return c.end(err)
}

// end closes the connection and cancels its calls. It returns what is worth telling about err, if anything.
func (c *serverConn) end(err error) error {
	running := c.wanted()
	c.inline.timer.Stop()
	c.close()
	defer close(c.ended)
	c.mu.Lock()
	for id, call := range c.calls {
		if call.state != callRunning {
			call.drop()
			delete(c.calls, id)
		}
	}
	c.arriving = 0
	c.mu.Unlock()
	c.lender.close()
	c.memory.close()
	c.conn.closeFiles()
	c.conn.end()
	c.server.config.Ended()
	if sendErr := c.out.failure(); gone(err) && !gone(sendErr) {
		err = sendErr // why the connection was closed, where the reader only saw that it was
	}
	switch {
	case running > 0:
		return fmt.Errorf("client with pid %d went away with %d calls in flight: %w", c.session.peer.pid, running, err)
	case errors.Is(err, errCut), !gone(err):
		return fmt.Errorf("client with pid %d: %w", c.session.peer.pid, err)
	}
	return nil
}

// wanted is how many calls run that the client has not given up.
func (c *serverConn) wanted() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, call := range c.calls {
		if call.state == callRunning && call.ctx.Err() == nil {
			n++
		}
	}
	return n
}

// close ends the connection and the contexts of its calls. The reading goroutine does the rest.
func (c *serverConn) close() {
	c.out.fail(net.ErrClosed)
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, call := range c.calls {
		call.ctx.end(context.Canceled)
	}
}

// checkDrainedLocked tells drain when the last call has been answered. Half-sent calls have not begun and are not waited
// for.
func (c *serverConn) checkDrainedLocked() {
	if !c.draining || c.running > 0 {
		return
	}
	select {
	case <-c.drained:
	default:
		close(c.drained)
	}
}

// drain tells the client to send no more calls, and waits until those in flight are answered. It returns false if ctx
// ended before.
func (c *serverConn) drain(ctx context.Context) (drained bool) {
	c.mu.Lock()
	c.draining = true
	c.checkDrainedLocked()
	c.mu.Unlock()
	c.out.send(c.ctx, outFrame{body: appendGoAway(nil, &Error{Code: CodeOK, Message: "shutting down"})}, true)
	select {
	case <-c.drained:
		answered := c.out.wait(ctx)
		c.awaitFarewell(ctx)
		return answered
	case <-c.ctx.Done():
		return true // the client is gone, its calls with it
	case <-ctx.Done():
		c.mu.Lock()
		idle := c.running == 0
		c.mu.Unlock()
		return idle && c.out.wait(ctx)
	}
}
