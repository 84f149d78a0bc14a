package codec

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
)

// Codec encodes and decodes the values of one type. It never changes and may be used by any number
// of goroutines.
type Codec struct {
	typ    reflect.Type
	plan   plan
	schema *Schema
}

// For returns the codec of t, which is made once per type and process. The error lists every part
// of t that can't be encoded, with its path (a type that is met twice, at the first place).
func For(t reflect.Type) (*Codec, error) {
	if t == nil {
		return nil, errors.New("there is no codec for a nil type")
	}
	if c := registry.codec(t); c != nil {
		return c, nil
	}
	return registry.make(t)
}

// Type is the type of the values.
func (c *Codec) Type() reflect.Type { return c.typ }

// Schema describes the wire type. It is shared: do not change it.
func (c *Codec) Schema() *Schema { return c.schema }

// Size is how many bytes Append will add for v. It is exact but for three cases: what may have to
// be aligned counts as if it took the most padding (11 bytes for a typed array, 65 for a
// transferable), types with marshaling methods count as a few bytes, and long slices and maps of
// small values are measured by their first elements. It is 0 for a value that Append will refuse.
func (c *Codec) Size(v reflect.Value) int { return c.SizeWith(nil, v) }

// SizeWith is Size for AppendWith. What is attached counts as no more than the reference to it.
func (c *Codec) SizeWith(e *Encoding, v reflect.Value) int {
	if c.check(v) != nil {
		return 0
	}
	return max(0, c.plan.size(v, enc{Encoding: e}))
}

// Append adds v to dst as one CBOR item. After an error dst has its old length. The payload is
// taken to begin with dst.
func (c *Codec) Append(dst []byte, v reflect.Value) ([]byte, error) {
	return c.AppendWith(dst, nil, v)
}

// AppendWith is Append for the payload that e describes; nil is the zero Encoding. One is made per
// payload, as what it points to is not copied.
func (c *Codec) AppendWith(dst []byte, e *Encoding, v reflect.Value) ([]byte, error) {
	if err := c.check(v); err != nil {
		return dst, err
	}
	out, err := c.plan.append(dst, v, enc{Encoding: e})
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Decode takes one item off src into v, which must be settable, and returns what follows the item.
// What v held is dropped, and what it holds then shares no memory with src. After an error v is
// zero.
func (c *Codec) Decode(src []byte, v reflect.Value) (rest []byte, err error) {
	rest, _, err = c.decode(src, &Decoding{}, v)
	return rest, err
}

// View is Decode of what may stay where it is: see [Decoding].
func (c *Codec) View(src []byte, v reflect.Value) (rest []byte, borrowed bool, err error) {
	return c.decode(src, &Decoding{View: true}, v)
}

// DecodeWith is Decode for the payload that in describes, of which src is what is left. borrowed
// says whether v refers to memory that is not its own, as a transferable's View is taken to make
// it do; if not, src and the attachments are free.
func (c *Codec) DecodeWith(src []byte, in Decoding, v reflect.Value) (rest []byte, borrowed bool, err error) {
	return c.decode(src, &in, v)
}

func (c *Codec) decode(src []byte, in *Decoding, v reflect.Value) (rest []byte, borrowed bool, err error) {
	if err := c.check(v); err != nil {
		return src, false, err
	}
	if !v.CanSet() {
		return src, false, fmt.Errorf("the %v to decode into can't be set; pass a pointer's Elem", c.typ)
	}
	v.SetZero()
	d := decoders.Get().(*dec)
	d.start(src, in)
	err = c.plan.decode(d, v)
	rest, borrowed = d.src, d.borrowed
	d.end()
	decoders.Put(d)
	if err != nil {
		v.SetZero()
		return src, false, err
	}
	return rest, borrowed, nil
}

// decoders saves the allocation that each dec would be: plans are reached through an interface.
var decoders = sync.Pool{New: func() any { return new(dec) }}

func (c *Codec) check(v reflect.Value) error {
	if !v.IsValid() {
		return fmt.Errorf("there is no value where %v is wanted", c.typ)
	}
	if v.Type() != c.typ {
		return fmt.Errorf("value is %v where %v is wanted", v.Type(), c.typ)
	}
	return nil
}

// Marshal returns v as one CBOR item.
func Marshal(v any) ([]byte, error) {
	if v == nil {
		return []byte{byteNull}, nil
	}
	c, err := For(reflect.TypeOf(v))
	if err != nil {
		return nil, err
	}
	rv := reflect.ValueOf(v)
	return c.Append(make([]byte, 0, c.Size(rv)), rv)
}

// Unmarshal sets the value that v points to from data, which must be one CBOR item and no more.
func Unmarshal(data []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("unmarshal needs a pointer that is not nil, not %T", v)
	}
	c, err := For(p.Type().Elem())
	if err != nil {
		return err
	}
	rest, err := c.Decode(data, p.Elem())
	if err == nil && len(rest) > 0 {
		return fmt.Errorf("%d bytes follow the item", len(rest))
	}
	return err
}
