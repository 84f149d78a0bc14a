package relay

import (
	"bufio"
	"errors"
	"io"
	"sync/atomic"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/jsonvalue"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// smallAnswer is up to what an answer is copied, so that the server's memory is free at once.
const smallAnswer = 64 << 10

// answer sends what the server answered, which it takes over.
func (x *exchange) answer(m *method, p *ipc.Payload) error {
	if p.InFile() {
		return x.answerFile(p)
	}
	pieces, err := codec.Flatten(p.Bytes(), p.Attachments(), uint64(x.relay.config.MaxBody))
	if err != nil {
		p.Release()
		return &ipc.Error{Code: ipc.CodeInternal, Message: "the call ran, but its answer can't be passed on: " + err.Error(), MayHaveRun: true}
	}
	if x.jsonOut {
		defer p.Release()
		return x.answerJSON(m, pieces)
	}
	x.http.Response.Header.SetContentTypeBytes(typeCBOR)
	size := sizeOf(pieces)
	x.relay.metrics.sent.Add(uint64(size))
	if size <= smallAnswer {
		for _, piece := range pieces {
			x.http.Response.AppendBody(piece)
		}
		p.Release()
		return nil
	}
	x.stream(&download{payload: p, pieces: pieces, size: int64(size)})
	return nil
}

func sizeOf(pieces [][]byte) (n int) {
	for _, piece := range pieces {
		n += len(piece)
	}
	return n
}

// answerFile sends an answer that lies in a file.
func (x *exchange) answerFile(p *ipc.Payload) error {
	if x.jsonOut {
		p.Release()
		return &ipc.Error{Code: ipc.CodeTooLarge, MayHaveRun: true,
			Message: "the call ran, but its answer is too large for JSON; ask for Accept: " + relayapi.TypeCBOR}
	}
	x.http.Response.Header.SetContentTypeBytes(typeCBOR)
	x.relay.metrics.sent.Add(uint64(p.Len()))
	x.stream(&download{payload: p, size: p.Len(), source: io.NewSectionReader(p, 0, p.Len())})
	return nil
}

// answerJSON sends an answer as JSON. What is large is written to a file first: reading it may take the caller a while.
func (x *exchange) answerJSON(m *method, pieces [][]byte) error {
	size := sizeOf(pieces)
	x.http.Response.Header.SetContentTypeBytes(typeJSON)
	if size <= smallAnswer {
		body, err := jsonvalue.Append(x.text[:0], m.desc.Results, pieces...)
		if err != nil {
			return noJSON(err)
		}
		x.text = body
		x.relay.metrics.sent.Add(uint64(len(body)) + 1)
		x.http.Response.AppendBody(body)
		x.http.Response.AppendBody(newline)
		return nil
	}
	file, err := x.relay.spool.create()
	if err != nil {
		return ranAlready(err)
	}
	w := bufio.NewWriterSize(file, smallBody)
	if err = jsonvalue.Write(w, m.desc.Results, pieces...); err == nil {
		_ = w.WriteByte('\n') // an error stays for Flush
		err = w.Flush()
	}
	if err != nil {
		file.Close()
		return noJSON(err)
	}
	x.relay.metrics.sent.Add(uint64(file.size))
	x.stream(&download{file: file, size: file.size, source: file.reader(0)})
	return nil
}

var newline = []byte("\n")

func noJSON(err error) error {
	var e *ipc.Error
	if errors.As(err, &e) {
		return ranAlready(e)
	}
	return &ipc.Error{Code: ipc.CodeInternal, Message: "the call ran, but its answer can't be written as JSON (ask for Accept: " + relayapi.TypeCBOR + "): " + err.Error(), MayHaveRun: true}
}

// ranAlready is err as the end of a call that has run.
func ranAlready(err error) error {
	e := *asError(err)
	e.MayHaveRun = true
	return &e
}

// stream makes d the answer's body. The call's slot is free when it has been sent.
func (x *exchange) stream(d *download) {
	d.relay = x.relay
	d.conn, d.encrypted = connOf(x.http.Conn())
	d.step = downloadStep
	if d.encrypted {
		d.step = encryptedStep
	}
	if d.payload != nil {
		d.keeps = int64(d.payload.Kept())
		d.relay.metrics.held.Add(d.keeps)
	}
	x.streaming = true
	x.http.Response.SetBodyStream(d, int(d.size)) // less than zero is not known
}

// download is a large answer on its way to the caller. While the caller reads quickly it goes from the server's memory into
// the socket; once it does not, the rest waits in a file.
type download struct {
	relay     *Relay
	conn      *conn
	encrypted bool
	size      int64

	payload *ipc.Payload // nil once it is not needed any more
	pieces  [][]byte     // what is to be written of it
	at      int          // how much of the first one has been
	gone    int          // how much of that was forgotten
	keeps   int64        // bytes of the server's
	step    int          // how much is written at a time
	copied  []byte       // the part that is being written, where it has to be a copy
	file    *spoolFile   // the rest, if it waits there
	source  io.Reader    // what is read where there are no pieces, or no more
	after   func()       // called at the end, or nil
	closed  atomic.Bool
}

// How much is written at a time. The last piece may be up to twice as large: a small one would go through fasthttp's buffer.
const (
	downloadStep  = 4 << 20   // from the server's memory: each system call's end may be a switch to the caller's program and back
	encryptedStep = 256 << 10 // of what has to be copied before
)

// SupportsBodyWriteTo implements [fasthttp.BodyWriterTo].
func (d *download) SupportsBodyWriteTo() bool { return true }

// Read implements [io.Reader], which fasthttp asks for and does not use.
func (d *download) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// WriteTo implements [io.WriterTo].
func (d *download) WriteTo(w io.Writer) (written int64, err error) {
	if d.conn != nil && len(d.pieces) > 0 {
		d.conn.slow, d.conn.slowFrom = d.setAside, writeBuffer // fasthttp's own buffer is followed by more of the same part
		if d.encrypted {
			d.conn.slowFrom, d.copied = 0, make([]byte, 0, 2*encryptedStep)
		}
		defer func() { d.conn.slow = nil }()
	}
	for len(d.pieces) > 0 && err == nil {
		var n int
		n, err = w.Write(d.take())
		written += int64(n)
	}
	if err == nil && d.source != nil {
		var n int64
		n, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{d.source}, make([]byte, smallBody))
		written += n
	}
	return written, err
}

