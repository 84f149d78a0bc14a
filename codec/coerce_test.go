package codec_test

import (
	"encoding/json"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
)

// fromJSON is what a script or the relay has at hand.
func fromJSON(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCoerce encodes plain values by schema and reads them with the Go type.
func TestCoerce(t *testing.T) {
	type settings struct {
		Name   string
		Count  int
		Ratio  float32
		Sizes  []int16
		When   time.Time
		Nested map[int]*point
		Grid   [][]float64
		Free   any
		Tuple  *triple
		Keys   keyed
	}
	text := `{"Name":"n","Count":3.0,"Ratio":1,"Sizes":[1,2.0,-3],"When":"2024-01-02T03:04:05.5Z","Nested":{"7":{"X":1},"-8":null},
		"Grid":[[1,2],[],null],"Free":{"a":[1,"x"]},"Tuple":[1,[2],"c"],"Keys":{"1":5,"-2":"b"}}`
	want := settings{
		Name: "n", Count: 3, Ratio: 1, Sizes: []int16{1, 2, -3}, When: time.Date(2024, 1, 2, 3, 4, 5, 5e8, time.UTC),
		Nested: map[int]*point{7: {X: 1}, -8: nil}, Grid: [][]float64{{1, 2}, {}, nil}, Free: map[string]any{"a": []any{1.0, "x"}},
		Tuple: &triple{A: 1, B: []int64{2}, C: ptr("c")}, Keys: keyed{A: 5, B: "b"},
	}
	data, err := schemaOf[settings]().Append(nil, fromJSON(t, text))
	if err != nil {
		t.Fatal(err)
	}
	var got settings
	if err := codec.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	again, err := schemaOf[settings]().Append(nil, want)
	if err != nil {
		t.Fatalf("a Go value of the type itself: %v", err)
	}
	var second settings
	if err := codec.Unmarshal(again, &second); err != nil || !reflect.DeepEqual(second, want) {
		t.Errorf("from the Go value: %+v, %v", second, err)
	}
}

func TestCoerceScalars(t *testing.T) {
	big1 := must2(new(big.Int).SetString("123456789012345678901234567890", 10))
	for _, c := range []struct{ in, want any }{
		{5, 5}, {uint8(5), 5}, {5.0, 5}, {json.Number("5"), 5}, {json.Number("5.0"), 5}, {json.Number("9223372036854775807"), math.MaxInt64},
		{big.NewInt(7), 7}, {ptr(5), 5}, {time.Second, 1e9 * 1}, {5, uint16(5)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)}, {5, 5.0}, {json.Number("0.5"), 0.5},
		{float32(0.5), 0.5}, {5, *big.NewInt(5)}, {big1, *big1}, {json.Number("123456789012345678901234567890"), *big1}, {true, true}, {"s", "s"}, {label("s"), "s"},
		{[]byte{1}, []byte{1}}, {[2]byte{1, 2}, []byte{1, 2}}, {"2024-01-01T00:00:00+02:00", time.Date(2024, 1, 1, 0, 0, 0, 0, time.FixedZone("", 7200))},
		{[]any{1, 2.0, json.Number("3")}, []float64{1, 2, 3}}, {[]int{1, 2}, []float64{1, 2}}, {[]float32{1}, []int32{1}}, {[]float64{1}, []float64{1}}, {[]float64(nil), []float32(nil)},
		{[]any{"a"}, []string{"a"}}, {[]string{"a"}, []string{"a"}}, {[]string(nil), []string(nil)}, {nil, []string(nil)}, {nil, (*int)(nil)}, {nil, map[string]int(nil)},
		{map[string]any{"true": 1.0}, map[bool]int{true: 1}}, {map[string]any{"1.5": "x"}, map[float64]string{1.5: "x"}}, {map[any]any{1: 2}, map[int]int{1: 2}},
		{codec.Opaque{Data: make([]byte, 8)}, mesh{[]float64{0}}}, {mesh{[]float64{2}}, mesh{[]float64{2}}}, {nil, (*mesh)(nil)}, {&mesh{[]float64{3}}, &mesh{[]float64{3}}},
		{[]any{point{1, 2}, &point{3, 4}, map[string]any{"Y": 5}}, []point{{1, 2}, {3, 4}, {0, 5}}},
	} {
		typ := reflect.TypeOf(c.want)
		if _, ok := c.in.(time.Duration); ok {
			typ = reflect.TypeFor[int]()
			c.want = int(time.Second)
		}
		data, err := must(codec.For(typ)).Schema().Append(nil, c.in)
		if err != nil {
			t.Errorf("%#v as %v: %v", c.in, typ, err)
			continue
		}
		got := reflect.New(typ)
		if err := codec.Unmarshal(data, got.Interface()); err != nil || !same(got.Elem().Interface(), c.want) {
			t.Errorf("%#v as %v: got %v, %v", c.in, typ, got.Elem(), err)
		}
	}
}

