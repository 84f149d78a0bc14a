package ipc

import (
	"context"
	"errors"
	"sync"
	"time"
)

// callContext is the context of a call that runs. Most calls never ask for more than Err, so what they do not ask for
// is not made: no channel, no timer, no registration with a parent. The connection ends the contexts of its calls itself.
type callContext struct {
	deadline time.Time // zero for none
	call     *Call     // whose context it is

	mu    sync.Mutex
	err   error
	given bool          // up, by who called
	done  chan struct{} // made by Done
	timer *time.Timer   // runs out at the deadline; made once anybody waits for the end
	funcs map[*func()]struct{}
}

var _ context.Context = (*callContext)(nil)

// Deadline implements [context.Context].
func (c *callContext) Deadline() (time.Time, bool) { return c.deadline, !c.deadline.IsZero() }

// Value implements [context.Context]. The one value is that of CallOf.
func (c *callContext) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c.call
	}
	return nil
}

// Err implements [context.Context].
func (c *callContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errLocked()
}

func (c *callContext) errLocked() error {
	if c.err == nil && !c.deadline.IsZero() && !time.Now().Before(c.deadline) {
		c.endLocked(context.DeadlineExceeded)
	}
	return c.err
}

// Done implements [context.Context].
func (c *callContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		err := c.errLocked()
		c.done = make(chan struct{})
		if err != nil {
			close(c.done)
		}
		c.armLocked()
	}
	return c.done
}

// AfterFunc spares package context a goroutine for each context that is derived from this one.
func (c *callContext) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.errLocked() != nil {
		go f()
		return func() bool { return false }
	}
	if c.funcs == nil {
		c.funcs = make(map[*func()]struct{})
	}
	key := &f
	c.funcs[key] = struct{}{}
	c.armLocked()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, waiting := c.funcs[key]
		delete(c.funcs, key)
		return waiting
	}
}

// giveUp ends the context for who called, because of the time that the call had, or for another reason.
func (c *callContext) giveUp(late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = true
	if late && !c.deadline.IsZero() {
		c.endLocked(context.DeadlineExceeded)
	}
	c.endLocked(context.Canceled)
}

// unwanted tells whether nobody waits for the call any more.
func (c *callContext) unwanted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given || errors.Is(c.errLocked(), context.Canceled)
}

// armLocked makes the deadline come by itself, for those who wait.
func (c *callContext) armLocked() {
	if c.timer == nil && c.err == nil && !c.deadline.IsZero() {
		c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	}
}

// end ends the context. The first reason holds.
func (c *callContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked(err)
}

func (c *callContext) endLocked(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	for f := range c.funcs {
		go (*f)()
	}
	c.funcs = nil
}
