package codec

import (
	"errors"
	"reflect"
	"sync"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// mapping is the plan of maps.
type mapping struct {
	typ       reflect.Type
	key, elem plan
	hashable  bool // every value of the key type is; false where it holds an interface
	spare     sync.Pool
}

// pair is room for one key and one element.
type pair struct{ key, elem reflect.Value }

// scratch is a pair of zero values, to be given back by recycle.
func (p *mapping) scratch() *pair {
	if s, ok := p.spare.Get().(*pair); ok {
		return s
	}
	return &pair{reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()}
}

func (p *mapping) recycle(s *pair) {
	s.key.SetZero()
	s.elem.SetZero()
	p.spare.Put(s)
}

func (p *mapping) size(v reflect.Value, e enc) int {
	if v.IsNil() {
		return 1
	}
	e, err := e.in()
	if err != nil {
		return -1
	}
	n, total, i := v.Len(), 0, 0
	if n == 0 {
		return 1
	}
	sample := n > sampled && light(p.key) && light(p.elem)
	room := p.scratch()
	defer p.recycle(room)
	for iter := v.MapRange(); iter.Next(); i++ {
		if sample && i == sampled {
			total = extrapolate(total, n)
			break
		}
		room.key.SetIterKey(iter)
		room.elem.SetIterValue(iter)
		k, s := p.key.size(room.key, e), p.elem.size(room.elem, e)
		if k < 0 || s < 0 {
			return -1
		}
		total += k + s
	}
	return cborhead.Size(uint64(n)) + total
}

func (p *mapping) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	if v.IsNil() {
		return append(dst, byteNull), nil
	}
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	left := v.Len()
	dst = cborhead.Append(dst, cborhead.Map, uint64(left))
	if left == 0 {
		return dst, nil
	}
	room := p.scratch()
	defer p.recycle(room)
	for iter := v.MapRange(); iter.Next(); left-- {
		room.key.SetIterKey(iter)
		room.elem.SetIterValue(iter)
		if dst, err = p.key.append(dst, room.key, e); err == nil {
			dst, err = p.elem.append(dst, room.elem, e)
		}
		if err != nil {
			return dst, withinKey(room.key.Interface(), err)
		}
	}
	if left != 0 {
		return dst, errChanged
	}
	return dst, nil
}

func (p *mapping) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major != cborhead.Map:
		return wrong(p.typ, h)
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	n, err := d.pairs(h.Arg, int(p.typ.Key().Size()+p.typ.Elem().Size()))
	if err != nil {
		return err
	}
	v.Set(reflect.MakeMapWithSize(p.typ, n))
	if n == 0 {
		return nil // without room for an element, which may be large
	}
	room := p.scratch()
	defer p.recycle(room)
	key, elem := room.key, room.elem
	for i := range n {
		key.SetZero()
		elem.SetZero()
		if err := p.key.decode(d, key); err != nil {
			return withinIndex(i, err)
		}
		if !p.hashable && !key.Comparable() {
			return withinIndex(i, errUnhashable)
		}
		if err := p.elem.decode(d, elem); err != nil {
			return withinKey(key.Interface(), err)
		}
		v.SetMapIndex(key, elem)
		if v.Len() != i+1 {
			return withinKey(key.Interface(), errTwice)
		}
	}
	return nil
}

var (
	errUnhashable = errors.New("a map key must be a number, text, bool or a struct or array of those")
	errTwice      = errors.New("the key occurs twice")
)

func (p *mapping) describe(x *describer) *Schema {
	return x.composite(p.typ, func(s *Schema) {
		s.Kind, s.Key, s.Elem = KindMap, p.key.describe(x), p.elem.describe(x)
	})
}