// take takes the next part to be written off the pieces.
func (d *download) take() []byte {
	piece := d.pieces[0]
	n := len(piece) - d.at
	if n >= 2*d.step {
		n = d.step
	}
	part := piece[d.at : d.at+n : d.at+n]
	if d.at-d.gone >= forgetStep && len(piece) >= forgetFrom {
		d.payload.Forget(piece[d.gone:d.at])
		d.gone = d.at
	}
	if d.at += n; d.at == len(piece) {
		d.pieces, d.at, d.gone = d.pieces[1:], 0, 0
	}
	if d.encrypted { // TLS goes on reading the part while it writes
		d.copied = append(d.copied[:0], part...)
		return d.copied
	}
	return part
}

const (
	// forgetFrom is the size in bytes from which on the pages of an answer are let go of while it is sent. Finding the pages of
	// the server's memory again takes a while, so those of smaller ones are kept for the next answers.
	forgetFrom = 512 << 20
	// forgetStep is how many bytes are let go of at a time.
	forgetStep = 16 << 20
)

// setAside is called while a part is being written and the caller does not read: what is left goes to a file, and the server
// has its memory back. It returns where the connection finds the rest of the part, or nil if that is where it was.
func (d *download) setAside(rest []byte) io.Reader {
	file, err := d.relay.spool.create()
	if err != nil {
		return nil // the caller has until the stall timeout
	}
	if d.encrypted { // what comes after it is not
		rest = nil
	}
	if err := d.writeRest(file, rest); err != nil {
		file.Close()
		return nil
	}
	d.pieces, d.file, d.source = nil, file, file.reader(0)
	d.release()
	if d.encrypted {
		return nil
	}
	return d.source
}

// writeRest writes what is left of the current part, and all that comes after it.
func (d *download) writeRest(w io.Writer, part []byte) error {
	if _, err := w.Write(part); err != nil {
		return err
	}
	at := d.at
	for _, piece := range d.pieces {
		if _, err := w.Write(piece[at:]); err != nil {
			return err
		}
		at = 0
	}
	return nil
}

func (d *download) release() {
	if d.payload != nil {
		d.payload.Release()
		d.payload = nil
		d.relay.metrics.held.Add(-d.keeps)
	}
}

// Close implements [io.Closer]. fasthttp calls it when the answer has been sent, or can't be.
func (d *download) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.release()
	if d.file != nil {
		d.file.Close()
	}
	if d.after != nil {
		d.after()
	}
	d.relay.inFlight.Add(-1)
	return nil
}
