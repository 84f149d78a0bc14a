package ipc

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pending is a call that waits for its answer.
type pending struct {
	id   uint64
	done chan struct{} // holds one value when answer or err is set
	sent mark          // of its last frame: once that is written the server may act on it

	spool Spool // the request's; set before anything of it is sent

	// Set before done by who took the call out of the connection's calls.
	answer *Payload
	err    error

	// These belong to who has the reading turn.
	code  Code
	ran   bool // what the server says of a call that failed
	total uint64
	part  *Payload // the answer as far as it has come
	got   uint64   // bytes of an answer that nobody waits for any more

	abandoned bool // guarded by the connection's mu: nobody waits
}

// pendings recycles calls that were answered: nobody else knows of them any more.
var pendings = sync.Pool{New: func() any { return &pending{done: make(chan struct{}, 1)} }}

func newPending() *pending { return pendings.Get().(*pending) }

// take takes the end of a call, once done has told of it.
func (p *pending) take() (*Payload, error) {
	answer, err := p.answer, p.err
	if err == nil && p.wasSent() { // else its frame is still on its way
		p.reset()
		pendings.Put(p)
	}
	if answer != nil && err == nil {
		if err = answer.load(); err != nil {
			answer.Release()
			failed := *asError(err)
			failed.MayHaveRun = true
			return nil, &failed
		}
	}
	return answer, err
}

// wasSent tells whether the server may have acted on the call.
func (p *pending) wasSent() bool {
	_, sent := p.sent.position()
	return sent
}

func (p *pending) reset() {
	p.answer, p.part, p.spool = nil, nil, nil
	p.code, p.ran, p.total, p.got = 0, false, 0, 0
	p.sent.clear()
}

func (p *pending) end(answer *Payload, err error) {
	p.answer, p.err = answer, err
	p.done <- struct{}{}
}

func (c *clientConn) call(ctx context.Context, req Request) (*Payload, error) {
	args, err := c.lender.encode(ctx, req.Args, c.session.maxSend)
	if err != nil {
		return nil, err
	}
	call := newPending()
	call.spool = req.Spool
	if err := c.enter(call); err != nil {
		args.Release()
		return nil, err
	}
	c.client.config.Memory.count(args, c.session.maxFrame)
	head := writeCallHead(ctx, call.id, req, args)
	begun, err := c.out.sendPayload(ctx, args, outFrame{sent: &call.sent}, head, c.session.maxFrame)
	var unread *streamError
	switch {
	case err == nil:
	case errors.As(err, &unread):
		return nil, c.breakOff(call, begun, unread.err)
	case ctx.Err() == nil:
		return c.unsent(call, begun)
	case !begun:
		c.withdraw(call)
		return nil, contextError(ctx.Err(), false)
	default:
		return c.abandon(ctx, call, true)
	}
	if c.takeTurn(call) {
		c.readFor(ctx, call)
		if len(call.done) > 0 { // as a rule, and a select takes its time
			<-call.done
			return call.take()
		}
	}
	select {
	case <-call.done:
		return call.take()
	case <-ctx.Done():
		return c.abandon(ctx, call, false)
	}
}

// writeCallHead returns the head of a call's frame, with its references.
func writeCallHead(ctx context.Context, id uint64, req Request, args *Payload) []byte {
	p := callPrefix{resource: req.Resource, method: req.Method, total: args.total(), refs: uint16(len(args.out))}
	if deadline, ok := ctx.Deadline(); ok {
		p.timeout = uint64(max(time.Until(deadline), 1))
	}
	head := args.head(headerSize + callPrefixSize + len(args.out)*referenceSize)
	args.appendReferences(appendCallPrefix(appendHeader(head[:0], header{kind: kindCall, flags: args.flags(), call: id}), p))
	return head
}

// enter gives a call its id. More calls than the server takes are refused here: it would refuse them, too.
func (c *clientConn) enter(call *pending) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		switch asError(c.err).Code {
		case CodeBusy, CodeDenied, CodeMismatch, CodeClosed:
			return c.err // another connection would end the same way
		}
	}
	if c.err != nil || c.leaving {
		return errNotSent
	}
	if limit := c.session.peer.maxCalls; uint64(len(c.calls)) >= uint64(limit) {
		return errorf(CodeBusy, "%d calls are in flight on this connection already, the server takes no more (MaxCalls)", len(c.calls))
	}
	c.lastID++
	call.id = c.lastID
	c.calls[call.id] = call
	return nil
}

// unsent is the end of a call during whose sending the connection failed. If none of it was written, another connection
// may be tried.
func (c *clientConn) unsent(call *pending, begun bool) (*Payload, error) {
	c.fail(errorf(CodeUnavailable, "the connection to %s ended", c.client.address))
	<-call.done
	if !begun && !call.wasSent() && call.err != nil && asError(call.err).Code == CodeUnavailable {
		return nil, errNotSent
	}
	return call.take()
}

// withdraw takes back a call that the server has not heard of.
func (c *clientConn) withdraw(call *pending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, call.id)
}

// abandon gives a call up whose context has ended, and tells the server. If its end came just now, it has that end; but
// where only half of it was sent, the server has to be told all the same.
func (c *clientConn) abandon(ctx context.Context, call *pending, half bool) (*Payload, error) {
	c.mu.Lock()
	_, waiting := c.calls[call.id]
	if waiting {
		call.abandoned = true
	}
	c.mu.Unlock()
	if waiting || half {
		h := header{kind: kindCancel, call: call.id}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) { // the server's own clock may come to that a little later
			h.flags = flagLate
		}
		c.out.send(ctx, outFrame{body: appendHeader(make([]byte, 0, headerSize), h)}, true)
	}
	if !waiting {
		<-call.done
		return call.take()
	}
	return nil, contextError(ctx.Err(), !half) // what has not been written of a whole one is queued, and will be
}

// breakOff gives a call up whose arguments can't be read to their end, and tells the server if it has had some of them.
func (c *clientConn) breakOff(call *pending, begun bool, err error) error {
	if !begun {
		c.withdraw(call)
		return err
	}
	c.mu.Lock()
	_, waiting := c.calls[call.id]
	call.abandoned = call.abandoned || waiting
	c.mu.Unlock()
	cancel := appendHeader(make([]byte, 0, headerSize), header{kind: kindCancel, call: call.id})
	c.out.send(context.Background(), outFrame{body: cancel}, true) // fails with the connection only
	if waiting {
		return err
	}
	<-call.done // the server refused it before it was whole: that says more
	answer, failed := call.take()
	if failed != nil {
		return failed
	}
	answer.Release()
	return err
}
