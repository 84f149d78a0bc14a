package codec

import "reflect"

// plan is how values of one type are written and read. Plans are made once per type, never change
// and know nothing of a particular encoding: that is in enc and dec.
type plan interface {
	// size is how many bytes append will add: for what is large (typed arrays, strings,
	// transferables) exactly, or with the most that aligning it may take. It is negative for a
	// value that append will refuse.
	size(v reflect.Value, e enc) int
	append(dst []byte, v reflect.Value, e enc) ([]byte, error)
	// decode takes one item off d into v, which is settable and zero.
	decode(d *dec, v reflect.Value) error
	describe(x *describer) *Schema
}

// enc is what an encoding knows apart from the value and the bytes so far. It is passed by value, so
// that encoding needs no heap.
type enc struct {
	*Encoding // nil: the payload begins with dst, and nothing travels beside it
	depth     int32
	named     bool // inside any: transferables carry their name
}

// in is enc one level down; it ends cyclic values.
func (e enc) in() (enc, error) {
	e.depth++
	if e.depth > MaxDepth {
		return e, errDeep
	}
	return e, nil
}

// knot stands for a plan that is still being made, where a type contains itself.
type knot struct{ plan }

func untie(p plan) plan {
	if k, ok := p.(*knot); ok {
		return k.plan
	}
	return p
}

// sampled is how many elements of a large collection of light values are measured; the others are
// taken to be like them.
const sampled = 32

// light says that a value of p holds nothing whose size must be known exactly in advance.
func light(p plan) bool {
	switch p := p.(type) {
	case boolean, integer, unsigned, float, text, clock:
		return true
	case *record:
		for _, f := range p.fields {
			if !light(f.plan) {
				return false
			}
		}
		return true
	}
	return false
}

// extrapolate scales the size of the first sampled of n elements. No overflow: a Go value of n
// elements is in memory.
func extrapolate(size, n int) int { return size/sampled*n + size%sampled*n/sampled }

// isEmpty is what the omitempty option asks: would v be an empty item.
func isEmpty(p plan, v reflect.Value) bool {
	switch p := untie(p).(type) {
	case *record:
		return p.empty(v)
	case encoded:
		return p.empty(v)
	}
	switch v.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice, reflect.Map, reflect.String, reflect.Array:
		return v.Len() == 0
	case reflect.Float32, reflect.Float64:
		return v.Float() == 0 // -0 too
	}
	return v.IsZero()
}
