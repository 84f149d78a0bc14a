package ipc

import (
	"context"
	"time"
)

// takeTurn gives the reading turn to a call that is alone.
func (c *clientConn) takeTurn(call *pending) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reading || c.err != nil {
		return false
	}
	c.beginLocked()
	if len(c.calls) > 1 {
		go c.readOn()
		return false
	}
	return true
}

// beginLocked takes the reading turn for somebody.
func (c *clientConn) beginLocked() {
	c.reading = true
	c.conn.rouse()
}

// bell is told that the server has written something while nobody read, or may have: the connection dozes (see rest).
func (c *clientConn) bell(bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.reading {
		c.beginLocked()
		go c.readOn()
	}
}

// readFor reads until the call has ended, or its context has, or the connection.
func (c *clientConn) readFor(ctx context.Context, call *pending) {
	c.conn.attend(ctx)
	c.conn.crowded(false)
	var err error
	for err == nil && len(call.done) == 0 {
		if err = c.next(); interrupted(err) {
			// By this context or, late, by that of an earlier call. That is forgotten first: else what this context does
			// meanwhile would be lost.
			c.conn.resume()
			err = nil
		}
		if err == nil && len(call.done) == 0 && ctx.Err() != nil {
			break
		}
	}
	c.conn.ignore()
	if err != nil {
		c.lose(err)
		return
	}
	c.passTurn()
}

// passTurn ends the caller's reading turn. If there are calls left, a goroutine of the connection's goes on; if not, one
// will watch the connection once it has been quiet for a moment. On a connection that failed meanwhile it tells the calls.
func (c *clientConn) passTurn() {
	c.mu.Lock()
	err := c.err
	switch {
	case err != nil:
	case c.busyLocked():
		go c.readOn()
	default:
		c.reading = false
		c.watchFromLocked(c.used, watchDelay)
	}
	c.mu.Unlock()
	if err != nil {
		c.lose(err)
	}
}

// readOn reads for all, until no call is left.
func (c *clientConn) readOn() {
	c.conn.crowded(true)
	for {
		switch err := c.next(); {
		case err == nil:
		case interrupted(err): // by the context of a call that read for itself
			c.conn.resume()
		default:
			c.lose(err)
			return
		}
		if !c.busy() {
			c.passTurn()
			return
		}
	}
}

// busy tells whether there is something to read for.
func (c *clientConn) busy() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busyLocked()
}

func (c *clientConn) busyLocked() bool { return len(c.calls) > 0 || c.stuck > 0 || c.reader.inFrame() }

// wait is told when a call begins to wait for the server to give memory back, so that somebody reads of it, and when the
// wait is over.
func (c *clientConn) wait(begins bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !begins {
		if c.stuck--; !c.busyLocked() {
			c.watchLocked(watchDelay) // who read for it alone sits there, and is not awaited
		}
		return
	}
	c.stuck++
	if !c.reading && c.err == nil {
		c.beginLocked()
		go c.readOn()
	}
}

// watchDelay is how long a connection has to be quiet before a goroutine watches it. Calls that come more often than
// that read for themselves.
const watchDelay = 20 * time.Millisecond

// watchLocked sees to it that rest is called about d from now, or earlier.
func (c *clientConn) watchLocked(d time.Duration) { c.watchFromLocked(time.Now(), d) }

// watchFromLocked is watchLocked for who knows about when it is.
func (c *clientConn) watchFromLocked(now time.Time, d time.Duration) {
	at := now.Add(d)
	if c.err == nil && (c.watchAt.IsZero() || at.Before(c.watchAt)) {
		c.watchAt = at
		c.watch.Reset(d)
	}
}

// rest is called now and then while nobody reads. It ends a connection that has been idle for too long, and puts a
// goroutine on watch if it was quiet for a moment.
func (c *clientConn) rest() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchAt = time.Time{}
	quiet, patience := time.Since(c.used), c.client.config.IdleTimeout
	again := max(patience-quiet, patience/8)
	if c.client.retired.Load() {
		patience, again = 0, retiredCheck
	}
	switch {
	case c.err != nil || c.reading && len(c.calls) > 0:
	case len(c.calls) == 0 && quiet >= patience && !c.memory.holds() && !c.lender.lends():
		c.leaving = true
		go c.fail(errNotSent)
	case quiet < watchDelay:
		c.watchLocked(watchDelay - quiet)
	default:
		if !c.reading && !c.conn.doze() {
			c.beginLocked()
			go c.readOn()
		}
		c.watchLocked(again)
	}
}

// retiredCheck is how often a connection of a client that is to end is looked at while it is needed only for what was lent.
const retiredCheck = 100 * time.Millisecond

// retire has the connection end as soon as it is not needed.
func (c *clientConn) retire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchLocked(0)
}
