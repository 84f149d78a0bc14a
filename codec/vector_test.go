package codec_test

import (
	"encoding/hex"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOtherWritersForms reads what other languages may write for the same values.
func TestOtherWritersForms(t *testing.T) {
	for _, c := range []struct {
		name, src string
		want      any
	}{
		{"plain array of floats", "83f93e00fa40200000fb4010000000000000", []float64{1.5, 2.5, 4}},
		{"plain array of integers into floats", "8301200f", []float64{1, -1, 15}},
		{"plain array of integers", "83010220", []int32{1, 2, -1}},
		{"plain array into bytes", "83010203", []byte{1, 2, 3}},
		{"plain array into byte array", "820102", [2]byte{1, 2}},
		{"plain array into array", "820102", [2]float32{1, 2}},
		{"plain array of pairs", "8401020304", []complex128{1 + 2i, 3 + 4i}},
		{"big-endian int16", "d849440001ffff", []int16{1, -1}},
		{"big-endian uint16", "d841440001ffff", []uint16{1, 65535}},
		{"big-endian int32", "d84a4400000102", []int32{258}},
		{"big-endian uint32", "d84244ffffff02", []uint32{0xffffff02}},
		{"big-endian int64", "d84b480000000000000102", []int64{258}},
		{"big-endian uint64", "d843480000000000000102", []uint64{258}},
		{"big-endian float32", "d851443fc00000", []float32{1.5}},
		{"big-endian float64", "d852483ff8000000000000", []float64{1.5}},
		{"big-endian array", "d852483ff8000000000000", [1]float64{1.5}},
		{"big-endian complex", "d851483fc00000bf800000", []complex64{complex(1.5, -1)}},
		{"typed array of bytes", "d84043010203", []byte{1, 2, 3}},
		{"clamped bytes", "d84443010203", []byte{1, 2, 3}},
		{"int8", "d84842ff01", []int8{-1, 1}},
		{"long heads", "da000000565b0000000000000008000000000000f83f", []float64{1.5}},
		{"self-described", "d9d9f7d85640", []float64{}},
		{"long integer", "1b0000000000000005", 5},
		{"half float", "f93e00", 1.5},
		{"half infinity", "f9fc00", math.Inf(-1)},
		{"half subnormal", "f90001", 0x1p-24},
		{"float as integer", "05", 5.0},
		{"undefined", "f7", (*int)(nil)},
		{"null into a struct", "f6", point{}},
		{"null into an int", "f6", 0},
		{"null into an array", "f6", [2]float64{}},
		{"null into a text type", "f6", lower{}},
		{"unknown tag", "ca05", 5},
		{"unknown fields", "a3615a8201a1616203615801615902", point{1, 2}},
		// An integer, a negative one, an array and a byte string are no field's key.
		{"unknown keys", "a500012001800141410261580a", point{X: 10}},
		{"untagged time", "74313937302d30312d30315430303a30303a30305a", time.Unix(0, 0).UTC()},
		{"epoch time", "c11a65000000", time.Unix(0x65000000, 0)},
		{"epoch fraction", "c1fb3ff8000000000000", time.Unix(1, 5e8)},
		{"struct fields in another order", "a2615902615801", point{1, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := reflect.New(reflect.TypeOf(c.want))
			if err := codec.Unmarshal(unhex(t, c.src), got.Interface()); err != nil {
				t.Fatal(err)
			}
			if want, ok := c.want.(time.Time); ok {
				if !want.Equal(got.Elem().Interface().(time.Time)) {
					t.Errorf("got %v, want %v", got.Elem(), want)
				}
			} else if !reflect.DeepEqual(got.Elem().Interface(), c.want) {
				t.Errorf("got %v, want %v", got.Elem(), c.want)
			}
		})
	}
}

func TestHalfNaN(t *testing.T) {
	var f float64
	if err := codec.Unmarshal([]byte{0xf9, 0x7e, 0}, &f); err != nil || !math.IsNaN(f) {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestNaNKeepsItsBits(t *testing.T) {
	want := math.Float64frombits(0x7ff8000000000123)
	var one float64
	var many []float64
	if err := codec.Unmarshal(must(codec.Marshal(want)), &one); err != nil || math.Float64bits(one) != math.Float64bits(want) {
		t.Errorf("scalar: %x, %v", math.Float64bits(one), err)
	}
	if err := codec.Unmarshal(must(codec.Marshal([]float64{want})), &many); err != nil || math.Float64bits(many[0]) != math.Float64bits(want) {
		t.Errorf("vector: %v, %v", many, err)
	}
}

// TestVectorsAtEveryOffset decodes typed arrays that lie unaligned in the input.
func TestVectorsAtEveryOffset(t *testing.T) {
	want := []float64{1, 2, 3}
	item := must(codec.Marshal(want))
	for offset := range 16 {
		src := append(make([]byte, offset), item...)
		var got []float64
		if err := codec.Unmarshal(src[offset:], &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("offset %d: %v, %v", offset, got, err)
		}
	}
}

func TestArrayHead(t *testing.T) {
	for _, n := range []int{0, 1, 23, 24, 255, 256, 65536} {
		src := append(codec.AppendArrayHead(nil, n), make([]byte, n)...)
		got, rest, err := codec.DecodeArrayHead(src)
		if err != nil || got != n || len(rest) != n {
			t.Errorf("%d: got %d with %d bytes left, %v", n, got, len(rest), err)
		}
	}
	for src, want := range map[string]string{
		"": "ends inside", "\x98": "ends inside", "\x05": "want an array, have an integer", "\x83\x01": "elements are declared", "\x9f": "indefinite",
	} {
		_, _, err := codec.DecodeArrayHead([]byte(src))
		wantError(t, err, want)
	}
}
