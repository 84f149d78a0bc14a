package ipc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// session is what two hellos agreed on.
type session struct {
	peer     hello
	maxFrame int    // largest frame body that both take
	maxSend  uint64 // largest payload that the peer takes
	memory   bool   // payloads may be passed in shared memory
	halves   halves // of the rings, if there are any
}

func newInstance() (id [16]byte) {
	rand.Read(id[:]) // never fails
	return id
}

func (c *Config) hello(instance [16]byte) hello {
	caps := capChunks
	if !c.Memory.config.Off {
		caps |= capMemory
	}
	return hello{
		major: wireMajor, minor: wireMinor, caps: caps, instance: instance,
		maxPayload: uint64(c.MaxPayload), maxFrame: frameSize, maxCalls: uint32(c.MaxCalls), pid: uint32(os.Getpid()),
	}
}

func (c *Config) agree(peer hello) session {
	s := session{peer: peer, memory: peer.caps&capMemory != 0 && !c.Memory.config.Off, maxFrame: int(min(peer.maxFrame, frameSize)), maxSend: peer.maxPayload}
	if peer.caps&capChunks == 0 {
		s.maxSend = min(s.maxSend, uint64(s.maxFrame-callPrefixSize))
	}
	return s
}

// checkPeerUser refuses a socket whose other end belongs to another user.
func checkPeerUser(c *net.UnixConn) error {
	uid, err := peerUID(c)
	if err != nil {
		return fmt.Errorf("asking for the peer's user: %w", err)
	}
	if own := os.Getuid(); int(uid) != own {
		return errorf(CodeDenied, "the peer runs as user %d, this process as user %d; both must be the same", uid, own)
	}
	return nil
}

// greet is the server's side of the handshake.
func (s *Server) greet(conn *socket, r *frameReader, refuse error) (session, error) {
	if err := conn.SetDeadline(time.Now().Add(s.config.HandshakeTimeout)); err != nil {
		return session{}, err
	}
	err := refuse
	if err == nil {
		err = s.checkPeer(conn.UnixConn)
	}
	var peer hello
	if err == nil {
		peer, err = readHello(r)
	}
	var h halves
	if err == nil {
		h, err = s.config.answerRings(conn, peer)
	}
	own := s.config.hello(s.instance)
	if interrupted(err) {
		err = errorf(CodeDeadline, "no hello came within %v", s.config.HandshakeTimeout)
	}
	if err != nil {
		h.release()
		own.maxCalls = 0
		part(conn, appendGoAway(appendHello(nil, own), goAwayFor(err)))
		return session{}, err
	}
	own.ring = h.ring()
	if err = h.sendHello(conn, own); err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		h.release()
		return session{}, err
	}
	sess := s.config.agree(peer)
	sess.halves = h
	return sess, nil
}

// part says goodbye, as far as the peer listens.
func part(conn *socket, goodbye []byte) {
	conn.SetDeadline(time.Now().Add(partTimeout))
	if _, err := conn.Write(goodbye); err == nil {
		conn.linger()
	}
}

const partTimeout = 500 * time.Millisecond

func goAwayFor(err error) *Error {
	var p *protocolError
	if errors.As(err, &p) {
		return &Error{Code: CodeInvalid, Message: p.Error()}
	}
	return asError(err)
}

// dial connects to address and shakes hands.
func dial(ctx context.Context, address string, config *Config, instance [16]byte) (stream, *frameReader, session, error) {
	path, err := SocketPath(address)
	if err != nil {
		return nil, nil, session{}, &Error{Code: CodeInvalid, Message: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, config.HandshakeTimeout)
	defer cancel()
	str, r, sess, err := config.meet(ctx, address, path, instance, true)
	if err == errNoRoom {
		str, r, sess, err = config.meet(ctx, address, path, instance, false)
	}
	return str, r, sess, err
}

// meet connects and shakes hands once. It offers rings if it may.
func (c *Config) meet(ctx context.Context, address, path string, instance [16]byte, offer bool) (stream, *frameReader, session, error) {
	conn, err := connect(ctx, path, !c.Memory.config.Off)
	if err != nil {
		if errors.Is(err, syscall.EACCES) {
			return nil, nil, session{}, errorf(CodeDenied, "the socket of %s is not for this user: %v", address, err)
		}
		return nil, nil, session{}, errorf(CodeUnavailable, "no server at %s: %v", address, err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	r := newFrameReader(conn)
	sess, err := c.introduce(conn, r, instance, offer)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	var str stream
	if err == nil {
		str, err = sess.halves.open(conn, r, c.Polling, true)
	}
	if err == nil {
		return str, r, sess, nil
	}
	conn.Close()
	conn.closeFiles()
	sess.halves.release()
	if err != errNoRoom {
		err = errorf(codeOf(err, CodeUnavailable), "shaking hands with %s: %v", address, err)
	}
	return nil, nil, session{}, err
}

// introduce is the client's side of the handshake.
func (c *Config) introduce(conn *socket, r *frameReader, instance [16]byte, offer bool) (session, error) {
	if err := checkPeerUser(conn.UnixConn); err != nil {
		return session{}, err
	}
	var ours halves
	if offer {
		ours = c.offerRings().offerAlarm()
	}
	// A server that refuses may answer without reading, so a failed write is told only if there is no answer.
	own := c.hello(instance)
	own.maxCalls, own.ring = 0, ours.ring()
	writeErr := ours.sendHello(conn, own)
	peer, err := readHello(r)
	switch {
	case err != nil:
		err = errors.Join(err, writeErr)
	case peer.maxCalls == 0:
		err = readRefusal(r)
	}
	sess := c.agree(peer)
	if err == nil {
		sess.halves, err = ours.complete(conn, peer)
	}
	if err != nil {
		ours.release()
		return session{}, err
	}
	return sess, nil
}

// readRefusal reads why the server takes no calls.
func readRefusal(r *frameReader) error {
	h, body, err := r.header()
	if err != nil {
		return err
	}
	if h.kind != kindGoAway {
		return protocolErrorf("a frame of kind %d after a hello that takes no calls", h.kind)
	}
	e, err := parseGoAway(body)
	if err != nil {
		return err
	}
	if e.Code == CodeOK {
		return protocolErrorf("a refusal without a reason")
	}
	return refusal(e)
}

// refusal is why a server wants no calls, or no more. A code that does not say that is taken for one of its faults.
func refusal(e *Error) *Error {
	switch e.Code {
	case CodeUnavailable, CodeBusy, CodeMismatch, CodeDenied, CodeInvalid, CodeDeadline:
		return e
	}
	return errorf(CodeInternal, "the server ends the connection with code %d: %s", e.Code, e.Message)
}

// connect dials path. A full backlog of the server's is waited out.
func connect(ctx context.Context, path string, takesFiles bool) (*socket, error) {
	var d net.Dialer
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		c, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			return newSocket(c.(*net.UnixConn), takesFiles)
		}
		if !isBacklogFull(err) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}
