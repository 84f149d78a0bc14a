package codec

import (
	"bytes"
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// guess is the size of a value that only its own method knows.
const guess = 32

// modes are the options of fxamacker/cbor, set here and nowhere else.
var modes = sync.OnceValue(func() (m struct {
	enc cbor.EncMode
	dec cbor.DecMode
}) {
	// The options are constants, so an error can only be a mistake in this function: the
	// first test that touches a mode would find it as a nil mode.
	m.enc, _ = cbor.EncOptions{
		IndefLength: cbor.IndefLengthForbidden,
		NaNConvert:  cbor.NaNConvertNone,
		InfConvert:  cbor.InfConvertNone,
	}.EncMode()
	m.dec, _ = cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:  MaxDepth,
		MaxArrayElements: MaxElements,
		MaxMapPairs:      MaxElements,
		IndefLength:      cbor.IndefLengthForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	return m
})

// native is the plan of types that speak CBOR themselves (MarshalCBOR), and of big.Int: both are
// fxamacker/cbor's work, which also checks that what such a method returns is one valid item.
type native struct{ typ reflect.Type }

func (native) size(reflect.Value, enc) int { return guess }

func (p native) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	item, err := modes().enc.Marshal(methods(v))
	if err != nil {
		return dst, fmt.Errorf("%v: %w", p.typ, err)
	}
	return append(dst, item...), nil
}

// methods is v or, where that costs no copy, a pointer to it, which has all of its methods.
func methods(v reflect.Value) any {
	if v.CanAddr() {
		return v.Addr().Interface()
	}
	return v.Interface()
}

// decode hands on a copy, which stays as it is and refers to nothing: the input may be memory that
// a peer writes to, and fxamacker/cbor reads an item twice, the second time without checks.
func (p native) decode(d *dec, v reflect.Value) error {
	start := d.src
	if err := d.skip(); err != nil {
		return err
	}
	item := start[:len(start)-len(d.src)]
	if err := d.pay(1, len(item)); err != nil {
		return err
	}
	item, err := d.inlineItem(item)
	if err != nil {
		return err
	}
	if err := modes().dec.Unmarshal(item, v.Addr().Interface()); err != nil {
		return fmt.Errorf("%v: %w", p.typ, err)
	}
	return nil
}

func (p native) describe(*describer) *Schema {
	if p.typ == reflect.TypeFor[big.Int]() {
		return named(KindBig, p.typ)
	}
	return named(KindAny, p.typ)
}

// encoded is the plan of types with encoding's marshalers.
type encoded struct {
	typ  reflect.Type
	text bool // TextMarshaler, else BinaryMarshaler
}

func (encoded) size(reflect.Value, enc) int { return guess }

func (p encoded) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	b, err := p.marshal(v)
	if err != nil {
		return dst, fmt.Errorf("%v: %w", p.typ, err)
	}
	if p.text {
		return appendText(dst, string(b))
	}
	return append(cborhead.Append(dst, cborhead.Bytes, uint64(len(b))), b...), nil
}

func (p encoded) marshal(v reflect.Value) ([]byte, error) {
	x := addressable(v).Addr().Interface()
	if p.text {
		return x.(encoding.TextMarshaler).MarshalText()
	}
	return x.(encoding.BinaryMarshaler).MarshalBinary()
}

// empty says whether v's own encoding is empty; append reports the error that it ignores.
func (p encoded) empty(v reflect.Value) bool {
	b, err := p.marshal(v)
	return err == nil && len(b) == 0
}

// decode hands on a copy too, as nobody writes such a method for bytes that change.
func (p encoded) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	if err != nil || h.null() {
		return err
	}
	x := v.Addr().Interface()
	var b []byte
	switch {
	case p.text && h.Major == cborhead.Text:
		if b, err = d.text(h.Arg); err == nil {
			err = x.(encoding.TextUnmarshaler).UnmarshalText(bytes.Clone(b))
		}
	case !p.text && h.bytes():
		if b, err = d.bytes(h); err == nil {
			b, err = d.copy(b)
		}
		if err == nil {
			err = x.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
		}
	default:
		return wrong(p.typ, h)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", p.typ, err)
	}
	return nil
}

func (p encoded) describe(*describer) *Schema {
	if p.text {
		return named(KindText, p.typ)
	}
	return named(KindBytes, p.typ)
}

// ownEncoding is the plan of a type that encodes itself, or nil. CBOR goes before binary, binary
// before text.
func ownEncoding(t reflect.Type) plan {
	switch {
	case implements[cbor.Marshaler, cbor.Unmarshaler](t):
		return native{t}
	case implements[encoding.BinaryMarshaler, encoding.BinaryUnmarshaler](t):
		return encoded{typ: t}
	case implements[encoding.TextMarshaler, encoding.TextUnmarshaler](t):
		return encoded{typ: t, text: true}
	}
	return nil
}

// implements says whether a variable of type t has the methods of both A and B.
func implements[A, B any](t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false // the methods of what they hold count
	}
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[A]()) && p.Implements(reflect.TypeFor[B]())
}
