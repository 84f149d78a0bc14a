package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// Append adds v to dst as one item of the wire type s, for a caller that has no Go type for it.
// Plain values, as JSON or a script has them, are turned into what s asks for where that loses
// nothing: any number into an integer, float or big integer that can hold it, a list into a typed
// array, a map with text keys into a struct (of fields that s has), RFC 3339 text into a time, an
// [Opaque] into a transferable. A Go value of the right type is taken as it is. After an error dst
// has its old length.
func (s *Schema) Append(dst []byte, v any) ([]byte, error) {
	x, err := s.check()
	if err != nil {
		return dst, err
	}
	out, err := x.append(dst, s, v, enc{})
	if err != nil {
		return dst, err
	}
	return out, nil
}

func (x index) append(dst []byte, s *Schema, v any, e enc) ([]byte, error) {
	nullable := s.Nullable
	s = x.resolve(s)
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer {
		if rv.IsNil() {
			v = nil
			break
		}
		if s.Kind == KindAny || s.Kind == KindTransferable || s.Kind == KindBig {
			break // these know pointers
		}
		if e, err = e.in(); err != nil {
			return dst, err
		}
		v = rv.Elem().Interface()
		rv = reflect.ValueOf(v)
	}
	if v == nil {
		return appendNil(dst, s, nullable)
	}
	switch s.Kind {
	case KindAny:
		e.named = true
		return appendAny(dst, v, e)
	case KindTransferable:
		return appendTransferable(dst, s, v)
	case KindVector:
		return appendVector(dst, s, rv)
	case KindList:
		return x.appendList(dst, s, rv, e)
	case KindTuple:
		return x.appendTuple(dst, s, rv, e)
	case KindMap:
		return x.appendMap(dst, s, rv, e)
	case KindStruct:
		return x.appendStruct(dst, s, rv, e)
	}
	return appendScalar(dst, s, v, rv)
}

// appendNil writes null where Go has a nil for it.
func appendNil(dst []byte, s *Schema, nullable bool) ([]byte, error) {
	switch s.Kind {
	case KindAny, KindVector, KindList, KindMap, KindBytes, KindTransferable:
	default:
		if !nullable {
			return dst, fmt.Errorf("want %v, have nil", s)
		}
	}
	return append(dst, byteNull), nil
}

func appendTransferable(dst []byte, s *Schema, v any) ([]byte, error) {
	if o, ok := v.(Opaque); ok {
		if o.Name != "" && o.Name != s.Name {
			return dst, fmt.Errorf("want the transferable %q, have %q", s.Name, o.Name)
		}
		dst = cborhead.Append(dst, cborhead.Tag, tagTransferable)
		return append(cborhead.Append(dst, cborhead.Bytes, uint64(len(o.Data))), o.Data...), nil
	}
	if c, err := For(reflect.TypeOf(v)); err == nil && c.schema.Name == s.Name && c.schema.Kind == s.Kind {
		return c.Append(dst, reflect.ValueOf(v))
	}
	return dst, fmt.Errorf("want the transferable %q as its Go type or codec.Opaque, have %T", s.Name, v)
}

func (x index) appendList(dst []byte, s *Schema, rv reflect.Value, e enc) (_ []byte, err error) {
	if rv.Kind() != reflect.Slice && rv.Kind() != reflect.Array {
		return dst, refusal(s, rv.Interface())
	}
	if rv.Kind() == reflect.Slice && rv.IsNil() {
		return append(dst, byteNull), nil
	}
	if err := sized(s, rv.Len()); err != nil {
		return dst, err
	}
	dst = cborhead.Append(dst, cborhead.Array, uint64(rv.Len()))
	for i := range rv.Len() {
		if dst, err = x.append(dst, s.Elem, rv.Index(i).Interface(), e); err != nil {
			return dst, withinIndex(i, err)
		}
	}
	return dst, nil
}

