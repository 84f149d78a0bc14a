package ipc

import (
	"time"
)

// next reads a frame. If that completes a call, it is returned, ready to be served.
func (c *serverConn) next() (*Call, error) {
	h, fixed, err := c.reader.header()
	if err != nil {
		return nil, err
	}
	var call *Call
	switch h.kind {
	case kindCall:
		call, err = c.onCall(h, fixed)
	case kindChunk:
		call, err = c.onChunk(h)
	case kindCancel:
		c.onCancel(h)
	case kindSegment, kindDrop, kindFree, kindRefuse:
		err = onMemory(h.kind, fixed, c.lender, c.memory, c.conn)
	case kindAnswer, kindGoAway:
		err = protocolErrorf("a frame of kind %d, which is for servers to send", h.kind)
	}
	if err == nil {
		err = c.reader.part()
	}
	if err != nil || call == nil || h.flags&flagMore != 0 {
		return nil, err
	}
	if !c.begin(call) {
		c.forget(call)
		c.answerError(call, errClosing())
		return nil, nil
	}
	return call, nil
}

// onCall and onChunk return the call whose payload the frame carries a part of, unless that part is to be skipped.

func (c *serverConn) onCall(h header, fixed []byte) (*Call, error) {
	p, err := parseCallPrefix(fixed)
	if err != nil {
		return nil, err
	}
	part, byBlock := uint64(c.reader.rest), h.flags&flagBlock != 0
	refs, err := parseReferences(c.refs[:0], fixed[callPrefixSize:])
	if c.refs = refs; err != nil {
		return nil, err
	}
	if byBlock {
		err = checkReferences(h, refs, part, p.total)
	} else {
		err = checkPart(h, part, 0, p.total)
	}
	if err != nil {
		return nil, err
	}
	args := newPayload(int(part))
	if len(refs) > 0 {
		if err := c.memory.borrow(args, refs, byBlock); err != nil {
			args.Release()
			return nil, err
		}
	}
	call := &Call{Resource: p.resource, Method: p.method, conn: c, id: h.call, total: p.total,
		timeout: time.Duration(min(p.timeout, 1<<63-1))}
	call.ctx.call = call
	refusal, err := c.admit(call, wholeSize(p.total, refs, byBlock), h.flags&flagMore != 0)
	if err != nil || refusal != nil {
		args.Release()
	}
	if err != nil {
		return nil, err
	}
	if refusal != nil {
		call.skipped = part
		c.answerError(call, refusal)
		return nil, nil
	}
	call.args = args
	c.reader.keep(args, p.total)
	return call, nil
}

func (c *serverConn) onChunk(h header) (*Call, error) {
	c.mu.Lock()
	call := c.calls[h.call]
	expected := call != nil && call.state != callRunning
	c.mu.Unlock()
	if !expected {
		return nil, protocolErrorf("a chunk for call %d, which expects none", h.call)
	}
	if h.flags&flagAbort != 0 {
		c.forget(call)
		return nil, nil
	}
	part := uint64(h.length)
	if err := checkPart(h, part, call.got(), call.total); err != nil {
		return nil, err
	}
	if call.args != nil {
		c.reader.keep(call.args, call.total)
		return call, nil
	}
	call.skipped += part
	if h.flags&flagMore == 0 {
		c.forget(call)
	}
	return nil, nil
}

func (c *serverConn) onCancel(h header) {
	c.mu.Lock()
	call := c.calls[h.call]
	state := callRunning
	if call != nil {
		state = call.state
	}
	c.mu.Unlock()
	switch {
	case call == nil: // answered meanwhile
	case state == callRunning:
		call.ctx.giveUp(h.flags&flagLate != 0)
	case state == callRefused: // answered already
		c.forget(call)
	default:
		c.forget(call)
		c.answerError(call, &Error{Code: CodeCanceled})
	}
}

// admit enters a call, whose arguments have whole bytes with their attachments, among those in flight. The refusal,
// where there is one, is for the client; an error ends the connection.
func (c *serverConn) admit(call *Call, whole uint64, more bool) (refusal *Error, err error) {
	config := &c.server.config
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, dup := c.calls[call.id]; dup {
		return nil, protocolErrorf("call id %d twice", call.id)
	}
	switch {
	case c.draining:
		refusal = errClosing()
	case whole > uint64(config.MaxPayload):
		refusal = tooLarge(whole, uint64(config.MaxPayload))
	case len(c.calls) >= 2*config.MaxCalls:
		// Even refusing takes memory: what is left to skip is remembered.
		return nil, protocolErrorf("%d calls at once, of which all beyond %d were refused", len(c.calls), config.MaxCalls)
	case len(c.calls) >= config.MaxCalls:
		refusal = errorf(CodeBusy, "%d calls are in flight on this connection already (MaxCalls)", len(c.calls))
	case more && c.arriving+call.total > uint64(config.MaxPayload):
		refusal = errorf(CodeBusy, "%d bytes of arguments are arriving on this connection already (MaxPayload)", c.arriving)
	}
	switch {
	case refusal == nil && more:
		call.chunked = true
		c.arriving += call.total
	case refusal != nil && !more:
		return refusal, nil // nothing of it is left to come
	case refusal != nil:
		call.state = callRefused
	}
	c.calls[call.id] = call
	return refusal, nil
}

// forget drops a call whose payload did not arrive whole, or was refused.
func (c *serverConn) forget(call *Call) {
	c.mu.Lock()
	if call.state == callArriving && call.chunked {
		c.arriving -= call.total
	}
	delete(c.calls, call.id)
	c.mu.Unlock()
	call.drop()
}
