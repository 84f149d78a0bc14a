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

// Watched tells whether a goroutine watches a client's idle connection.
func Watched(c *Client) bool {
	conn := current(c)
	if conn == nil {
		return false
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return conn.reading && len(conn.calls) == 0
}

func current(c *Client) *clientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn
}