func TestCoerceRefuses(t *testing.T) {
	for _, c := range []struct {
		s    *codec.Schema
		in   any
		want string
	}{
		{schemaOf[int](), 1.5, "want int, have 1.5 (float64)"},
		{schemaOf[int](), "5", "want int, have 5 (string)"},
		{schemaOf[int](), math.Inf(1), "want int, have +Inf"},
		{schemaOf[int](), math.NaN(), "want int, have NaN"},
		{schemaOf[int](), uint64(1 << 63), "want int, have 9223372036854775808"},
		{schemaOf[int](), nil, "want int, have nil"},
		{schemaOf[int](), (*int)(nil), "want int, have nil"},
		{schemaOf[uint](), -1, "want uint, have -1"},
		{schemaOf[float64](), 1<<53 + 1, "want float64, have 9007199254740993"},
		{schemaOf[bool](), 1, "want bool, have 1 (int)"},
		{schemaOf[string](), []byte("x"), "want string"},
		{schemaOf[[]byte](), "aGk=", "want []byte, have aGk= (string)"},
		{schemaOf[[2]byte](), []byte{1}, "want 2 elements for [2]byte, have 1"},
		{schemaOf[time.Time](), "yesterday", "want time.Time, have yesterday"},
		{schemaOf[[]int8](), []any{1, 200}, "[1]: want int8, have 200"},
		{schemaOf[[]int8](), []any{"x"}, "[0]: want int8, have x (string)"},
		{schemaOf[[]uint16](), 5, "want []uint16, have 5"},
		{schemaOf[[2]float64](), []any{1}, "want 2 elements"},
		{schemaOf[[]string](), "x", "want []string, have x"},
		{schemaOf[[]string](), []any{"a", 1}, "[1]: want string, have 1 (int)"},
		{schemaOf[[1]string](), []any{}, "want 1 elements"},
		{schemaOf[map[string]int](), []any{}, "want map[string]int"},
		{schemaOf[map[int]int](), map[string]any{"x": 1}, `["x"]: want int, have x (json.Number)`},
		{schemaOf[point](), map[string]any{"Z": 1}, `there is no field "Z"; it has X, Y`},
		{schemaOf[point](), map[string]any{"X": "no"}, "X: want float64, have no (string)"},
		{schemaOf[point](), 5, "want codec_test.point{X float64; Y float64}, have 5"},
		{schemaOf[triple](), []any{1}, "want 3 elements"},
		{schemaOf[triple](), []any{1, []any{}, 2}, "C: want *string, have 2"},
		{schemaOf[mesh](), codec.Opaque{Name: "x"}, `want the transferable "test.mesh", have "x"`},
		{schemaOf[mesh](), 5, `want the transferable "test.mesh" as its Go type or codec.Opaque, have int`},
		{schemaOf[any](), make(chan int), "chan int can't be encoded"},
		{schemaOf[struct{ A []point }](), map[string]any{"A": []any{nil2(), map[string]any{"Y": true}}}, "A[1].Y: want float64, have true"},
	} {
		dst, err := c.s.Append([]byte("old"), c.in)
		wantError(t, err, c.want)
		if string(dst) != "old" {
			t.Errorf("dst became %q", dst)
		}
	}
}

func nil2() any { return map[string]any{} }

func TestCoerceCyclic(t *testing.T) {
	m := map[string]any{}
	m["a"] = m
	l := []any{nil}
	l[0] = l
	var p any
	p = &p
	for _, v := range []any{m, l, p} {
		_, err := schemaOf[any]().Append(nil, v)
		wantError(t, err, "cyclic or nested deeper")
	}
	_, err := schemaOf[nested]().Append(nil, m)
	wantError(t, err, "cyclic or nested deeper")
	_, err = schemaOf[forest]().Append(nil, l)
	wantError(t, err, "cyclic or nested deeper")
	_, err = schemaOf[int]().Append(nil, p)
	wantError(t, err, "cyclic or nested deeper")
}

