package jsonvalue

import (
	"errors"
	"fmt"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/cborhead"
)

// mapping takes the pairs of a map or struct.
func (w *writer) mapping(declared uint64, s *codec.Schema) error {
	n, err := w.count(declared, 2)
	if err == nil {
		err = w.enter()
	}
	if err != nil {
		return err
	}
	w.buf = append(w.buf, '{')
	next := 0
	for i := range n {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		key, err := w.key(s)
		if err != nil {
			return withinIndex(i, fmt.Errorf("key: %w", err))
		}
		w.buf = append(w.buf, ':')
		var elem *codec.Schema
		elem, next = w.valueOf(s, key, next)
		if err := w.value(elem); err != nil {
			return withinKey(string(key.text), err)
		}
	}
	w.buf = append(w.buf, '}')
	w.depth--
	return nil
}

// key is what a struct's field is found by.
type key struct {
	text    []byte // belongs to the source, or is the number in decimal
	integer bool
}

// valueOf is the schema of what the key of s leads to, nil if it is not known, and which field is likely to be the next.
func (w *writer) valueOf(s *codec.Schema, k key, next int) (*codec.Schema, int) {
	switch {
	case s != nil && s.Kind == codec.KindMap:
		return s.Elem, 0
	case s == nil || s.Kind != codec.KindStruct:
		return nil, 0
	}
	i := w.fields.find(s, next, k.text)
	if i < 0 || s.Fields[i].IntKey != k.integer {
		return nil, next
	}
	return s.Fields[i].Type, i + 1
}

// key takes a key, and writes it as JSON has keys: text, an integer in decimal, or the JSON of what it is as a string.
func (w *writer) key(s *codec.Schema) (k key, err error) {
	h, err := w.head()
	if err != nil {
		return k, err
	}
	switch h.Major {
	case cborhead.Text:
		if h.Arg <= uint64(w.left) {
			k.text = w.peek(int(h.Arg))
		}
		return k, w.text(h.Arg)
	case cborhead.Uint, cborhead.Negative:
		w.buf = append(w.buf, '"')
		at := len(w.buf)
		w.integer(h)
		k = key{text: append([]byte(nil), w.buf[at:]...), integer: true}
		w.buf = append(w.buf, '"')
		return k, nil
	}
	if w.keyed {
		return k, errors.New("a key has a key that is neither text nor an integer; ask for CBOR")
	}
	var schema *codec.Schema
	if s != nil && s.Kind == codec.KindMap {
		schema = w.known(s.Key)
	}
	k.text, err = w.composite(h, schema)
	return k, err
}

// composite takes a key that is neither text nor an integer.
func (w *writer) composite(h head, s *codec.Schema) (text []byte, err error) {
	outer, out := w.buf, w.w
	w.buf, w.w, w.keyed = nil, nil, true
	err = w.item(h, s)
	if err == nil {
		err = w.flush()
	}
	text, w.buf, w.w, w.keyed = w.buf, outer, out, false
	if err != nil {
		return nil, err
	}
	if text[0] == '"' {
		w.buf = append(w.buf, text...)
		return text, nil
	}
	w.buf = append(w.buf, '"')
	w.buf = append(appendEscaped(w.buf, text), '"')
	return text, nil
}

// transferable takes what is behind a transferable's tag.
func (w *writer) transferable(s *codec.Schema) error {
	h, err := w.untagged()
	if err != nil {
		return err
	}
	w.buf = append(w.buf, `{"transferable":`...)
	named := false
	if h.Major == cborhead.Array {
		if named, h, err = w.lead(h.Arg); err != nil {
			return err
		}
	}
	if h.Major != cborhead.Bytes {
		return errors.New("a transferable's bytes are missing")
	}
	if !named {
		name := ""
		if s != nil && s.Kind == codec.KindTransferable {
			name = s.Name
		}
		w.buf = append(w.buf, '"')
		w.buf = append(appendEscaped(w.buf, []byte(name)), '"')
	}
	w.buf = append(w.buf, `,"data":`...)
	if err := w.base64(h.Arg); err != nil {
		return err
	}
	w.buf = append(w.buf, '}')
	return nil
}

// lead takes the name, which it writes, or the padding or both, as the elements of an array that has n, and the head of
// the last, which is behind them.
func (w *writer) lead(n uint64) (named bool, h head, err error) {
	if n != 2 && n != 3 {
		return false, h, fmt.Errorf("a transferable of %d parts", n)
	}
	h, err = w.untagged()
	if err == nil && h.Major == cborhead.Text {
		named = true
		if err = w.text(h.Arg); err == nil {
			h, err = w.untagged()
		}
		if n == 2 || err != nil {
			return named, h, err
		}
	} else if n == 3 && err == nil {
		err = errors.New("a transferable's name is missing")
	}
	if err == nil && h.Major != cborhead.Bytes {
		err = errors.New("a transferable's padding is missing")
	}
	if err == nil {
		err = w.chunks(h.Arg, 1, func([]byte) {})
	}
	if err == nil {
		h, err = w.untagged()
	}
	return named, h, err
}

// untagged is the next head behind any tags, but that of attachments.
func (w *writer) untagged() (head, error) {
	for {
		h, err := w.head()
		if err != nil || h.Major != cborhead.Tag {
			return h, err
		}
		if h.Arg == tagAttachment {
			return h, errors.New("a reference to an attachment, which is not there")
		}
	}
}
