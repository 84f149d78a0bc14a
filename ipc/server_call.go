package ipc

import (
	"context"
	"time"
)

// Call is a call that a server received.
type Call struct {
	// Resource and Method say what is called. The ids are the handler's own; the transport gives them no meaning.
	Resource uint64
	Method   uint32

	conn    *serverConn
	id      uint64
	timeout time.Duration
	total   uint64 // length of the whole payload
	args    *Payload
	skipped uint64 // bytes of a refused call's payload that came so far
	chunked bool   // its payload comes in several frames
	alone   bool   // no other call was in flight when it began
	ctx     callContext

	// Guarded by the connection's mu.
	state callState
	loans *Loans
	ended bool
}

type callState uint8

const (
	callArriving callState = iota // its payload is not complete
	callRefused                   // answered, but its payload still comes, and is skipped
	callRunning                   // with the handler, or being answered
)

// callKey is the key under which the context of a call has the call.
type callKey struct{}

// CallOf returns the call whose context ctx is or was derived from, or nil.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

// Take hands the call's arguments over: the payload is the caller's to release, at once when they have been read, or later
// than the call ends if they are kept. It may be called once, before ServeCall returns.
func (c *Call) Take() *Payload {
	args := c.args
	c.args = nil
	return args
}

// Encode writes the call's result where it can be sent from. A result that is larger than the client takes gives
// CodeTooLarge. It does not wait: a result for which there is no memory, because the client holds it all, is answered with
// CodeBusy in the end, if none comes free in time; if too many wait for that already it is so at once. Whoever does not
// return the payload from ServeCall must release it.
func (c *Call) Encode(body Body) (*Payload, error) {
	return c.conn.lender.encode(noWait(), body, c.conn.session.maxSend)
}

// Loans returns memory to write results to that are then not copied when they are sent. It goes when the call ends.
func (c *Call) Loans() *Loans {
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	if c.loans == nil && !c.ended {
		c.loans = c.conn.lender.newLoans()
	}
	return c.loans
}

// endLoans takes back the loans that were not sent.
func (c *Call) endLoans() {
	c.conn.mu.Lock()
	loans := c.loans
	c.ended, c.loans = true, nil
	c.conn.mu.Unlock()
	loans.Release()
}

// got is how much of the payload has come.
func (c *Call) got() uint64 {
	if c.args == nil {
		return c.skipped
	}
	return uint64(len(c.args.Bytes()))
}

func (c *Call) drop() {
	if c.args != nil {
		c.Take().Release()
	}
}

// leave takes a call out of those in flight: with its answer the client may take it for ended.
func (c *Call) leave() {
	c.conn.mu.Lock()
	if c.conn.calls[c.id] == c {
		delete(c.conn.calls, c.id)
	}
	c.conn.mu.Unlock()
}

// begin makes a call whose arguments have arrived one that runs, unless the server is shutting down.
func (c *serverConn) begin(call *Call) bool {
	if call.timeout > 0 {
		call.ctx.deadline = time.Now().Add(call.timeout)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return false
	}
	if call.chunked {
		c.arriving -= call.total
	}
	call.state = callRunning
	c.running++
	if c.closed {
		call.ctx.end(context.Canceled)
	}
	call.alone = len(c.calls) == 1
	return true
}

// serve runs a call and answers it, even if the handler ends its goroutine.
func (c *serverConn) serve(call *Call) {
	var result *Payload
	var err error
	returned := false
	defer func() {
		if !returned {
			err = &Error{Code: CodeInternal, Message: "the resource ended its goroutine", MayHaveRun: true}
		}
		call.drop()
		c.finish(call, result, err)
		call.endLoans()
	}()
	if err = call.args.load(); err == nil {
		result, err = c.server.handler.ServeCall(&call.ctx, call)
	}
	returned = true
}

// finish answers a call and takes it out of those in flight. A result that nobody wants any more is not sent.
func (c *serverConn) finish(call *Call, result *Payload, err error) {
	if err == nil && call.ctx.unwanted() {
		result.Release()
		err = &Error{Code: CodeCanceled, MayHaveRun: true}
	}
	if err == nil {
		if result, err = c.lender.settle(&call.ctx, result); err != nil {
			err = &Error{Code: asError(err).Code, Message: "the result: " + err.Error(), MayHaveRun: true}
		}
	}
	if err != nil {
		c.answerError(call, asError(err))
	} else {
		c.answerResult(call, result)
	}
	call.ctx.end(context.Canceled)
	c.mu.Lock()
	c.running--
	c.checkDrainedLocked()
	c.mu.Unlock()
}

// answerError sends a failed call its end: a running one, or one that was refused.
func (c *serverConn) answerError(call *Call, e *Error) {
	p := newPayload(len(e.Message) + headroom)
	p.buf = appendError(p.buf, e, c.session.maxSend)
	head := writeAnswerHead(call, max(e.Code, 1), p)
	var end outFrame
	if call.state == callRunning {
		end.ends = call
	}
	if e.MayHaveRun {
		head[5] |= byte(flagRan)
	}
	c.out.sendPayload(c.ctx, p, end, head, c.session.maxFrame) // fails with the connection only
}

// answerResult sends a result. If the call ends while the result waits for the client to read, the client has given
// the call up as well, and is told just that.
func (c *serverConn) answerResult(call *Call, result *Payload) {
	c.server.config.Memory.count(result, c.session.maxFrame)
	head := writeAnswerHead(call, CodeOK, result)
	switch begun, err := c.out.sendPayload(&call.ctx, result, outFrame{ends: call}, head, c.session.maxFrame); {
	case err == nil:
	case begun:
		call.leave()
		abort := appendHeader(nil, header{kind: kindChunk, flags: flagAbort, call: call.id})
		c.out.send(c.ctx, outFrame{body: abort}, true)
	default:
		c.answerError(call, &Error{Code: CodeCanceled, MayHaveRun: true})
	}
}

// writeAnswerHead returns the head of an answer's frame, with its references.
func writeAnswerHead(call *Call, code Code, p *Payload) []byte {
	head := p.head(headerSize + answerPrefixSize + len(p.out)*referenceSize)
	dst := appendHeader(head[:0], header{kind: kindAnswer, flags: p.flags(), call: call.id})
	dst = appendAnswerPrefix(dst, answerPrefix{code: code, refs: uint16(len(p.out)), total: uint64(len(p.Bytes()))})
	p.appendReferences(dst)
	return head
}
