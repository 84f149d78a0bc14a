package ipc

import "net"

// Connections is how many connections a server has.
func Connections(s *Server) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Connected tells whether a client has a connection.
func Connected(c *Client) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// ListenAsOtherUser is Listen for a server that finds every peer to be of another user.
func ListenAsOtherUser(address string, handler Handler, config Config) (*Server, error) {
	return listenWith(address, handler, config, func(*net.UnixConn) error {
		return errorf(CodeDenied, "the peer runs as another user")
	})
}

// Running is how many calls a server has not done with.
func Running(s *Server) (n int) {
	for _, c := range s.snapshot() {
		c.mu.Lock()
		n += c.running
		c.mu.Unlock()
	}
	return n
}

// Parked is how many bytes of results wait for memory at a server.
func Parked(s *Server) (n int64) {
	for _, c := range s.snapshot() {
		n += c.lender.parking.bytes.Load()
	}
	return n
}

// Calls is how many calls a client has in flight on its connection.
func Calls(c *Client) int {
	conn := current(c)
	if conn == nil {
		return 0
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return len(conn.calls)
}

// Watched tells whether a client's connection is idle, and the server's end will be noticed all the same.
func Watched(c *Client) bool {
	conn := current(c)
	if conn == nil {
		return false
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	dozes := false
	if r, ok := conn.conn.(*rings); ok {
		dozes = r.in.Asleep()
	}
	return (conn.reading || dozes) && len(conn.calls) == 0
}

func current(c *Client) *clientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}

// Stuck is how many calls of a client wait for the server to give memory back.
func Stuck(c *Client) int {
	conn := current(c)
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return conn.stuck
}

// Ended is closed when the connection that a client has now is at its end.
func Ended(c *Client) <-chan struct{} { return current(c).ended }

// Resting tells whether a client's connection will be looked at for being idle.
func Resting(c *Client) bool {
	conn := current(c)
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return !conn.watchAt.IsZero()
}

// StopBeforeSettling has a server stop between the greeting of a connection and its being settled, which goes on when goOn is
// called.
func StopBeforeSettling(s *Server) (goOn func()) {
	s.mu.Lock()
	s.closing = true
	return func() {
		s.mu.Unlock()
		s.socket.remove()
		s.socket.Close()
	}
}

// MemoryHello is what a client says first that can do with shared memory.
func MemoryHello() []byte {
	return appendHello(nil, hello{major: wireMajor, minor: wireMinor, caps: capChunks | capMemory, maxPayload: 1 << 20, maxFrame: frameSize})
}
