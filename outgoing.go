package c2

import (
	"io"
	"sync"

	"github.com/ctwo-go/c2/ipc"
)

// outgoing is a payload as the body of a request. It keeps the payload until it is closed, which may be after the request
// has been answered. It can't be sent twice: package net/http knows no way to read it again.
type outgoing struct {
	mu      sync.Mutex
	payload *ipc.Payload // nil once it is closed
	rest    []byte
}

func newOutgoing(p *ipc.Payload) *outgoing {
	p.Retain()
	return &outgoing{payload: p, rest: p.Bytes()}
}

// Read implements [io.Reader].
func (o *outgoing) Read(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.rest) == 0:
		return 0, io.EOF
	case o.payload == nil:
		return 0, io.ErrClosedPipe
	}
	n := copy(b, o.rest)
	o.rest = o.rest[n:]
	return n, nil
}

// Close implements [io.Closer].
func (o *outgoing) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.payload != nil {
		o.payload.Release()
		o.payload = nil
	}
	return nil
}

// taken tells whether all of it was read, so that it may have been sent.
func (o *outgoing) taken() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rest) == 0
}
