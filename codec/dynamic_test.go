package codec_test

import (
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

func TestAny(t *testing.T) {
	when := time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)
	big1 := must2(new(big.Int).SetString("123456789012345678901234567890", 10))
	for _, c := range []struct{ in, want any }{
		{nil, nil}, {true, true}, {5, int64(5)}, {-5, int64(-5)}, {uint8(5), int64(5)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{float32(1.5), 1.5}, {2.5, 2.5}, {"s", "s"}, {label("l"), "l"}, {[]byte{1}, []byte{1}}, {[2]byte{1, 2}, []byte{1, 2}},
		{[]any{}, []any{}}, {[]any(nil), nil}, {[]any{1, "x", []any{nil}}, []any{int64(1), "x", []any{nil}}}, {[]string{"a"}, []any{"a"}},
		{[]float64{1}, []float64{1}}, {[]float32{}, []float32{}}, {[]int{1}, []int64{1}}, {[]int8{1}, []int8{1}}, {[]uint16{1}, []uint16{1}},
		{[3]float64{1, 2, 3}, []float64{1, 2, 3}}, {series{1}, []float64{1}}, {[]float64(nil), nil}, {1i, []float64{0, 1}},
		{map[string]int{"a": 1}, map[string]any{"a": int64(1)}}, {map[int]string{1: "a"}, map[any]any{int64(1): "a"}}, {map[any]any{"a": 1}, map[string]any{"a": int64(1)}},
		{map[any]any{"a": 1, 2: "b", true: nil}, map[any]any{"a": int64(1), int64(2): "b", true: nil}}, {map[string]any{}, map[string]any{}}, {map[string]any(nil), nil},
		{point{1, 2}, map[string]any{"X": 1.0, "Y": 2.0}}, {&point{1, 2}, map[string]any{"X": 1.0, "Y": 2.0}}, {(*point)(nil), nil},
		{map[string]any{"p": []*point{{}, nil}}, map[string]any{"p": []any{map[string]any{"X": 0.0, "Y": 0.0}, nil}}},
		{when, when}, {time.Second, int64(time.Second)}, {big1, big1}, {new(big.Int).Neg(big1), new(big.Int).Neg(big1)},
		{must2(new(big.Int).SetString("-18446744073709551616", 10)), must2(new(big.Int).SetString("-18446744073709551616", 10))},
		{netip.MustParseAddr("1.2.3.4"), []byte{1, 2, 3, 4}}, {lower{"x"}, "X"},
		{cbor.Tag{Number: 999, Content: "x"}, cbor.Tag{Number: 999, Content: "x"}}, {cbor.SimpleValue(99), cbor.SimpleValue(99)}, {cbor.RawMessage{0x81, 1}, []any{int64(1)}},
	} {
		in := c.in
		data, err := codec.Marshal(&in)
		if err != nil {
			t.Errorf("%#v: %v", c.in, err)
			continue
		}
		var got any
		if err := codec.Unmarshal(data, &got); err != nil {
			t.Errorf("%#v: %v", c.in, err)
		} else if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%#v came back as %#v, want %#v", c.in, got, c.want)
		}
		size := must(codec.For(reflect.TypeFor[any]())).Size(reflect.ValueOf(&in).Elem())
		if _, own := c.in.(time.Time); size != len(data) && !own && !encodesItself(reflect.TypeOf(c.in)) {
			t.Errorf("%#v: Size is %d, Append adds %d", c.in, size, len(data))
		}
	}
}

func TestAnyRefusesAtRunTime(t *testing.T) {
	_, err := codec.Marshal(map[string]any{"list": []any{1, make(chan int)}})
	wantError(t, err, `["list"][1]: chan int can't be encoded: a channel ends in its process`)
	_, err = codec.Marshal([]any{struct{ F func() }{}})
	wantError(t, err, "[0]: F: func() can't be encoded")
}

// TestPlainDataSkipsItsPlan compares the short way that plain data in an any takes with the plans
// of the same types.
func TestPlainDataSkipsItsPlan(t *testing.T) {
	for _, v := range []any{true, 1, int64(-1), 1.5, "x", []any{1, nil}, []any(nil), map[string]any{"a": 1.5}, map[string]any(nil)} {
		boxed := v
		if short, plan := must(codec.Marshal(&boxed)), must(codec.Marshal(v)); string(short) != string(plan) {
			t.Errorf("%T: %x and %x", v, short, plan)
		}
	}
}
