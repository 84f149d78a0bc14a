package c2

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// httpConn is a connection to a relay, which counts what is written to it: of a request that failed one must know whether
// any of it can have arrived.
type httpConn struct {
	net.Conn
	written atomic.Int64 // without what TLS adds
	unhook  func() bool  // from the end of the node
}

// dialFunc connects.
type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// dialer makes what dial connects count, and end with the node: package net/http goes on connecting for a request that has
// ended, and keeps the connection for the next one.
func (h *httpClient) dialer(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(h.closing, cancel)()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		unhook := context.AfterFunc(h.closing, func() { conn.Close() })
		return &httpConn{Conn: conn, unhook: unhook}, nil
	}
}

// Close implements [net.Conn].
func (c *httpConn) Close() error {
	c.unhook()
	return c.Conn.Close()
}

// Write implements [net.Conn].
func (c *httpConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// ended tells whether the other side has closed the connection, as it may one that is idle, or broken its silence. Who
// writes to it all the same can't tell whether that was read.
func (c *httpConn) ended() bool {
	conn := c.Conn
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return true
	}
	ended := false
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		ended = err != syscall.EAGAIN && err != syscall.EINTR
	})
	return ended || err != nil
}

// sending is what became of a request on its way out.
type sending struct {
	conn   atomic.Pointer[httpConn] // nil if there was none to be had
	before int64                    // what had been written to it before
	idle   bool                     // it had been used before
}

// traced is ctx for the request that s is about.
func (s *sending) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: s.gotConn})
}

func (s *sending) gotConn(info httptrace.GotConnInfo) {
	c, ok := info.Conn.(*httpConn)
	if !ok {
		return
	}
	s.before, s.idle = c.written.Load(), info.Reused
	if info.Reused && c.ended() {
		c.Close() // so that nothing is written to it
	}
	s.conn.Store(c)
}

// begun tells whether anything of the request was written.
func (s *sending) begun() bool {
	c := s.conn.Load()
	return c != nil && c.written.Load() > s.before
}

// wasIdle tells whether the connection was one that the other side may have closed before.
func (s *sending) wasIdle() bool { return s.conn.Load() != nil && s.idle }
