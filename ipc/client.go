package ipc

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Client calls the server at one address, over one connection that all callers share. It connects at the first call
// and again, at the next call, whenever the connection has ended: because the server went away, asked for it, or
// nothing was called for a while. It is safe for concurrent use.
type Client struct {
	address  string
	config   Config
	instance [16]byte
	retired  atomic.Bool // no new calls; connections end when nothing needs them any more

	mu      sync.Mutex
	conn    *clientConn              // the connection for new calls, or nil
	dialing *dialing                 // the attempt in progress, or nil
	conns   map[*clientConn]struct{} // all that have not ended
	closed  bool
}

// dialing is one attempt to connect, which all callers wait for that need it.
type dialing struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when conn and err are set
	conn   *clientConn
	err    error
}

// NewClient returns a client for address. It does not connect yet. The address is checked by the first call.
func NewClient(address string, config Config) *Client {
	return &Client{address: address, config: config.withDefaults(), instance: newInstance(), conns: make(map[*clientConn]struct{})}
}

// Address is the address given to NewClient.
func (c *Client) Address() string { return c.address }

// Request is a call to be sent.
type Request struct {
	Resource uint64
	Method   uint32
	Args     Body
	// Spool, where set, is for answers that would have to be copied into this process's memory and are large: they come in a
	// file (see [Payload.InFile]).
	Spool Spool
}

// Call sends a request and waits for its answer, which the caller must release. If the server answered with a failure,
// or there is no answer, the error is an *Error: CodeUnavailable where the server can't be reached or is gone,
// CodeCanceled or CodeDeadline when ctx ended first (the server is told), CodeTooLarge before anything is sent if the
// server takes no such payload, CodeClosed after Close; or it is the error of Args itself. Error.MayHaveRun tells
// whether the server may have acted on it. The deadline of ctx goes along.
//
// A request is sent at most once. Only if a connection turns out dead before any of it was written, another is tried.
func (c *Client) Call(ctx context.Context, req Request) (*Payload, error) {
	for attempt := 1; ; attempt++ {
		conn, err := c.connection(ctx)
		if err != nil {
			return nil, err
		}
		p, err := conn.call(ctx, req)
		if err != errNotSent || attempt == maxAttempts {
			return p, err
		}
		c.leave(conn)
	}
}

// errNotSent tells that a connection had ended before any of the request was written to it.
var errNotSent error = errorf(CodeUnavailable, "the connection ended before the call was sent")

// maxAttempts bounds how many connections a call tries that end before it is sent: one may have been dying, and one
// more; a third means that there is a server which accepts connections only to end them.
const maxAttempts = 3

// Instance identifies the server that is connected, after connecting to it if need be.
func (c *Client) Instance(ctx context.Context) ([16]byte, error) {
	conn, err := c.connection(ctx)
	if err != nil {
		return [16]byte{}, err
	}
	return conn.session.peer.instance, nil
}

// Loans returns memory to write arguments to that are then not copied when they are sent: that of the connection which
// calls use at present, or none if the two sides have no shared memory. It is the caller's to release.
func (c *Client) Loans(ctx context.Context) (*Loans, error) {
	conn, err := c.connection(ctx)
	if err != nil {
		return nil, err
	}
	return conn.lender.newLoans(), nil
}

// connection returns the current connection or makes one.
func (c *Client) connection(ctx context.Context) (*clientConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, contextError(err, false)
	}
	c.mu.Lock()
	if c.closed || c.retired.Load() {
		c.mu.Unlock()
		return nil, c.errClosed()
	}
	if conn := c.conn; conn != nil {
		c.mu.Unlock()
		return conn, nil
	}
	d := c.dialing
	if d == nil {
		d = c.dialLocked()
	}
	c.mu.Unlock()
	select {
	case <-d.done:
		return d.conn, d.err
	case <-ctx.Done():
		return nil, contextError(ctx.Err(), false)
	}
}

// dialLocked starts an attempt to connect. It belongs to no caller: each may leave, the others go on waiting.
func (c *Client) dialLocked() *dialing {
	ctx, cancel := context.WithCancel(context.Background())
	d := &dialing{cancel: cancel, done: make(chan struct{})}
	c.dialing = d
	go func() {
		defer cancel()
		d.conn, d.err = c.dial(ctx)
		c.mu.Lock()
		c.dialing = nil
		c.conn = d.conn
		if d.err == nil {
			c.conns[d.conn] = struct{}{}
		} else if c.closed {
			d.err = c.errClosed()
		}
		c.mu.Unlock()
		if d.err == nil {
			d.conn.start()
		}
		close(d.done)
	}()
	return d
}

func (c *Client) dial(ctx context.Context) (*clientConn, error) {
	conn, r, sess, err := dial(ctx, c.address, &c.config, c.instance)
	if err != nil {
		return nil, err
	}
	return newClientConn(c, conn, r, sess)
}

// leave takes conn, which takes no more calls, out of use.
func (c *Client) leave(conn *clientConn) {
	c.mu.Lock()
	if c.conn == conn {
		c.conn = nil
	}
	c.mu.Unlock()
}

// forget tells that a connection has ended.
func (c *Client) forget(conn *clientConn) {
	c.mu.Lock()
	delete(c.conns, conn)
	c.mu.Unlock()
}

func (c *Client) errClosed() *Error {
	return errorf(CodeClosed, "the client for %s is closed", c.address)
}

// Retire ends the client in peace: new calls fail with CodeClosed, without having run, and when those in flight are over and
// what either side lent the other is back, or ctx ends, it closes the client. It returns then.
func (c *Client) Retire(ctx context.Context) {
	defer c.Close()
	c.retired.Store(true)
	for {
		c.mu.Lock()
		d, conns := c.dialing, slices.Collect(maps.Keys(c.conns))
		c.mu.Unlock()
		var over <-chan struct{}
		switch {
		case d != nil:
			over = d.done
		case len(conns) > 0:
			over = conns[0].ended
			conns[0].retire()
		default:
			return
		}
		select {
		case <-over:
		case <-ctx.Done():
			return
		}
	}
}

// Close ends the connection, and those that were on their way out; calls in flight fail with CodeClosed. It returns when
// they all have been told, and is idempotent.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	d := c.dialing
	c.mu.Unlock()
	if d != nil {
		d.cancel()
		<-d.done
	}
	c.mu.Lock()
	conns := slices.Collect(maps.Keys(c.conns))
	c.mu.Unlock()
	for _, conn := range conns {
		conn.fail(c.errClosed())
		<-conn.ended
	}
}

// contextError is how a call ends whose context has.
func contextError(err error, sent bool) *Error {
	e := &Error{Code: CodeCanceled, Message: err.Error(), MayHaveRun: sent}
	if err == context.DeadlineExceeded {
		e.Code = CodeDeadline
	}
	return e
}
