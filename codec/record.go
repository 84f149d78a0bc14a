package codec

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// record is the plan of a struct: a map from its fields' keys, or with toarray an array.
type record struct {
	typ      reflect.Type
	fields   []field
	optional []int // fields that may be left out
	tuple    bool
	names    map[string]int
	ints     map[int64]int
}

func makeRecord(t reflect.Type, fields []field, tuple bool) *record {
	p := &record{typ: t, fields: fields, tuple: tuple, names: map[string]int{}, ints: map[int64]int{}}
	for i, f := range fields {
		if f.intKey {
			p.ints[f.number] = i
		} else {
			p.names[f.name] = i
		}
		if f.optional() && !tuple {
			p.optional = append(p.optional, i)
		}
	}
	return p
}

// optional says whether f may be left out: by its options, or as its embedded struct is nil.
func (f *field) optional() bool { return f.omitEmpty || f.omitZero || len(f.index) > 1 }

// in finds f in v; it is invalid where an embedded pointer on the way is nil.
func (f *field) in(v reflect.Value) reflect.Value {
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return reflect.Value{}
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return v
}

// present is f in v, or invalid where it is to be left out of a map.
func (f *field) present(v reflect.Value) reflect.Value {
	if !f.optional() {
		return v.Field(f.index[0])
	}
	v = f.in(v)
	if v.IsValid() && (f.omitEmpty && isEmpty(f.plan, v) || f.omitZero && isZero(v)) {
		return reflect.Value{}
	}
	return v
}

// isZero asks the value itself, if it has an IsZero method.
func isZero(v reflect.Value) bool {
	type zeroer interface{ IsZero() bool }
	if v.Kind() == reflect.Pointer && v.IsNil() || v.Kind() == reflect.Interface {
		return v.IsZero()
	}
	if z, ok := v.Interface().(zeroer); ok {
		return z.IsZero()
	}
	if v.CanAddr() {
		if z, ok := v.Addr().Interface().(zeroer); ok {
			return z.IsZero()
		}
	}
	return v.IsZero()
}

// empty says whether v counts as empty for the omitempty option: an empty map, by that option.
func (p *record) empty(v reflect.Value) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if p.tuple || !f.omitEmpty || f.present(v).IsValid() {
			return false
		}
	}
	return true
}

// count is how many fields of v are written.
func (p *record) count(v reflect.Value) int {
	n := len(p.fields)
	for _, i := range p.optional {
		if !p.fields[i].present(v).IsValid() {
			n--
		}
	}
	return n
}

func (p *record) size(v reflect.Value, e enc) int {
	e, err := e.in()
	if err != nil {
		return -1
	}
	total := cborhead.Size(uint64(p.count(v)))
	for i := range p.fields {
		f := &p.fields[i]
		fv, around := f.present(v), len(f.key)
		if p.tuple {
			fv, around = f.in(v), 0
		}
		if !fv.IsValid() {
			if p.tuple {
				total++ // null
			}
			continue
		}
		n := f.plan.size(fv, e)
		if n < 0 {
			return -1
		}
		total += around + n
	}
	return total
}

func (p *record) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	if p.tuple {
		return p.appendTuple(dst, v, e)
	}
	left := p.count(v)
	dst = cborhead.Append(dst, cborhead.Map, uint64(left))
	for i := range p.fields {
		f := &p.fields[i]
		fv := f.present(v)
		if !fv.IsValid() {
			continue
		}
		left--
		dst = append(dst, f.key...)
		if dst, err = f.plan.append(dst, fv, e); err != nil {
			return dst, within(f.name, err)
		}
	}
	if left != 0 {
		return dst, errChanged
	}
	return dst, nil
}

func (p *record) appendTuple(dst []byte, v reflect.Value, e enc) (_ []byte, err error) {
	dst = cborhead.Append(dst, cborhead.Array, uint64(len(p.fields)))
	for i := range p.fields {
		f := &p.fields[i]
		fv := f.in(v)
		if !fv.IsValid() {
			dst = append(dst, byteNull)
			continue
		}
		if dst, err = f.plan.append(dst, fv, e); err != nil {
			return dst, within(f.name, err)
		}
	}
	return dst, nil
}

func (p *record) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	if err != nil || h.null() {
		return err
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	switch {
	case p.tuple && h.Major == cborhead.Array:
		return p.decodeTuple(d, h, v)
	case !p.tuple && h.Major == cborhead.Map:
		return p.decodeMap(d, h, v)
	}
	return wrong(p.typ, h)
}

func (p *record) decodeMap(d *dec, h head, v reflect.Value) error {
	n, err := count(h.Arg, len(d.src)/2)
	if err != nil {
		return err
	}
	var few [4]uint64 // one bit per field that was there
	seen := few[:]
	if words := (len(p.fields) + 63) / 64; words > len(seen) {
		seen = make([]uint64, words)
	}
	next := 0 // fields mostly come in order
	for range n {
		i, err := p.key(d, next)
		if err != nil {
			return err
		}
		if i < 0 {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return fmt.Errorf("key %q occurs twice", p.fields[i].name)
		}
		seen[i/64] |= 1 << (i % 64)
		next = i + 1
		if err := p.fields[i].decode(d, v); err != nil {
			return within(p.fields[i].name, err)
		}
	}
	return nil
}

// key takes a key and returns its field, or -1 for one that the type does not have.
func (p *record) key(d *dec, next int) (int, error) {
	if next < len(p.fields) && bytes.HasPrefix(d.src, p.fields[next].key) {
		d.src = d.src[len(p.fields[next].key):]
		return next, nil
	}
	start := d.src
	h, err := d.item()
	if err != nil {
		return -1, err
	}
	switch h.Major {
	case cborhead.Text:
		b, err := d.text(h.Arg)
		if i, ok := p.names[string(b)]; ok {
			return i, err
		}
		return -1, err
	case cborhead.Uint, cborhead.Negative:
		if n, err := h.int64(); err == nil {
			if i, ok := p.ints[n]; ok {
				return i, nil
			}
		}
		return -1, nil
	}
	d.src = start
	return -1, d.skip()
}

func (p *record) decodeTuple(d *dec, h head, v reflect.Value) error {
	if h.Arg != uint64(len(p.fields)) {
		return fmt.Errorf("want %d elements for %v, have %d", len(p.fields), p.typ, h.Arg)
	}
	for i := range p.fields {
		f := &p.fields[i]
		if !f.in(v).IsValid() && d.null() {
			continue // keeps an embedded pointer nil
		}
		if err := f.decode(d, v); err != nil {
			return within(f.name, err)
		}
	}
	return nil
}

// decode reads f of the struct v, allocating embedded pointers on the way.
func (f *field) decode(d *dec, v reflect.Value) error {
	for i, n := range f.index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if err := allocate(d, v); err != nil {
					return err
				}
			}
			v = v.Elem()
		}
		v = v.Field(n)
	}
	return f.plan.decode(d, v)
}

func (p *record) describe(x *describer) *Schema {
	return x.composite(p.typ, func(s *Schema) {
		s.Kind = KindStruct
		if p.tuple {
			s.Kind = KindTuple
		}
		for _, f := range p.fields {
			s.Fields = append(s.Fields, Field{Name: f.name, IntKey: f.intKey, Type: f.plan.describe(x)})
		}
	})
}
