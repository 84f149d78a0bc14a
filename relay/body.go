package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/ipc"
)

const (
	// smallBody is up to what a body is read into memory before the call begins, so that the call can be made again.
	smallBody = 64 << 10
	// prefetched is what fasthttp reads of a body of known length before it calls the handler.
	prefetched = 8 << 10
)

// errStalled is the end of a peer that sends nothing.
var errStalled = &problem{&ipc.Error{Code: ipc.CodeDeadline, Message: "the body came too slowly"}, fasthttp.StatusRequestTimeout, "Request Timeout"}

// body reads what follows a request's header. It fails where that is too long, ends early, or comes too slowly.
type body struct {
	stream   io.Reader
	conn     net.Conn
	length   int64 // -1 if it is not known
	limit    int64
	stall    time.Duration
	patience time.Duration // how long a read may take
	until    time.Time     // when the call's time is over, or zero
	deadline time.Time     // of the last read that could wait
	got      int64
	pace     pace
	slow     bool // it came too slowly
}

// openBody looks at the body of a request, of which at most limit bytes are taken, and which has to be there by the time until,
// unless that is zero.
func (r *Relay) openBody(ctx *fasthttp.RequestCtx, limit int64, until time.Time) (body, error) {
	b := body{
		stream: ctx.RequestBodyStream(), conn: ctx.Conn(), length: int64(ctx.Request.Header.ContentLength()),
		limit: limit, stall: r.config.StallTimeout, patience: r.config.StallTimeout, until: until,
		pace: newPace(&r.config),
	}
	if b.length < -1 || b.stream == nil {
		b.length = 0
	}
	if b.length > limit {
		return b, tooLarge(limit)
	}
	return b, nil
}

func tooLarge(limit int64) error {
	return &ipc.Error{Code: ipc.CodeTooLarge, Message: fmt.Sprintf("a body of more than the %d bytes that this relay takes here", limit)}
}

// expectBody notes whether the peer may still be sending its request when that is answered, which the body's end undoes.
func (r *Relay) expectBody(ctx *fasthttp.RequestCtx) {
	length := ctx.Request.Header.ContentLength()
	expectMore(ctx.Conn(), length > prefetched || length == -1)
}

// Read implements [io.Reader]. The error at a body's proper end is io.EOF.
func (b *body) Read(p []byte) (int, error) {
	if b.length >= 0 && b.got == b.length {
		return 0, io.EOF
	}
	if b.slow {
		return 0, errStalled
	}
	n, err := b.read(p)
	if b.got += int64(n); b.got > b.limit {
		return 0, tooLarge(b.limit)
	}
	if err = b.explain(err); err == io.EOF || b.got == b.length {
		expectMore(b.conn, false)
	}
	return n, err
}

// read reads from the stream, and takes the time if that may wait.
func (b *body) read(p []byte) (int, error) {
	if b.length >= 0 && b.length <= prefetched {
		return b.stream.Read(p) // it is here
	}
	began := time.Now()
	if err := b.watch(began); err != nil {
		return 0, err
	}
	n, err := b.stream.Read(p)
	b.slow = b.pace.count(time.Since(began), n) // for the next time: these bytes are here
	return n, err
}

// watch sets the deadline of the next read.
func (b *body) watch(now time.Time) error {
	b.deadline = now.Add(b.patience)
	if !b.until.IsZero() && b.until.Before(b.deadline) {
		b.deadline = b.until
	}
	return b.conn.SetReadDeadline(b.deadline)
}

func (b *body) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case err != io.EOF && !b.deadline.IsZero() && !time.Now().Before(b.deadline): // fasthttp hides the cause between chunks
		return b.late()
	case err == io.EOF && b.length < 0, err == io.EOF && b.got == b.length:
		return io.EOF
	case err == io.EOF:
		return &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("the body ended after %d of %d bytes", b.got, b.length)}
	}
	if errors.As(err, new(*fasthttp.ErrSmallBuffer)) {
		return &ipc.Error{Code: ipc.CodeTooLarge, Message: "what follows the body's chunks is too long (--max-header)"}
	}
	return &ipc.Error{Code: ipc.CodeInvalid, Message: "the body can't be read: " + plainText(err)}
}

// late is the end of a read that took too long.
func (b *body) late() error {
	if !b.until.IsZero() && !b.deadline.Before(b.until) {
		return context.DeadlineExceeded
	}
	return errStalled
}

// appendTo adds the rest of the body to dst, of which no more becomes than max bytes. It grows with what comes, whatever
// length was announced. complete tells whether that was all.
func (b *body) appendTo(dst []byte, max int64) (_ []byte, complete bool, err error) {
	for int64(len(dst)) < max {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, 512)
		}
		room := dst[len(dst):min(int64(cap(dst)), max)]
		n, err := b.Read(room)
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, true, nil
		}
		if err != nil {
			return dst, false, err
		}
	}
	return dst, b.length >= 0 && b.got == b.length, nil
}

// readBody appends a whole body to dst.
func (r *Relay) readBody(ctx *fasthttp.RequestCtx, dst []byte, limit int64, until time.Time) ([]byte, error) {
	b, err := r.openBody(ctx, limit, until)
	if err != nil {
		return dst, err
	}
	dst, complete, err := b.appendTo(dst, limit+1)
	if err == nil && !complete {
		err = tooLarge(limit)
	}
	return dst, err
}