func TestSchemaDecode(t *testing.T) {
	when := time.Unix(5, 6).UTC()
	for _, c := range []struct{ in, want any }{
		{5, int64(5)}, {uint64(math.MaxUint64), uint64(math.MaxUint64)}, {uint8(3), int64(3)}, {float32(1.5), 1.5}, {true, true}, {"s", "s"}, {label("s"), "s"},
		{[]byte{1}, []byte{1}}, {identity{1}, append([]byte{1}, make([]byte, 15)...)}, {[]int{1}, []int64{1}}, {[2]float32{1, 2}, []float32{1, 2}}, {[]float64(nil), nil},
		{when, when}, {big.NewInt(5), big.NewInt(5)}, {*big.NewInt(-5), big.NewInt(-5)}, {ptr(5), int64(5)}, {(*int)(nil), nil}, {[]string{"a"}, []any{"a"}},
		{map[string]int{"a": 1}, map[string]any{"a": int64(1)}}, {map[int]string{1: "a"}, map[any]any{int64(1): "a"}}, {map[point]int{}, map[any]any{}},
		{point{1, 2}, map[string]any{"X": 1.0, "Y": 2.0}}, {keyed{A: 1, B: "b"}, map[string]any{"1": int64(1), "-2": "b"}}, {triple{A: 1}, []any{int64(1), nil, nil}},
		{mesh{[]float64{0}}, codec.Opaque{Name: "test.mesh", Data: make([]byte, 8)}}, {[]any{mesh{}}, []any{mesh{}}}, {(*mesh)(nil), nil},
		{tree{Value: []float64{1}, Left: &tree{}}, map[string]any{"Value": []float64{1}, "Left": map[string]any{"Value": nil, "Left": nil, "Right": nil, "Named": nil}, "Right": nil, "Named": nil}},
		{struct{ F shape }{square(2)}, map[string]any{"F": codec.Opaque{Name: "test.shape", Data: []byte{2}}}}, {native{3}, []any{int64(3)}},
	} {
		s := must(codec.For(reflect.TypeOf(c.in))).Schema()
		got, rest, err := s.Decode(append(must(codec.Marshal(c.in)), 1, 2))
		if err != nil || len(rest) != 2 || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T: got %#v, %d left, %v", c.in, got, len(rest), err)
		}
	}
}

func TestSchemaDecodeOtherForms(t *testing.T) {
	got, _, err := schemaOf[[]float64]().Decode([]byte{0x82, 1, 2})
	if err != nil || !reflect.DeepEqual(got, any([]float64{1, 2})) {
		t.Errorf("a plain array: %#v, %v", got, err)
	}
	got, _, err = schemaOf[float64]().Decode([]byte{2})
	if err != nil || got != 2.0 {
		t.Errorf("a float as integer: %#v, %v", got, err)
	}
	got, _, err = schemaOf[point]().Decode([]byte("\xa2\x61X\x01\x61Z\x61z"))
	if err != nil || !reflect.DeepEqual(got, any(map[string]any{"X": 1.0, "Z": "z"})) {
		t.Errorf("a newer struct: %#v, %v", got, err)
	}
}

func TestSchemaDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		s    *codec.Schema
		src  string
		want string
	}{
		{schemaOf[int](), "\x61x", "want int, have string"},
		{schemaOf[uint](), "\x20", "want uint, have int64"},
		{schemaOf[float64](), "\xf5", "want float64, have a bool"},
		{schemaOf[[2]byte](), "\x41x", "want 2 elements"},
		{schemaOf[[2]float64](), "\x81\x01", "want 2 elements"},
		{schemaOf[[2]string](), "\x81\x61x", "want 2 elements"},
		{schemaOf[[]string](), "\x82\x61x\x01", "[1]: want string, have int64"},
		{schemaOf[[]string](), "\xa0", "want []string, have a map"},
		{schemaOf[point](), "\x80", "have an array"},
		{schemaOf[point](), "\xa1\x61X\x61x", `[0]["X"]: want float64, have a text string`},
		{schemaOf[map[string]int](), "\xa1\x01\x01", "[0]: want string, have int64"},
		{schemaOf[map[any]any](), "\xa1\x80\x01", "a map key must be"},
		{schemaOf[triple](), "\x81\x01", "want 3 elements"},
		{schemaOf[mesh](), "\x41x", `want codec_test.mesh(transferable "test.mesh"), have a byte string`},
		{schemaOf[mesh](), "\xda\x63\x32\x00\x01\x82\x61x\x40", `want the transferable "test.mesh", have "x"`},
	} {
		_, _, err := c.s.Decode([]byte(c.src))
		wantError(t, err, c.want)
	}
}
