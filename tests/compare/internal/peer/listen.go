package peer

import (
	"errors"
	"net"
	"sync"
)

// serveConns serves each connection to a Unix socket by serve, which returns when the connection ends. Its stop ends the
// connections that are left.
func serveConns(socket string, serve func(net.Conn)) (stop func() error, err error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	s := &conns{open: make(map[net.Conn]bool)}
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.add(c)
			s.wg.Go(func() {
				defer s.remove(c)
				serve(c)
			})
		}
	})
	return func() error {
		err := l.Close()
		return errors.Join(err, s.close())
	}, nil
}

// conns is the connections of a listener that has no server of its own.
type conns struct {
	wg sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[net.Conn]bool
}

func (s *conns) add(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = true
	if s.closed {
		c.Close()
	}
}

func (s *conns) remove(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
	c.Close()
}

func (s *conns) close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.open {
		c.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}
