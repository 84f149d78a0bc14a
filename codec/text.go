package codec

import (
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// text is the plan of every type of kind string.
type text struct{ typ reflect.Type }

func (text) size(v reflect.Value, _ enc) int { return stringSize(v.Len()) }

// stringSize is the size of a byte or text string of n bytes.
func stringSize(n int) int { return cborhead.Size(uint64(n)) + n }

func (text) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	return appendText(dst, v.String())
}

func appendText(dst []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return dst, errUTF8
	}
	return append(cborhead.Append(dst, cborhead.Text, uint64(len(s))), s...), nil
}

func (p text) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major != cborhead.Text:
		return wrong(p.typ, h)
	}
	b, err := d.text(h.Arg)
	if err == nil {
		v.SetString(string(b))
	}
	return err
}

func (p text) describe(*describer) *Schema { return named(KindText, p.typ) }

// blob is the plan of slices and arrays of bytes.
type blob struct{ typ reflect.Type }

// find is where v lies among the attachments. Only a slice can be seen there.
func (p blob) find(v reflect.Value, e enc) (r reference, ok bool) {
	if !e.attaches() || p.typ.Kind() != reflect.Slice {
		return r, false
	}
	return e.find(v.Bytes())
}

func (p blob) size(v reflect.Value, e enc) int {
	if p.typ.Kind() == reflect.Slice && v.IsNil() {
		return 1
	}
	if r, ok := p.find(v, e); ok {
		return r.size()
	}
	return stringSize(v.Len())
}

func (p blob) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if p.typ.Kind() == reflect.Slice && v.IsNil() {
		return append(dst, byteNull), nil
	}
	if r, ok := p.find(v, e); ok {
		return r.append(dst), nil
	}
	dst = cborhead.Append(dst, cborhead.Bytes, uint64(v.Len()))
	if p.typ.Kind() == reflect.Array {
		v = addressable(v)
	}
	return appendBulk(dst, v.Bytes()), nil
}

// addressable is v, or a copy of it whose memory can be reached.
func addressable(v reflect.Value) reflect.Value {
	if v.CanAddr() {
		return v
	}
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

func (p blob) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major == cborhead.Array:
		return decodeElements(d, h, v, unsigned{p.typ.Elem()})
	case !h.bytes():
		return wrong(p.typ, h)
	}
	b, err := d.bytes(h)
	if err != nil {
		return err
	}
	if p.typ.Kind() == reflect.Slice {
		if b, err = d.keep(h, b); err == nil {
			v.SetBytes(b)
		}
		return err
	}
	if len(b) != v.Len() {
		return fmt.Errorf("want %d bytes for %v, have %d", v.Len(), p.typ, len(b))
	}
	copy(v.Bytes(), b)
	return nil
}

func (p blob) describe(*describer) *Schema {
	s := named(KindBytes, p.typ)
	if p.typ.Kind() == reflect.Array {
		s.Len = p.typ.Len()
	}
	return s
}
