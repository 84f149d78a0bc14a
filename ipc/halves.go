package ipc

import (
	"os"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/ring"
)

// halves are what a connection's rings are made of, as far as there is any: the two sides' memory, and this side's end of the
// alarm.
type halves struct {
	own   *buddy.Segment
	peer  *buddy.View
	size  int // of the peer's ring
	alarm *alarm
	pass  *os.File // the server's end, at the client until it was passed
}

// halfSize is how much memory a half takes whose ring has n bytes: whole pages.
func halfSize(n, page int) int { return (ring.HalfSize(n) + page - 1) / page * page }

// offerRings returns this side's half, or none if there is no memory for it: the socket does without.
func (c *Config) offerRings() (h halves) {
	if c.Memory.config.Off {
		return h
	}
	own, err := buddy.Create(int64(ring.HalfSize(ringSize)))
	if err != nil {
		return h
	}
	return halves{own: own}
}

// offerAlarm adds an alarm to what a client offers. Without one there are no rings.
func (h halves) offerAlarm() halves {
	if h.own == nil {
		return h
	}
	var err error
	if h.alarm, h.pass, err = newAlarm(); err != nil {
		h.release()
		return halves{}
	}
	return h
}

// answerRings returns the half that a client offers with its hello, and this side's, or none.
func (c *Config) answerRings(conn *socket, peer hello) (halves, error) {
	if peer.ring == 0 || c.Memory.config.Off {
		return halves{}, nil
	}
	h, err := c.offerRings().accept(conn, peer)
	if err != nil {
		return h, err
	}
	file, err := conn.takeFile()
	if err != nil || file == nil || h.own == nil {
		closeFile(file)
		h.release()
		return halves{}, err
	}
	if h.alarm, err = openAlarm(file); err != nil {
		return h, protocolErrorf("an alarm that can't be used: %v", err)
	}
	return h, nil
}

// accept adds the half that came with the peer's hello. Where this side has none, or no room for the peer's, there are no
// halves.
func (h halves) accept(conn *socket, peer hello) (halves, error) {
	file, err := conn.takeFile()
	if err != nil {
		return h, err
	}
	view, err := attach(segmentInfo{size: uint64(halfSize(int(peer.ring), os.Getpagesize()))}, file)
	switch {
	case err != nil && !outOfRoom(err):
		return h, protocolErrorf("rings that can't be used: %v", err)
	case err != nil || h.own == nil:
		if view != nil {
			view.Release()
		}
		h.release()
		return halves{}, nil
	}
	h.peer, h.size = view, int(peer.ring)
	return h, nil
}

// complete adds the half with which a server answered.
func (h halves) complete(conn *socket, peer hello) (halves, error) {
	if peer.ring == 0 {
		h.release()
		return halves{}, nil
	}
	if h.own == nil {
		return h, protocolErrorf("a hello with rings, which this side has not offered")
	}
	h, err := h.accept(conn, peer)
	if err == nil && h.own == nil {
		err = errNoRoom
	}
	return h, err
}

// errNoRoom tells that a client can't map the half with which the server answered, and which that relies on.
var errNoRoom error = errorf(CodeUnavailable, "there is no room for the rings of the server")

// ring is the size of this side's ring, zero if there is none.
func (h halves) ring() uint32 {
	if h.own == nil {
		return 0
	}
	return ringSize
}

// sendHello sends a hello, and this side's half along.
func (h halves) sendHello(conn *socket, own hello) (err error) {
	frame := appendHello(nil, own)
	switch {
	case h.own == nil:
		_, err = conn.Write(frame)
	case h.pass == nil:
		err = conn.sendRights(frame, h.own.File())
	default:
		err = conn.sendRights(frame, h.own.File(), h.pass)
	}
	return err
}

// open returns the stream of a connection whose hellos have been exchanged, for its client or its server.
func (h halves) open(conn *socket, r *frameReader, polling *Polling, client bool) (stream, error) {
	if h.own == nil {
		conn.polling = newSpinner(polling)
		return conn, nil
	}
	if r.buffered() {
		return nil, protocolErrorf("more than a hello on the socket, beside which there are rings")
	}
	if err := h.own.CloseFile(); err != nil {
		return nil, err
	}
	closeFile(h.pass)
	rings, err := newRings(conn, h, polling)
	if err != nil {
		return nil, err
	}
	rings.urges, rings.spinner.moves = client, client
	r.src = rings
	return rings, nil
}

func (h halves) release() {
	if h.own != nil {
		h.own.Close() // what can't be unmapped stays, and does no harm
	}
	if h.peer != nil {
		h.peer.Release()
	}
	h.alarm.close()
	closeFile(h.pass)
}
