package codec

import (
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// vector is the plan of slices and arrays of numbers, and of a single complex number: a tag and a
// byte string that holds the numbers as they lie in memory.
type vector struct {
	typ reflect.Type
	*number
	lanes int  // numbers per element
	elem  plan // for plain arrays
}

// makeVector is the plan of t, whose elements (or itself, if complex) are of type elem.
func makeVector(t, elem reflect.Type) *vector {
	p := &vector{typ: t}
	p.number, p.lanes = numberOf(elem)
	switch elem.Kind() {
	case reflect.Float32, reflect.Float64:
		p.elem = float{elem}
	case reflect.Complex64, reflect.Complex128:
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.elem = integer{elem}
	default:
		p.elem = unsigned{elem}
	}
	return p
}

func (p *vector) null(v reflect.Value) bool { return p.typ.Kind() == reflect.Slice && v.IsNil() }

// bytes is how many bytes v's numbers take on the wire, and in memory where int has 64 bits.
func (p *vector) bytes(v reflect.Value) int {
	n := p.width * p.lanes
	if p.typ.Kind() == reflect.Slice || p.typ.Kind() == reflect.Array {
		n *= v.Len()
	}
	return n
}

// find is where v lies among the attachments. Only a slice can be seen there.
func (p *vector) find(v reflect.Value, e enc) (r reference, ok bool) {
	if !e.attaches() || p.typ.Kind() != reflect.Slice || p.width > 1 && !littleEndian() {
		return r, false
	}
	return e.find(memory(v))
}

func (p *vector) size(v reflect.Value, e enc) int {
	if p.null(v) {
		return 1
	}
	if r, ok := p.find(v, e); ok {
		return cborhead.Size(p.tag) + r.size()
	}
	n := p.bytes(v)
	size := cborhead.Size(p.tag) + stringSize(n)
	if p.aligned(n) {
		size += maxTypedPad
	}
	return size
}

// aligned says whether n bytes are to be aligned: only slices can be views, and only elements of
// more than a byte can be out of place.
func (p *vector) aligned(n int) bool {
	return n >= alignFrom && p.width > 1 && p.typ.Kind() == reflect.Slice
}

func (p *vector) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if p.null(v) {
		return append(dst, byteNull), nil
	}
	if r, ok := p.find(v, e); ok {
		return r.append(cborhead.Append(dst, cborhead.Tag, p.tag)), nil
	}
	if n := p.bytes(v); p.aligned(n) {
		dst = appendTypedHeads(dst, e, p.tag, n, p.width)
	} else {
		dst = cborhead.Append(cborhead.Append(dst, cborhead.Tag, p.tag), cborhead.Bytes, uint64(n))
	}
	if p.typ.Kind() != reflect.Slice {
		v = addressable(v)
	}
	at := len(dst)
	dst = appendBulk(dst, memory(v))
	if !littleEndian() {
		swap(dst[at:], p.width)
	}
	return dst, nil
}

func (p *vector) decode(d *dec, v reflect.Value) error {
	tag := uint64(0)
	for {
		h, err := d.head()
		switch {
		case err != nil || h.null():
			return err
		case h.Major == cborhead.Tag && !h.attached():
			tag = h.Arg
		case h.Major == cborhead.Array:
			return p.decodePlain(d, h, v)
		case h.bytes() && (tag == p.tag || tag == p.bigEndian()):
			return p.decodeTyped(d, h, v, tag == p.tag)
		case h.bytes() && numberByTag(tag) != nil:
			return fmt.Errorf("want %v, have a typed array of %s", p.typ, numberByTag(tag).name)
		default:
			return wrong(p.typ, h)
		}
	}
}

// decodeTyped copies a typed array, in one go where its byte order is this machine's, or leaves it
// where it is.
func (p *vector) decodeTyped(d *dec, h head, v reflect.Value, little bool) error {
	b, err := d.bytes(h)
	if err != nil {
		return err
	}
	if p.typ.Kind() == reflect.Slice {
		if len(b)%(p.width*p.lanes) != 0 {
			return fmt.Errorf("%d bytes are no whole number of elements for %v", len(b), p.typ)
		}
		at, same := storage(v), little == littleEndian()
		if d.leaves(h, b) && same && setView(at, b, p.width*p.lanes, p.width) {
			d.borrowed = d.borrowed || d.view
			return nil
		}
		if err := d.pay(1, len(b)); err != nil {
			return err
		}
		setCopy(at, b, p.width*p.lanes, p.width)
	} else {
		if len(b) != p.bytes(v) {
			return fmt.Errorf("want %d bytes for %v, have %d", p.bytes(v), p.typ, len(b))
		}
		copy(memory(v), b)
	}
	if little != littleEndian() {
		swap(memory(v), p.width)
	}
	return nil
}

// decodePlain reads an array of single numbers, as a writer without typed arrays has it.
func (p *vector) decodePlain(d *dec, h head, v reflect.Value) error {
	if p.lanes == 1 {
		return decodeElements(d, h, v, p.elem)
	}
	// Complex numbers: the floats come first, then their memory is seen as what it is to be.
	floats := reflect.New(p.slice).Elem()
	if err := decodeElements(d, h, floats, float{p.slice.Elem()}); err != nil {
		return err
	}
	raw := memory(floats)
	return p.decodeTyped(&dec{src: raw, view: true}, head{Major: cborhead.Bytes, Arg: uint64(len(raw))}, v, littleEndian())
}

func (p *vector) describe(*describer) *Schema {
	s := named(KindVector, p.typ)
	s.Of = p.name
	switch p.typ.Kind() {
	case reflect.Slice:
	case reflect.Array:
		s.Len = p.typ.Len() * p.lanes
	default:
		s.Len = p.lanes
	}
	return s
}

// swap turns each number of width bytes around.
func swap(b []byte, width int) {
	for ; width > 1 && len(b) >= width; b = b[width:] {
		for i, j := 0, width-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
