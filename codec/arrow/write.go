package arrow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

const (
	// continuation begins a message; its length follows. Length 0 is the end of the stream.
	continuation = math.MaxUint32

	prefixSize = 8

	// bodyAlign is where bodies begin, counted from the stream's start. Arrow asks for 8.
	bodyAlign = 64
)

// size is exact. It writes the batch to nowhere, which copies no buffer.
func size(rec arrow.RecordBatch) int {
	n, err := write(io.Discard, rec)
	if err != nil {
		return 0 // appendStream meets the error again, and returns it
	}
	return n
}

func appendStream(dst []byte, rec arrow.RecordBatch) ([]byte, error) {
	out := appender(dst)
	if _, err := write(&out, rec); err != nil {
		return dst, err
	}
	return out, nil
}

type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}

// write writes rec's stream to w, buffer by buffer, and returns its length.
func write(w io.Writer, rec arrow.RecordBatch) (n int, err error) {
	if err := checkRows(rec); err != nil {
		return 0, err
	}
	rec = rebase(rec)
	defer rec.Release()
	s := &stream{w: w}
	out := ipc.NewWriterWithPayloadWriter(s, ipc.WithSchema(rec.Schema()))
	err = out.Write(rec)
	return s.n, errors.Join(err, out.Close())
}

// checkRows makes sure that all columns have the batch's rows, which arrow-go does not insist on.
func checkRows(rec arrow.RecordBatch) error {
	rows := rec.NumRows()
	if rows < 0 || rows > math.MaxInt32 {
		return fmt.Errorf("a batch of %d rows; send slices of at most %d", rows, math.MaxInt32)
	}
	for i, column := range rec.Columns() {
		if int64(column.Len()) != rows {
			return fmt.Errorf("column %d has %d rows in a batch of %d; make them equal", i, column.Len(), rows)
		}
	}
	return nil
}

// stream is what arrow-go's writer hands its messages to. It frames them itself, so that bodies are
// aligned: a message's metadata may be followed by as many zeros as its length says.
type stream struct {
	w io.Writer
	n int
}

func (s *stream) Start() error { return nil }

func (s *stream) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	var zeros [bodyAlign]byte
	pad := -(s.n + prefixSize + meta.Len()) & (bodyAlign - 1)
	if err := s.prefix(meta.Len() + pad); err != nil {
		return err
	}
	if _, err := s.Write(meta.Bytes()); err != nil {
		return err
	}
	if _, err := s.Write(zeros[:pad]); err != nil {
		return err
	}
	return p.SerializeBody(s)
}

func (s *stream) Close() error { return s.prefix(0) }

func (s *stream) prefix(length int) error {
	var b [prefixSize]byte
	binary.LittleEndian.PutUint32(b[:], continuation)
	binary.LittleEndian.PutUint32(b[4:], uint32(length))
	_, err := s.Write(b[:])
	return err
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += n
	return n, err
}
