package ipc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// readBuffer holds what arrives in one piece; larger parts of a payload are read past it, straight to their place.
const readBuffer = 64 << 10

// frameReader reads the frames of one connection. A read that is interrupted by a deadline loses nothing: who comes next,
// on whatever goroutine, goes on where the last one stopped.
type frameReader struct {
	src  io.Reader
	buf  []byte
	r, w int // buf[r:w] has been read and not consumed

	// The part of a payload in the current frame, which is to be read before the next header.
	rest  int      // bytes still to come
	into  *Payload // where they go, or nil to skip them
	total uint64   // length of the whole payload
}

func newFrameReader(src io.Reader) *frameReader {
	return &frameReader{src: src, buf: make([]byte, readBuffer)}
}

// Read implements [io.Reader], for what comes before the first frame.
func (r *frameReader) Read(p []byte) (int, error) {
	if r.r == r.w {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.buf[r.r:r.w])
	r.r += n
	return n, nil
}

// fill reads until n bytes are buffered, n at most readBuffer. io.EOF means that there was none.
func (r *frameReader) fill(n int) error {
	if r.r+n > len(r.buf) {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	for r.w-r.r < n {
		if r.r == r.w {
			r.r, r.w = 0, 0
		}
		k, err := r.src.Read(r.buf[r.w:])
		r.w += k
		if err != nil && (k == 0 || isBreach(err)) {
			if errors.Is(err, io.EOF) && r.w > r.r {
				return errCut
			}
			return err
		}
	}
	return nil
}

// header reads the next frame's header and the fixed part of its body, with the references that follow it; both are valid
// until the next call. What is left of the body is to be read by part. io.EOF is an end between two frames.
func (r *frameReader) header() (h header, fixed []byte, err error) {
	if err := r.fill(headerSize); err != nil {
		return h, nil, err
	}
	if h, err = parseHeader(r.buf[r.r:], frameSize); err != nil {
		return h, nil, err
	}
	n := h.fixed()
	if int(h.length) < n {
		return h, nil, protocolErrorf("a frame of kind %d with %d bytes, at least %d are needed", h.kind, h.length, n)
	}
	if err := r.fill(headerSize + n); err != nil {
		return h, nil, err
	}
	n += h.references(r.buf[r.r+headerSize:])
	if int(h.length) < n || n > maxFixed {
		return h, nil, protocolErrorf("a frame of kind %d with %d bytes, of which %d are fixed and references", h.kind, h.length, n)
	}
	if err := r.fill(headerSize + n); err != nil {
		return h, nil, err
	}
	fixed = r.buf[r.r+headerSize : r.r+headerSize+n]
	r.r += headerSize + n
	r.rest, r.into = int(h.length)-n, nil
	return h, fixed, nil
}

// keep makes part append to p, which is to become total bytes long, what it would skip.
func (r *frameReader) keep(p *Payload, total uint64) { r.into, r.total = p, total }

// part reads what is left of the frame's body.
func (r *frameReader) part() error {
	for r.rest > 0 {
		n, err := r.partOnce()
		r.rest -= n
		if err != nil && (n == 0 || isBreach(err)) {
			if errors.Is(err, io.EOF) {
				return errCut
			}
			return err
		}
	}
	r.into = nil
	return nil
}

func (r *frameReader) partOnce() (int, error) {
	if r.r == r.w && (r.into == nil || r.rest < len(r.buf)) {
		if err := r.fill(1); err != nil {
			return 0, err
		}
	}
	if r.into == nil {
		n := min(r.rest, r.w-r.r)
		r.r += n
		return n, nil
	}
	dst := r.into.room(r.rest, r.total)
	var n int
	var err error
	if r.r < r.w {
		n = copy(dst, r.buf[r.r:r.w])
		r.r += n
	} else {
		n, err = r.src.Read(dst)
	}
	r.into.buf = r.into.buf[:len(r.into.buf)+n]
	return n, err
}

// isBreach tells whether err is that of a peer which broke the protocol, as by what it sent beside the bytes.
func isBreach(err error) bool {
	var p *protocolError
	return errors.As(err, &p)
}

// inFrame tells whether the current frame's body has not been read whole.
func (r *frameReader) inFrame() bool { return r.rest > 0 }

// buffered tells whether more has been read than was asked for.
func (r *frameReader) buffered() bool { return r.r < r.w }

var errCut = fmt.Errorf("the connection ended inside a frame: %w", io.ErrUnexpectedEOF)

// gone tells whether err is just what the end of a peer looks like, at a frame's border or not.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// interrupted tells whether err is that of a deadline.
func interrupted(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
