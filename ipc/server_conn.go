package ipc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
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

// got is how much of the payload has come.
func (c *Call) got() uint64 {
	if c.args == nil {
		return c.skipped
	}
	return uint64(len(c.args.Bytes()))
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

// callKey is the key under which the context of a call has the call.
type callKey struct{}

// CallOf returns the call whose context ctx is or was derived from, or nil.
func CallOf(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

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
		call.ctx.end(context.Canceled)
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
	if err == nil && errors.Is(call.ctx.Err(), context.Canceled) {
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
