package ipc

import (
	"context"
	"errors"
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
	quiet := time.Since(c.used)
	switch {
	case c.err != nil || c.reading && len(c.calls) > 0:
	case len(c.calls) == 0 && quiet >= c.client.config.IdleTimeout && !c.memory.holds() && !c.lender.lends():
		c.leaving = true
		go c.fail(errNotSent)
	case quiet < watchDelay:
		c.watchLocked(watchDelay - quiet)
	default:
		if !c.reading && !c.conn.doze() {
			c.beginLocked()
			go c.readOn()
		}
		c.watchLocked(max(c.client.config.IdleTimeout-quiet, c.client.config.IdleTimeout/8))
	}
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
		cancel := appendHeader(make([]byte, 0, headerSize), header{kind: kindCancel, call: call.id})
		c.out.send(ctx, outFrame{body: cancel}, true)
	}
	if !waiting {
		<-call.done
		return call.take()
	}
	return nil, contextError(ctx.Err(), call.wasSent())
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
