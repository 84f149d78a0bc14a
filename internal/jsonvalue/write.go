package jsonvalue

import (
	"errors"
	"fmt"
	"io"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// Bounds.
const (
	flushFrom  = 16 << 10 // bytes that are kept before they are written
	maxChunk   = 12 << 10 // bytes of a string that are taken at a time; a multiple of 24
	maxKey     = 64 << 10 // bytes of a key that is neither text nor an integer
	maxInteger = 64 << 10 // bytes of an integer, which are written in decimal
)

// Write writes the results of a call as a JSON array. src is the payload, in any number of pieces as [codec.Flatten] makes
// them, without attachments; it is read once and front to back, and little of what is written is kept, whatever their size.
// Results may be nil if there is no descriptor: then the transferables outside any have no name.
//
// It fails where src is malformed, also behind what was written already, and where w does.
func Write(w io.Writer, results []*codec.Schema, src ...[]byte) error {
	out := newWriter(src)
	out.w = w
	if err := out.results(results); err != nil {
		return err
	}
	_, err := w.Write(out.buf)
	return err
}

// Append is [Write] to dst. After an error dst has its old length.
func Append(dst []byte, results []*codec.Schema, src ...[]byte) ([]byte, error) {
	out := newWriter(src)
	out.buf = dst
	if err := out.results(results); err != nil {
		return dst, err
	}
	return out.buf, nil
}

// writer turns CBOR into JSON.
type writer struct {
	source
	refs
	fields
	w     io.Writer // nil: all stays in buf
	buf   []byte
	depth int
	keyed bool // inside a key, which must stay small
}

func newWriter(src [][]byte) *writer {
	out := new(writer)
	out.source.start(src)
	return out
}

// flush writes what there is, if it is much.
func (w *writer) flush() error {
	if w.keyed && len(w.buf) > maxKey {
		return fmt.Errorf("a key that is no text takes more than %d bytes as JSON", maxKey)
	}
	if w.w == nil || len(w.buf) < flushFrom {
		return nil
	}
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// results takes the whole.
func (w *writer) results(results []*codec.Schema) error {
	h, err := w.head()
	if err != nil {
		return err
	}
	if h.Major != cborhead.Array {
		return errors.New("want an array of results")
	}
	if results != nil && h.Arg != uint64(len(results)) {
		return fmt.Errorf("results: have %d, want %d", h.Arg, len(results))
	}
	n, err := w.count(h.Arg, 1)
	if err != nil {
		return err
	}
	w.buf = append(w.buf, '[')
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		var s *codec.Schema
		if results != nil {
			s = results[i]
		}
		w.refs = refs{root: s}
		if err := w.value(s); err != nil {
			return fmt.Errorf("result %d: %w", i+1, err)
		}
	}
	w.buf = append(w.buf, ']')
	if w.left > 0 {
		return fmt.Errorf("%d bytes follow the results", w.left)
	}
	return nil
}

// value takes an item. The schema says what the item does not, if it is one of such; it may be nil.
func (w *writer) value(s *codec.Schema) error {
	h, err := w.head()
	if err != nil {
		return err
	}
	return w.item(h, w.known(s))
}

// known is s without references, nil if that can't be.
func (w *writer) known(s *codec.Schema) *codec.Schema {
	if s == nil {
		return nil
	}
	s, _ = w.resolve(s)
	return s
}

// item takes the item that h begins.
func (w *writer) item(h head, s *codec.Schema) error {
	if err := w.flush(); err != nil {
		return err
	}
	switch h.Major {
	case cborhead.Uint, cborhead.Negative:
		if s != nil && s.Kind == codec.KindTime {
			return w.epoch(h)
		}
		w.integer(h)
	case cborhead.Bytes:
		return w.base64(h.Arg)
	case cborhead.Text:
		return w.text(h.Arg)
	case cborhead.Array:
		return w.list(h.Arg, s)
	case cborhead.Map:
		return w.mapping(h.Arg, s)
	case cborhead.Tag:
		return w.tagged(h.Arg, s)
	default:
		return w.simple(h, s)
	}
	return nil
}

// enter goes a level down.
func (w *writer) enter() error {
	w.depth++
	if w.depth > codec.MaxDepth {
		return errDeep
	}
	return nil
}

func (w *writer) list(declared uint64, s *codec.Schema) error {
	n, err := w.count(declared, 1)
	if err == nil {
		err = w.enter()
	}
	if err != nil {
		return err
	}
	w.buf = append(w.buf, '[')
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		if err := w.value(elementOf(s, i)); err != nil {
			return withinIndex(i, err)
		}
	}
	w.buf = append(w.buf, ']')
	w.depth--
	return nil
}

// elementOf is the schema of an element of a list or tuple, nil if s is none.
func elementOf(s *codec.Schema, i int) *codec.Schema {
	switch {
	case s == nil:
		return nil
	case s.Kind == codec.KindList:
		return s.Elem
	case s.Kind == codec.KindTuple && i < len(s.Fields):
		return s.Fields[i].Type
	}
	return nil
}
