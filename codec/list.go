package codec

import (
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// list is the plan of slices and arrays of anything but numbers.
type list struct {
	typ  reflect.Type
	elem plan
}

func (p *list) null(v reflect.Value) bool { return p.typ.Kind() == reflect.Slice && v.IsNil() }

func (p *list) size(v reflect.Value, e enc) int {
	if p.null(v) {
		return 1
	}
	e, err := e.in()
	if err != nil {
		return -1
	}
	n, total := v.Len(), 0
	measured := n
	if n > sampled && light(p.elem) {
		measured = sampled
	}
	for i := range measured {
		s := p.elem.size(v.Index(i), e)
		if s < 0 {
			return -1
		}
		total += s
	}
	if measured < n {
		total = extrapolate(total, n)
	}
	return cborhead.Size(uint64(n)) + total
}

func (p *list) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if p.null(v) {
		return append(dst, byteNull), nil
	}
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	n := v.Len()
	dst = cborhead.Append(dst, cborhead.Array, uint64(n))
	for i := range n {
		if dst, err = p.elem.append(dst, v.Index(i), e); err != nil {
			return dst, withinIndex(i, err)
		}
	}
	return dst, nil
}

func (p *list) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major != cborhead.Array:
		return wrong(p.typ, h)
	}
	return decodeElements(d, h, v, p.elem)
}

// decodeElements reads the elements of an array behind its head into v, a slice or array.
func decodeElements(d *dec, h head, v reflect.Value, elem plan) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	t := v.Type()
	if t.Kind() == reflect.Slice {
		n, err := d.elements(h.Arg, int(t.Elem().Size()))
		if err != nil {
			return err
		}
		makeSlice(v, n)
	} else if h.Arg != uint64(v.Len()) {
		return fmt.Errorf("want %d elements for %v, have %d", v.Len(), t, h.Arg)
	}
	for i := range v.Len() {
		if err := elem.decode(d, v.Index(i)); err != nil {
			return withinIndex(i, err)
		}
	}
	return nil
}

// makeSlice makes the nil slice v one of n zero elements. Growing takes one allocation less than
// reflect.MakeSlice, but does nothing for none.
func makeSlice(v reflect.Value, n int) {
	if n == 0 {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return
	}
	v.Grow(n)
	v.SetLen(n)
}

func (p *list) describe(x *describer) *Schema {
	return x.composite(p.typ, func(s *Schema) {
		s.Kind, s.Elem = KindList, p.elem.describe(x)
		if p.typ.Kind() == reflect.Array {
			s.Len = p.typ.Len()
		}
	})
}
