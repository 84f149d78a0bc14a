package codec

import (
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// dynamic is the plan of any: the value's own type decides when it is written, the bytes when it
// is read.
type dynamic struct{}

func (dynamic) size(v reflect.Value, e enc) int {
	if v.IsNil() {
		return 1
	}
	e.named = true
	c, err := For(v.Elem().Type())
	if err != nil {
		return -1
	}
	return c.plan.size(v.Elem(), e)
}

func (dynamic) append(dst []byte, v reflect.Value, e enc) ([]byte, error) {
	e.named = true
	return appendAny(dst, v.Interface(), e)
}

// appendAny writes x by its own type. What plain data is made of does without its plan, to the
// same effect.
func appendAny(dst []byte, x any, e enc) ([]byte, error) {
	switch x := x.(type) {
	case nil:
		return append(dst, byteNull), nil
	case bool:
		if x {
			return append(dst, byteTrue), nil
		}
		return append(dst, byteFalse), nil
	case int:
		return appendInt(dst, int64(x)), nil
	case int64:
		return appendInt(dst, x), nil
	case float64:
		return appendFloat(dst, x), nil
	case string:
		return appendText(dst, x)
	case []any:
		return appendAnyList(dst, x, e)
	case map[string]any:
		return appendAnyMap(dst, x, e)
	}
	c, err := For(reflect.TypeOf(x))
	if err != nil {
		return dst, err
	}
	return c.plan.append(dst, reflect.ValueOf(x), e)
}

func appendAnyList(dst []byte, list []any, e enc) ([]byte, error) {
	if list == nil {
		return append(dst, byteNull), nil
	}
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	dst = cborhead.Append(dst, cborhead.Array, uint64(len(list)))
	for i, x := range list {
		if dst, err = appendAny(dst, x, e); err != nil {
			return dst, withinIndex(i, err)
		}
	}
	return dst, nil
}

func appendAnyMap(dst []byte, m map[string]any, e enc) ([]byte, error) {
	if m == nil {
		return append(dst, byteNull), nil
	}
	e, err := e.in()
	if err != nil {
		return dst, err
	}
	dst = cborhead.Append(dst, cborhead.Map, uint64(len(m)))
	for key, x := range m {
		if dst, err = appendText(dst, key); err == nil {
			dst, err = appendAny(dst, x, e)
		}
		if err != nil {
			return dst, withinKey(key, err)
		}
	}
	return dst, nil
}

func (dynamic) decode(d *dec, v reflect.Value) error {
	x, err := d.any()
	if err == nil && x != nil {
		v.Set(reflect.ValueOf(x))
	}
	return err
}

func (dynamic) describe(*describer) *Schema { return &Schema{Kind: KindAny} }