func (x index) appendTuple(dst []byte, s *Schema, rv reflect.Value, e enc) (_ []byte, err error) {
	if rv.Kind() == reflect.Struct {
		rv, err = plain(rv)
		if err != nil {
			return dst, err
		}
	}
	if rv.Kind() != reflect.Slice && rv.Kind() != reflect.Array {
		return dst, refusal(s, rv.Interface())
	}
	if rv.Len() != len(s.Fields) {
		return dst, fmt.Errorf("want %d elements for %v, have %d", len(s.Fields), s, rv.Len())
	}
	dst = cborhead.Append(dst, cborhead.Array, uint64(rv.Len()))
	for i, f := range s.Fields {
		if dst, err = x.append(dst, f.Type, rv.Index(i).Interface(), e); err != nil {
			return dst, within(f.Name, err)
		}
	}
	return dst, nil
}

func (x index) appendMap(dst []byte, s *Schema, rv reflect.Value, e enc) (_ []byte, err error) {
	if rv.Kind() != reflect.Map {
		return dst, refusal(s, rv.Interface())
	}
	if rv.IsNil() {
		return append(dst, byteNull), nil
	}
	dst = cborhead.Append(dst, cborhead.Map, uint64(rv.Len()))
	for iter := rv.MapRange(); iter.Next(); {
		key := iter.Key().Interface()
		if dst, err = x.append(dst, s.Key, keyFor(x.resolve(s.Key).Kind, key), e); err == nil {
			dst, err = x.append(dst, s.Elem, iter.Value().Interface(), e)
		}
		if err != nil {
			return dst, withinKey(key, err)
		}
	}
	return dst, nil
}

// keyFor is a key as the kind asks for it: JSON has no keys but text.
func keyFor(k Kind, key any) any {
	s, ok := key.(string)
	if !ok {
		return key
	}
	switch k {
	case KindInt, KindUint, KindFloat, KindBig:
		return json.Number(s)
	case KindBool:
		if b, err := strconv.ParseBool(s); err == nil {
			return b
		}
	}
	return key
}

func (x index) appendStruct(dst []byte, s *Schema, rv reflect.Value, e enc) (_ []byte, err error) {
	if rv.Kind() == reflect.Struct {
		rv, err = plain(rv)
		if err != nil {
			return dst, err
		}
	}
	if rv.Kind() != reflect.Map || rv.IsNil() {
		return dst, refusal(s, rv.Interface())
	}
	values := make(map[string]any, rv.Len())
	for iter := rv.MapRange(); iter.Next(); {
		name := fmt.Sprint(iter.Key().Interface())
		if !slices.ContainsFunc(s.Fields, func(f Field) bool { return f.Name == name }) {
			return dst, unknown(s, name)
		}
		values[name] = iter.Value().Interface()
	}
	dst = cborhead.Append(dst, cborhead.Map, uint64(len(values)))
	for _, f := range s.Fields {
		v, ok := values[f.Name]
		if !ok {
			continue
		}
		delete(values, f.Name) // a peer's schema may have two fields of a name
		if dst, err = appendKey(dst, f); err == nil {
			dst, err = x.append(dst, f.Type, v, e)
		}
		if err != nil {
			return dst, within(f.Name, err)
		}
	}
	return dst, nil
}

func appendKey(dst []byte, f Field) ([]byte, error) {
	if !f.IntKey {
		return appendText(dst, f.Name)
	}
	n, err := strconv.ParseInt(f.Name, 10, 64)
	return appendInt(dst, n), err
}

func unknown(s *Schema, name string) error {
	var have []string
	for _, f := range s.Fields {
		have = append(have, f.Name)
	}
	return fmt.Errorf("there is no field %q; it has %s", clip(name), clip(strings.Join(have, ", ")))
}

// plain turns a Go struct into the map (or list) that its bytes would be without their type.
func plain(rv reflect.Value) (reflect.Value, error) {
	c, err := For(rv.Type())
	if err != nil {
		return rv, err
	}
	item, err := c.Append(nil, rv)
	if err != nil {
		return rv, err
	}
	v, _, err := c.schema.Decode(item)
	return reflect.ValueOf(v), err
}
