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
