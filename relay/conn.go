package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection of a caller's. It bounds how long a write may stall and how slow it may be, and knows the call that runs
// for it, so that the call can be cancelled when the caller is gone.
type conn struct {
	*net.TCPConn
	table  *connTable
	call   atomic.Pointer[inFlight] // the call that runs for it, or nil
	more   atomic.Bool              // the peer may still be sending
	closed sync.Once
	sealed bool // the next bytes are the first below TLS; it belongs to the goroutine that reads

	// slow, where set, is called once when the peer took less than slowPiece of a write in slowAfter and more than slowFrom is
	// left. The rest is then to be had from the reader that it returns, unless that is nil. It belongs to the goroutine that writes.
	slow     func(rest []byte) io.Reader
	slowFrom int
	pace     pace // likewise
}

// inFlight is a call whose caller may leave.
type inFlight struct {
	cancel context.CancelFunc
	ticks  int // belongs to the watch
}

// How long a peer may take for a piece of a body before what it keeps of a server's memory is let go.
const (
	slowAfter = time.Second
	slowPiece = 256 << 10 // bytes
)

// Write implements [net.Conn]. It fails when the peer has not read anything for the table's stall timeout, or goes on too slowly.
func (c *conn) Write(b []byte) (written int, err error) {
	stalled := time.Duration(0)
	for {
		began, wait := time.Now(), min(slowAfter, c.table.stall)
		if err := c.SetWriteDeadline(began.Add(wait)); err != nil {
			return written, err
		}
		n, err := c.TCPConn.Write(b)
		written += n
		b = b[n:]
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		if stalled += wait; n > 0 {
			stalled = 0
		}
		if c.pace.count(time.Since(began), n) || stalled >= c.table.stall {
			return written, os.ErrDeadlineExceeded
		}
		if err == nil {
			return written, nil
		}
		if c.slow != nil && len(b) > c.slowFrom && n < slowPiece {
			slow := c.slow
			c.slow = nil
			if from := slow(b); from != nil {
				n, err := io.CopyBuffer(struct{ io.Writer }{c}, io.LimitReader(from, int64(len(b))), make([]byte, smallBody))
				return written + int(n), err
			}
		}
	}
}

// Close implements [net.Conn]. It returns at once; the peer has a while to read what it was answered.
func (c *conn) Close() (err error) {
	c.closed.Do(func() {
		if c.more.Load() {
			err = c.linger()
			return
		}
		c.table.remove(c)
		err = c.TCPConn.Close()
	})
	return err
}

// connOf is the connection below what fasthttp has. Under TLS what it writes is not the body itself.
func connOf(c net.Conn) (_ *conn, encrypted bool) {
	if t, ok := c.(*tls.Conn); ok {
		own, _ := t.NetConn().(*conn)
		return own, true
	}
	own, _ := c.(*conn)
	return own, false
}

// connTable knows all connections, and watches those for which a call runs.
type connTable struct {
	max   int
	stall time.Duration
	pace  pace          // of a connection that has done nothing yet
	busy  atomic.Bool   // a call may be in flight: there is something to watch
	wake  chan struct{} // holds a value when the watch shall begin
	done  chan struct{}
	ended chan struct{}

	refused   atomic.Uint64
	lingering sync.WaitGroup // connections that are closed but for what still comes

	mu      sync.Mutex
	conns   map[*conn]struct{}
	stopped bool
}

func newConnTable(c *Config) *connTable {
	t := &connTable{
		max: c.MaxConns, stall: c.StallTimeout, pace: newPace(c), conns: make(map[*conn]struct{}),
		wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{}),
	}
	go t.watch()
	return t
}

func (t *connTable) add(tcp *net.TCPConn) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.conns) >= t.max {
		return nil
	}
	c := &conn{TCPConn: tcp, table: t, pace: t.pace}
	t.conns[c] = struct{}{}
	return c
}

func (t *connTable) remove(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
}

func (t *connTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.conns)
}

// empty waits until there are no connections any more, for d at most.
func (t *connTable) empty(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for t.len() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// begin tells that a call runs for c, which end undoes.
func (c *conn) begin(cancel context.CancelFunc) {
	c.call.Store(&inFlight{cancel: cancel})
	if !c.table.busy.Load() && !c.table.busy.Swap(true) {
		select {
		case c.table.wake <- struct{}{}:
		default:
		}
	}
}

func (c *conn) end() { c.call.Store(nil) }

// How the watch goes: a caller that left is noticed one to two ticks later, and nobody watches when nothing runs.
const (
	watchTick = 25 * time.Millisecond
	watchIdle = 40 // ticks without a call until the watch sleeps
)

// watch cancels the calls whose callers have left. A call that is over within a tick costs it nothing.
func (t *connTable) watch() {
	defer close(t.ended)
	ticker := time.NewTicker(time.Hour)
	defer ticker.Stop()
	idle := 0
	for {
		select {
		case <-t.done:
			return
		case <-t.wake:
			idle = 0
			ticker.Reset(watchTick)
		case <-ticker.C:
			if t.look() {
				idle = 0
			} else if idle++; idle > watchIdle {
				ticker.Reset(time.Hour)
				t.busy.Store(false)
				if t.look() { // one that began meanwhile, and saw that somebody watches
					t.busy.Store(true)
					ticker.Reset(watchTick)
				}
			}
		}
	}
}

// look looks at the calls that have run for a tick or more. It tells whether there is any.
func (t *connTable) look() (any bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		call := c.call.Load()
		if call == nil {
			continue
		}
		any = true
		if call.ticks++; call.ticks > 1 && c.gone() {
			call.cancel()
		}
	}
	return any
}

// cancelAll cancels the calls of all connections.
func (t *connTable) cancelAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		if call := c.call.Load(); call != nil {
			call.cancel()
		}
	}
}

// closeAll closes all connections.
func (t *connTable) closeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.conns {
		_ = c.TCPConn.Close()
	}
}

// stop ends the watch, and the connections that linger.
func (t *connTable) stop() {
	close(t.done)
	<-t.ended
	t.mu.Lock()
	t.stopped = true
	t.mu.Unlock()
	t.closeAll()
	t.lingering.Wait()
}

// gone tells whether the caller has closed its end.
func (c *conn) gone() (gone bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	if raw.Control(func(fd uintptr) { gone = hungUp(int(fd)) }) != nil {
		return true // closed already
	}
	return gone
}
