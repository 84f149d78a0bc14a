package codec

import (
	"fmt"
	"math/big"
	"reflect"
	"strconv"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// Decode takes one item of the wire type s off src, for a caller that has no Go type for it:
// structs and maps with text keys become map[string]any, tuples and lists []any, typed arrays
// slices such as []float64, integers int64 (uint64 where that does not fit), transferables
// [Opaque]. The rest is as for any, see the package comment.
func (s *Schema) Decode(src []byte) (v any, rest []byte, err error) {
	v, rest, _, err = s.DecodeWith(src, Decoding{})
	return v, rest, err
}

// DecodeWith is Decode for the payload that in describes; see [Codec.DecodeWith]. An Opaque holds
// its columns, attached or not.
func (s *Schema) DecodeWith(src []byte, in Decoding) (v any, rest []byte, borrowed bool, err error) {
	x, err := s.check()
	if err != nil {
		return nil, src, false, err
	}
	var d dec
	d.start(src, &in)
	if v, err = x.decode(&d, s); err != nil {
		return nil, src, false, err
	}
	return v, d.src, d.borrowed, nil
}

func (x index) decode(d *dec, s *Schema) (any, error) {
	s = x.resolve(s)
	if s.Kind != KindAny && d.null() {
		return nil, nil
	}
	switch s.Kind {
	case KindVector:
		v, err := d.anyVector(numberByName(s.Of))
		if err == nil {
			err = sized(s, reflect.ValueOf(v).Len())
		}
		return v, err
	case KindTime:
		t, err := d.time()
		return t, err
	case KindTransferable:
		return decodeOpaque(d, s)
	case KindList, KindTuple:
		return x.decodeList(d, s)
	case KindMap, KindStruct:
		return x.decodeMap(d, s)
	case KindFloat:
		h, err := d.item()
		if err != nil {
			return nil, err
		}
		if f, ok := h.float64(); ok {
			return f, d.pay(1, 8)
		}
		return nil, wrong(s, h)
	}
	return s.decodeScalar(d)
}

// decodeScalar takes what s's kind may be from what any would be.
func (s *Schema) decodeScalar(d *dec) (any, error) {
	v, err := d.any()
	if err != nil || s.Kind == KindAny || v == nil {
		return v, err
	}
	ok := false
	switch v := v.(type) {
	case bool:
		ok = s.Kind == KindBool
	case int64:
		if s.Kind == KindBig {
			return big.NewInt(v), nil
		}
		ok = s.Kind == KindInt || s.Kind == KindUint && v >= 0
	case uint64:
		if s.Kind == KindBig {
			return new(big.Int).SetUint64(v), nil
		}
		ok = s.Kind == KindUint
	case *big.Int:
		ok = s.Kind == KindBig
	case string:
		ok = s.Kind == KindText
	case []byte:
		if s.Kind == KindBytes {
			return v, sized(s, len(v))
		}
	}
	if !ok {
		return nil, fmt.Errorf("want %v, have %T", s, v)
	}
	return v, nil
}

// decodeOpaque reads a transferable without asking whether its type is registered here.
func decodeOpaque(d *dec, s *Schema) (any, error) {
	h, err := d.head()
	if err != nil {
		return nil, err
	}
	if h.Major != cborhead.Tag || h.Arg != tagTransferable {
		return nil, wrong(s, h)
	}
	o, err := d.opaque()
	if err != nil {
		return nil, err
	}
	if o.Name != "" && o.Name != s.Name {
		return nil, fmt.Errorf("want the transferable %q, have %q", s.Name, clip(o.Name))
	}
	o.Name = s.Name
	return o, d.pay(1, 64)
}

func (x index) decodeList(d *dec, s *Schema) (any, error) {
	h, err := d.item()
	if err != nil {
		return nil, err
	}
	if h.Major != cborhead.Array {
		return nil, wrong(s, h)
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	n, err := d.elements(h.Arg, 16)
	if err == nil {
		err = sized(s, n)
	}
	if err == nil && s.Kind == KindTuple && n != len(s.Fields) {
		err = fmt.Errorf("want %d elements for %v, have %d", len(s.Fields), s, n)
	}
	if err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		elem := s.Elem
		if s.Kind == KindTuple {
			elem = s.Fields[i].Type
		}
		if list[i], err = x.decode(d, elem); err != nil {
			return nil, withinIndex(i, err)
		}
	}
	return list, nil
}

// decodeMap reads a map or a struct. A struct's keys are its fields' names, integers too.
func (x index) decodeMap(d *dec, s *Schema) (any, error) {
	h, err := d.item()
	if err != nil {
		return nil, err
	}
	if h.Major != cborhead.Map {
		return nil, wrong(s, h)
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	n, err := d.pairs(h.Arg, 32)
	if err != nil {
		return nil, err
	}
	types := s.types()
	texts := s.Kind == KindStruct || x.resolve(s.Key).Kind == KindText
	byText, byAny := map[string]any{}, map[any]any{}
	for i := range n {
		key, value, err := x.pair(d, s, types)
		if err != nil {
			return nil, withinIndex(i, err)
		}
		if name, ok := key.(string); ok && texts {
			byText[name] = value
		} else if byAny[key] = value; texts {
			return nil, withinIndex(i, fmt.Errorf("want a text key, have %T", key))
		}
		if len(byText)+len(byAny) != i+1 {
			return nil, withinKey(key, errTwice)
		}
	}
	if texts {
		return byText, nil
	}
	return byAny, nil
}

// types is the fields of a struct by their keys on the wire: string or int64.
func (s *Schema) types() map[any]*Schema {
	types := map[any]*Schema{}
	for _, f := range s.Fields {
		if !f.IntKey {
			types[f.Name] = f.Type
		} else if n, err := strconv.ParseInt(f.Name, 10, 64); err == nil {
			types[n] = f.Type
		}
	}
	return types
}

func (x index) pair(d *dec, s *Schema, types map[any]*Schema) (key, value any, err error) {
	elem := s.Elem
	if s.Kind == KindMap {
		key, err = x.decode(d, s.Key)
	} else {
		key, err = d.any()
	}
	if err != nil {
		return nil, nil, err
	}
	if key == nil || !reflect.ValueOf(key).Comparable() {
		return nil, nil, errUnhashable
	}
	if s.Kind == KindStruct {
		if elem = types[key]; elem == nil {
			elem = &Schema{Kind: KindAny} // the writer is newer than the schema
		}
		if n, ok := key.(int64); ok {
			key = strconv.FormatInt(n, 10)
		}
	}
	value, err = x.decode(d, elem)
	if err != nil {
		err = withinKey(key, err)
	}
	return key, value, err
}
