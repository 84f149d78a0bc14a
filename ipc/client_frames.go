package ipc

import (
	"net"
	"time"
)

// next reads the next frame and does what it says. After an interrupted read it is called again.
func (c *clientConn) next() error {
	if c.reader.inFrame() {
		return c.finishFrame()
	}
	h, fixed, err := c.reader.header()
	if err != nil {
		return c.broken(err)
	}
	switch h.kind {
	case kindAnswer:
		err = c.onAnswer(h, fixed)
	case kindChunk:
		err = c.onChunk(h)
	case kindGoAway:
		err = c.onGoAway(fixed)
	case kindSegment, kindDrop, kindFree, kindRefuse:
		err = onMemory(h.kind, fixed, c.lender, c.memory, c.conn)
	case kindCall, kindCancel:
		err = protocolErrorf("a frame of kind %d, which is for clients to send", h.kind)
	}
	if err != nil {
		return c.broken(err)
	}
	return c.finishFrame()
}

// finishFrame reads what is left of a frame, and ends the call whose answer that completes.
func (c *clientConn) finishFrame() error {
	if err := c.reader.part(); err != nil {
		return err
	}
	if call := c.completes; call != nil {
		c.completes = nil
		c.finish(call, nil)
	}
	return nil
}

// broken gives a server's breach of protocol a code.
func (c *clientConn) broken(err error) error {
	if isBreach(err) {
		return errorf(CodeInternal, "%s: %v", c.client.address, err)
	}
	return err
}

// lookup returns a call that has not ended, and whether anybody waits for it. It is the reader's own until then.
func (c *clientConn) lookup(id uint64) (call *pending, wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call = c.calls[id]
	return call, call != nil && !call.abandoned
}

func (c *clientConn) onAnswer(h header, fixed []byte) error {
	p, err := parseAnswerPrefix(fixed)
	if err != nil {
		return err
	}
	refs, err := parseReferences(c.refs[:0], fixed[answerPrefixSize:])
	if c.refs = refs; err != nil {
		return err
	}
	call, wanted := c.lookup(h.call)
	switch {
	case call == nil || call.total > 0:
		return protocolErrorf("an answer to call %d, which expects none", h.call)
	case len(refs) > 0 && p.code != CodeOK:
		return protocolErrorf("a failure of %d bytes with %d references", p.total, len(refs))
	}
	call.code, call.total, call.ran = p.code, p.total, h.flags&flagRan != 0
	if wanted || len(refs) > 0 {
		call.part = newPayload(c.reader.rest)
		call.part.spooled.spool = call.spool
	}
	byBlock := h.flags&flagBlock != 0
	if err := checkReferences(h, refs, uint64(c.reader.rest), p.total); err != nil {
		return err
	}
	if n := wholeSize(p.total, refs, byBlock); n > uint64(c.client.config.MaxPayload) {
		return protocolErrorf("an answer of %d bytes, attachments included, at most %d are taken", n, c.client.config.MaxPayload)
	}
	if len(refs) > 0 {
		if err := c.memory.borrow(call.part, refs, byBlock); err != nil {
			return err
		}
	}
	if byBlock {
		c.completes = call
		return nil
	}
	return c.onPart(h, call)
}

func (c *clientConn) onChunk(h header) error {
	call, wanted := c.lookup(h.call)
	if h.flags&flagAbort != 0 && call != nil {
		c.finish(call, &Error{Code: CodeCanceled, Message: "the server gave the call up", MayHaveRun: true})
		return nil
	}
	if call == nil || call.total == 0 {
		return protocolErrorf("a chunk for call %d, which expects none", h.call)
	}
	if !wanted && call.part != nil {
		call.got = uint64(call.part.Len())
		call.part.Release()
		call.part = nil
	}
	return c.onPart(h, call)
}

// onPart takes in the part of an answer that the frame carries, or skips it if nobody waits.
func (c *clientConn) onPart(h header, call *pending) error {
	part, got := uint64(c.reader.rest), call.got
	if call.part != nil {
		got = uint64(call.part.Len())
	}
	if err := checkPart(h, part, got, call.total); err != nil {
		return err
	}
	if call.part != nil {
		c.reader.keep(call.part, call.total)
	} else {
		call.got += part
	}
	if h.flags&flagMore == 0 {
		c.completes = call
	}
	return nil
}

// finish ends a call with the answer that has arrived, or with err.
func (c *clientConn) finish(call *pending, failed error) {
	c.mu.Lock()
	_, known := c.calls[call.id] // else it was withdrawn while a server answered it too early
	wanted := known && !call.abandoned
	delete(c.calls, call.id)
	c.used = time.Now()
	last := c.leaving && len(c.calls) == 0
	c.mu.Unlock()
	answer := call.part
	if failed == nil && call.code != CodeOK && answer != nil {
		e := parseError(call.code, answer.Bytes())
		e.MayHaveRun = call.ran
		failed = e
	}
	if (failed != nil || !wanted) && answer != nil {
		answer.Release()
		answer = nil
	}
	call.part = nil
	if known {
		call.end(answer, failed)
	}
	if last {
		c.out.fail(net.ErrClosed) // the next read ends the connection
	}
}

// onGoAway: the server wants no more calls. It answers those it has, unless the code tells that it gave up.
func (c *clientConn) onGoAway(body []byte) error {
	e, err := parseGoAway(body)
	if err != nil {
		return err
	}
	if e.Code != CodeOK {
		return refusal(e)
	}
	c.client.leave(c)
	c.mu.Lock()
	c.leaving = true
	last := len(c.calls) == 0
	c.mu.Unlock()
	if last {
		return errNotSent
	}
	return nil
}
