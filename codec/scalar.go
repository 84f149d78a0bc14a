package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// boolean is the plan of every type of kind bool; integer, unsigned and float likewise.
type (
	boolean  struct{ typ reflect.Type }
	integer  struct{ typ reflect.Type }
	unsigned struct{ typ reflect.Type }
	float    struct{ typ reflect.Type }
)

func (boolean) size(reflect.Value, enc) int { return 1 }

func (boolean) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	if v.Bool() {
		return append(dst, byteTrue), nil
	}
	return append(dst, byteFalse), nil
}

func (p boolean) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major != cborhead.Simple || h.Info != cborhead.InfoFalse && h.Info != cborhead.InfoTrue:
		return wrong(p.typ, h)
	}
	v.SetBool(h.Info == cborhead.InfoTrue)
	return nil
}

func (p boolean) describe(*describer) *Schema { return named(KindBool, p.typ) }

func (integer) size(v reflect.Value, _ enc) int {
	n := v.Int()
	return cborhead.Size(uint64(n ^ n>>63))
}

func (integer) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	return appendInt(dst, v.Int()), nil
}

// appendInt writes n; a negative one is stored as -1-n, which is its complement.
func appendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return cborhead.Append(dst, cborhead.Negative, uint64(^n))
	}
	return cborhead.Append(dst, cborhead.Uint, uint64(n))
}

func (p integer) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	if err != nil || h.null() {
		return err
	}
	n, err := h.int64()
	if err != nil {
		return fmt.Errorf("%w for %v", err, p.typ)
	}
	if v.OverflowInt(n) {
		return fmt.Errorf("%d overflows %v", n, p.typ)
	}
	v.SetInt(n)
	return nil
}

func (p integer) describe(*describer) *Schema { return named(KindInt, p.typ) }

// int64 is the value of a head that is an integer.
func (h head) int64() (int64, error) {
	switch {
	case h.Major != cborhead.Uint && h.Major != cborhead.Negative:
		return 0, wrong("an integer", h)
	case h.Arg > math.MaxInt64:
		return 0, errors.New("integer is beyond 64 bits")
	case h.Major == cborhead.Negative:
		return ^int64(h.Arg), nil
	}
	return int64(h.Arg), nil
}

func (unsigned) size(v reflect.Value, _ enc) int { return cborhead.Size(v.Uint()) }

func (unsigned) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	return cborhead.Append(dst, cborhead.Uint, v.Uint()), nil
}

func (p unsigned) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	switch {
	case err != nil || h.null():
		return err
	case h.Major != cborhead.Uint:
		return wrong(p.typ, h)
	case v.OverflowUint(h.Arg):
		return fmt.Errorf("%d overflows %v", h.Arg, p.typ)
	}
	v.SetUint(h.Arg)
	return nil
}

func (p unsigned) describe(*describer) *Schema { return named(KindUint, p.typ) }

func (p float) size(reflect.Value, enc) int { return 1 + int(p.typ.Size()) }

func (p float) append(dst []byte, v reflect.Value, _ enc) ([]byte, error) {
	if p.typ.Kind() == reflect.Float32 {
		return binary.BigEndian.AppendUint32(append(dst, byteFloat32), math.Float32bits(float32(v.Float()))), nil
	}
	return appendFloat(dst, v.Float()), nil
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, byteFloat64), math.Float64bits(f))
}

func (p float) decode(d *dec, v reflect.Value) error {
	h, err := d.item()
	if err != nil || h.null() {
		return err
	}
	f, ok := h.float64()
	if !ok {
		return wrong(p.typ, h)
	}
	if v.OverflowFloat(f) {
		return fmt.Errorf("%g overflows %v", f, p.typ)
	}
	v.SetFloat(f)
	return nil
}

func (p float) describe(*describer) *Schema { return named(KindFloat, p.typ) }

// float64 is the value of a head that is a number: other languages write 2.0 as 2.
func (h head) float64() (float64, bool) {
	switch {
	case h.Major == cborhead.Uint:
		return float64(h.Arg), true
	case h.Major == cborhead.Negative:
		return -1 - float64(h.Arg), true
	case h.Major != cborhead.Simple:
		return 0, false
	}
	switch h.Info {
	case cborhead.InfoFloat16:
		return half(uint16(h.Arg)), true
	case cborhead.InfoFloat32:
		return float64(math.Float32frombits(uint32(h.Arg))), true
	case cborhead.InfoFloat64:
		return math.Float64frombits(h.Arg), true
	}
	return 0, false
}

// half widens an IEEE 754 half-precision number: 1 bit of sign, 5 of exponent, 10 of fraction.
func half(b uint16) float64 {
	exponent, fraction := int(b>>10&31), float64(b&1023)
	var f float64
	switch {
	case exponent == 31 && fraction != 0:
		return math.NaN()
	case exponent == 31:
		f = math.Inf(1)
	case exponent == 0:
		f = math.Ldexp(fraction, -24)
	default:
		f = math.Ldexp(1024+fraction, exponent-25)
	}
	if b>>15 == 1 {
		return -f
	}
	return f
}
