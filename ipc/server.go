package ipc

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Handler runs the calls that a server receives, as many at once as clients make.
type Handler interface {
	// ServeCall runs one call and returns its result, made by Call.Encode, or an error, which is answered with
	// its *Error if it has one and CodeInternal otherwise. ctx ends with the call's deadline, when the client
	// cancels the call or is gone, and when a shutdown runs out of patience. It must not panic.
	ServeCall(ctx context.Context, call *Call) (*Payload, error)
}

// Server answers calls at one address.
type Server struct {
	config    Config
	handler   Handler
	address   string
	socket    *socketFile
	instance  [16]byte
	checkPeer func(*net.UnixConn) error

	wg       sync.WaitGroup // the accept loop and the connections
	watchdog watchdog

	mu       sync.Mutex
	conns    map[*net.UnixConn]*serverConn // nil while they shake hands
	refusing int                           // connections that are being told that there are too many
	closing  bool
}

// Listen binds address (see [SocketPath]) and starts to serve. A socket file left by a dead server is replaced;
// one in use is refused with CodeBusy, a bad address with CodeInvalid.
func Listen(address string, handler Handler, config Config) (*Server, error) {
	return listenWith(address, handler, config, checkPeerUser)
}

func listenWith(address string, handler Handler, config Config, checkPeer func(*net.UnixConn) error) (*Server, error) {
	socket, err := listen(address)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config:    config.withDefaults(),
		handler:   handler,
		address:   address,
		socket:    socket,
		instance:  newInstance(),
		checkPeer: checkPeer,
		conns:     make(map[*net.UnixConn]*serverConn),
	}
	s.wg.Go(s.accept)
	return s, nil
}

// Address is the address given to Listen.
func (s *Server) Address() string { return s.address }

// Instance identifies this server among all that ever listened anywhere. Clients learn it in the handshake.
func (s *Server) Instance() [16]byte { return s.instance }

func (s *Server) accept() {
	for pause := time.Millisecond; ; {
		conn, err := s.socket.AcceptUnix()
		switch {
		case err == nil:
			pause = time.Millisecond
			s.wg.Add(1)
			go s.converse(conn)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			// Out of descriptors, most likely: those who end will free some.
			s.config.ConnLost(errorf(CodeUnavailable, "accepting a connection: %v", err))
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
		}
	}
}

// converse is the life of a connection, up to dismiss.
func (s *Server) converse(conn *net.UnixConn) {
	refusal := s.admit(conn)
	if refusal == errCrowd {
		s.dismiss(conn, nil)
		return
	}
	c, err := s.welcome(conn, refusal)
	if err == nil {
		if err = s.settle(conn, c); err != nil {
			_ = c.end(err) // it has memory by now; err is what there is to tell
		}
	}
	switch {
	case err == nil:
		c.run()
	case gone(err):
		s.dismiss(conn, nil) // it came and went: a probe
	default:
		s.dismiss(conn, err)
	}
}

// welcome shakes hands.
func (s *Server) welcome(conn *net.UnixConn, refusal error) (*serverConn, error) {
	sock, err := newSocket(conn, !s.config.Memory.config.Off)
	if err != nil {
		return nil, err
	}
	r := newFrameReader(sock)
	sess, err := s.greet(sock, r, refusal)
	if err != nil {
		sock.closeFiles()
		return nil, err
	}
	var c *serverConn
	str, err := sess.halves.open(sock, r, s.config.Polling, false)
	if err == nil {
		c, err = newServerConn(s, conn, str, r, sess)
	}
	if err != nil {
		sock.closeFiles()
		sess.halves.release()
	}
	return c, err
}

// dismiss is the end of a connection. The error is nil if there is nothing to tell.
func (s *Server) dismiss(conn *net.UnixConn, err error) {
	conn.Close()
	s.mu.Lock()
	if _, admitted := s.conns[conn]; admitted {
		delete(s.conns, conn)
	} else {
		s.refusing--
	}
	closing := s.closing
	s.mu.Unlock()
	if err != nil && !closing {
		s.config.ConnLost(err)
	}
	s.wg.Done()
}

// maxRefusing bounds how many connections are told why they are refused. More are closed without a word.
const maxRefusing = 64

var errCrowd = errors.New("too many connections to tell each that there are too many")

// admit enters a new connection, or says why there can't be another.
func (s *Server) admit(conn *net.UnixConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing && len(s.conns) < s.config.MaxConns {
		s.conns[conn] = nil
		return nil
	}
	s.refusing++
	switch {
	case s.refusing > maxRefusing:
		return errCrowd
	case s.closing:
		return errClosing()
	}
	return errorf(CodeBusy, "the server has %d connections already (MaxConns)", len(s.conns))
}

// settle tells that a connection has been greeted, so that a shutdown drains it rather than cut it off.
func (s *Server) settle(conn *net.UnixConn, c *serverConn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errClosing()
	}
	s.conns[conn] = c
	return nil
}

// snapshot returns the connections that have been greeted.
func (s *Server) snapshot() []*serverConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*serverConn, 0, len(s.conns))
	for _, c := range s.conns {
		if c != nil {
			conns = append(conns, c)
		}
	}
	return conns
}

func errClosing() *Error { return errorf(CodeUnavailable, "the server is shutting down") }

// Shutdown stops taking connections and calls, waits until the calls in flight have been answered, and closes. If ctx
// ends first, it cancels the contexts of the calls that are left, closes regardless and returns the context's error.
// It must be called once, before or instead of Close.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stop()
	var wg sync.WaitGroup
	var cut atomic.Bool
	for _, c := range s.snapshot() {
		wg.Go(func() {
			if !c.drain(ctx) {
				cut.Store(true)
			}
		})
	}
	wg.Wait()
	s.Close()
	if cut.Load() {
		return ctx.Err()
	}
	return nil
}

// stop ends the accepting of connections and closes those that still shake hands.
func (s *Server) stop() {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	for conn, c := range s.conns {
		if c == nil {
			conn.Close()
		}
	}
	s.mu.Unlock()
	if first {
		s.socket.remove() // at worst a dead file stays, which the next server replaces
		s.socket.Close()
	}
}

// Close ends all connections and the contexts of their calls, and returns when nothing is read from them any more;
// handlers that ignore their context may still run. It is idempotent.
func (s *Server) Close() {
	s.stop()
	for _, c := range s.snapshot() {
		c.close()
	}
	s.wg.Wait()
}
