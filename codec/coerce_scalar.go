package codec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/ctwo-go/c2/internal/cborhead"
)

func appendScalar(dst []byte, s *Schema, v any, rv reflect.Value) ([]byte, error) {
	switch s.Kind {
	case KindBool:
		if rv.Kind() == reflect.Bool {
			return boolean{}.append(dst, rv, enc{})
		}
	case KindInt:
		if n, ok := integral(v); ok && n.IsInt64() {
			return appendInt(dst, n.Int64()), nil
		}
	case KindUint:
		if n, ok := integral(v); ok && n.IsUint64() {
			return cborhead.Append(dst, cborhead.Uint, n.Uint64()), nil
		}
	case KindBig:
		if n, ok := integral(v); ok {
			return native{}.append(dst, reflect.ValueOf(n).Elem(), enc{})
		}
	case KindFloat:
		if f, ok := real64(v); ok {
			return appendFloat(dst, f), nil
		}
	case KindText:
		if rv.Kind() == reflect.String {
			return appendText(dst, rv.String())
		}
	case KindBytes:
		return appendBytes(dst, s, rv)
	case KindTime:
		if t, ok := instant(v); ok {
			return appendTime(dst, t)
		}
	}
	return dst, refusal(s, v)
}

func refusal(s *Schema, v any) error {
	return fmt.Errorf("want %v, have %s (%T)", s, clip(fmt.Sprint(v)), v)
}

// integral is v as an integer, if it is a whole number of any Go type.
func integral(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case *big.Int:
		return v, v != nil
	case big.Int:
		return &v, true
	case json.Number:
		return parseIntegral(string(v))
	}
	switch rv := reflect.ValueOf(v); {
	case rv.CanInt():
		return big.NewInt(rv.Int()), true
	case rv.CanUint():
		return new(big.Int).SetUint64(rv.Uint()), true
	case rv.CanFloat():
		f := rv.Float()
		if f != math.Trunc(f) || math.IsInf(f, 0) {
			return nil, false
		}
		n, _ := big.NewFloat(f).Int(nil)
		return n, true
	}
	return nil, false
}

// Bounds of the integers that are read from text, which takes longer than in proportion.
const (
	maxDigits = 1 << 16
	maxScaled = 100 // with an exponent, which is so much shorter than what it stands for
)

// parseIntegral reads a JSON number; 3.0 and 3e2 are integers too, exactly.
func parseIntegral(s string) (*big.Int, bool) {
	if len(s) > maxDigits {
		return nil, false
	}
	mantissa, exponent, scaled := strings.Cut(strings.ToLower(s), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, exp := whole+fraction, 0
	if scaled {
		var err error
		if exp, err = strconv.Atoi(exponent); err != nil || max(exp, -exp) > maxDigits {
			return nil, false
		}
	}
	exp -= len(fraction)
	switch significant := strings.TrimRight(digits, "0"); {
	case strings.Trim(digits, "-0") == "":
	case exp < 0 && len(digits)-len(significant) < -exp || exp > 0 && len(digits)+exp > maxScaled:
		return nil, false
	case exp < 0:
		digits = digits[:len(digits)+exp]
	default:
		digits += strings.Repeat("0", exp)
	}
	return new(big.Int).SetString(digits, 10)
}

// real64 is v as a float64, if it is a number that a float64 holds.
func real64(v any) (float64, bool) {
	if n, ok := v.(json.Number); ok {
		f, err := n.Float64()
		return f, err == nil
	}
	if rv := reflect.ValueOf(v); rv.CanFloat() {
		return rv.Float(), true
	}
	n, ok := integral(v)
	if !ok {
		return 0, false
	}
	f, accuracy := n.Float64()
	return f, accuracy == big.Exact
}

func instant(v any) (t time.Time, ok bool) {
	switch v := v.(type) {
	case time.Time:
		return v, true
	case string:
		t, err := time.Parse(time.RFC3339Nano, v)
		return t, err == nil
	}
	return t, false
}

func appendBytes(dst []byte, s *Schema, rv reflect.Value) ([]byte, error) {
	if (rv.Kind() != reflect.Slice && rv.Kind() != reflect.Array) || rv.Type().Elem().Kind() != reflect.Uint8 {
		return dst, refusal(s, rv.Interface())
	}
	if err := sized(s, rv.Len()); err != nil {
		return dst, err
	}
	return blob{rv.Type()}.append(dst, rv, enc{})
}

// sized checks a length against the one that s has, if it has one.
func sized(s *Schema, n int) error {
	if s.Len != 0 && s.Len != n {
		return fmt.Errorf("want %d elements for %v, have %d", s.Len, s, n)
	}
	return nil
}

// appendVector writes a slice of s's numbers as it is, and makes one of any other list of numbers.
func appendVector(dst []byte, s *Schema, rv reflect.Value) ([]byte, error) {
	if rv.Kind() != reflect.Slice && rv.Kind() != reflect.Array {
		return dst, refusal(s, rv.Interface())
	}
	if rv.Kind() == reflect.Slice && rv.IsNil() {
		return append(dst, byteNull), nil
	}
	if err := sized(s, rv.Len()); err != nil {
		return dst, err
	}
	n := numberByName(s.Of)
	if own, lanes := numberOf(rv.Type().Elem()); own == n && lanes == 1 {
		return makeVector(rv.Type(), rv.Type().Elem()).append(dst, rv, enc{})
	}
	numbers := reflect.MakeSlice(n.slice, rv.Len(), rv.Len())
	for i := range rv.Len() {
		if err := setNumber(numbers.Index(i), rv.Index(i).Interface()); err != nil {
			return dst, withinIndex(i, err)
		}
	}
	return makeVector(n.slice, n.slice.Elem()).append(dst, numbers, enc{})
}

// setNumber sets the numeric v to x.
func setNumber(v reflect.Value, x any) error {
	if v.CanFloat() {
		if f, ok := real64(x); ok && !v.OverflowFloat(f) {
			v.SetFloat(f)
			return nil
		}
	} else if n, ok := integral(x); ok {
		if v.CanInt() && n.IsInt64() && !v.OverflowInt(n.Int64()) {
			v.SetInt(n.Int64())
			return nil
		}
		if v.CanUint() && n.IsUint64() && !v.OverflowUint(n.Uint64()) {
			v.SetUint(n.Uint64())
			return nil
		}
	}
	return fmt.Errorf("want %v, have %s (%T)", v.Type(), clip(fmt.Sprint(x)), x)
}
