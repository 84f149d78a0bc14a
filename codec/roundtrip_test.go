package codec_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

type (
	celsius  float64
	label    string
	series   []float64
	identity [16]byte
	point    struct{ X, Y float64 }

	base struct {
		ID   int
		Note string
	}
	derived struct {
		base
		*Extra
		Name string
	}
	Extra struct{ Weight float64 }

	// Shadow has a Name of its own, which hides the embedded one.
	shadow struct {
		inner
		Name string
	}
	inner struct {
		Name string `json:"name"`
		Deep int
	}

	tagged struct {
		A    int      `cbor:"a" json:"ignored"`
		B    string   `json:"b,omitempty"`
		C    *int     `json:",omitempty"`
		D    []string `cbor:"d,omitempty"`
		E    point    `json:"e,omitzero"`
		Gone chan int `json:"-"`
		Dash int      `cbor:"-,"`
		F    time.Time
	}
	keyed struct {
		A int       `cbor:"1,keyasint"`
		B string    `cbor:"-2,keyasint"`
		C []float32 `cbor:"300,keyasint,omitempty"`
	}
	triple struct {
		_ struct{} `cbor:",toarray"`
		A int
		B []int64
		C *string
	}
	optionalTuple struct {
		_ struct{} `cbor:",toarray"`
		*Extra
		N int
	}
	tree struct {
		Value       []float64
		Left, Right *tree
		Named       map[string]*tree
	}
	nested map[string]nested
	forest []forest
	lower  struct{ s string }
	blobby struct{ b []byte }
	native struct{ n int }
	grid   struct {
		Cells map[string][]struct{ V []float64 }
	}
)

// lower travels as text, with methods on the pointer.
func (l *lower) MarshalText() ([]byte, error)    { return []byte(strings.ToUpper(l.s)), nil }
func (l *lower) UnmarshalText(text []byte) error { l.s = strings.ToLower(string(text)); return nil }

// blobby travels as bytes, with the marshaling method on the value.
func (b blobby) MarshalBinary() ([]byte, error) { return append([]byte{1}, b.b...), nil }
func (b *blobby) UnmarshalBinary(data []byte) error {
	b.b = append([]byte(nil), data[1:]...)
	return nil
}

// native speaks CBOR.
func (n native) MarshalCBOR() ([]byte, error)     { return cbor.Marshal([]int{n.n}) }
func (n *native) UnmarshalCBOR(data []byte) error { return cbor.Unmarshal(data, &[]*int{&n.n}) }

func ptr[T any](v T) *T { return &v }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var aZone = time.FixedZone("", -(3*3600 + 30*60))

// values are the round trips that must give back what was put in.
var values = []any{
	true, false, 0, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, math.MaxInt64, -1, -24, -25, -256, -257,
	-65536, -65537, -1 << 32, math.MinInt64, int8(-128), int16(-32768), int32(math.MinInt32),
	uint(7), uint8(255), uint16(65535), uint32(math.MaxUint32), uint64(math.MaxUint64),
	float32(1.5), 1.1, math.Inf(1), math.SmallestNonzeroFloat64, celsius(21.5), complex64(1 + 2i), complex(3, -4),
	"", "plain", "grüße 世界 🎈", label("l"), strings.Repeat("long ", 100000),
	[]byte(nil), []byte{}, []byte{1, 2, 3}, [3]byte{1, 2, 3}, [0]byte{}, identity{15: 9}, json.RawMessage(`{"a":1}`),

	[]float64(nil), []float64{}, []float64{1, -2.5, math.MaxFloat64}, []float32{1, 2}, []int8{-1, 2}, []int16{-1, 300},
	[]int32{-1, 70000}, []int64{math.MinInt64, 5}, []int{1, -1}, []uint{1, 2}, []uint16{1, 65535}, []uint32{7}, []uint64{math.MaxUint64},
	series{1, 2}, []celsius{36.6}, []time.Duration{time.Second, -1}, [3]float64{1, 2, 3}, [2]int32{-1, 1}, [1]uint16{9},
	[]complex64{1, 2i}, []complex128{1 - 1i}, [2]complex128{1, 2}, [][]float64{{1}, nil, {}}, [2][3]float32{{1, 2, 3}, {4, 5, 6}},

	[]bool{true, false}, [2]bool{true, false}, []string{"a", ""}, []string(nil), []string{}, []*int{ptr(1), nil}, [2]string{"x", "y"},
	map[string]int(nil), map[string]int{}, map[string]int{"a": 1, "b": 2}, map[int]string{-1: "x", 70000: "y"},
	map[point]string{{1, 2}: "p"}, map[[2]int]bool{{1, 2}: true}, map[bool][]float64{true: {1}}, map[netip.Addr]int{netip.MustParseAddr("::1"): 1},
	map[string]map[string][]float64{"a": {"b": {1, 2}}}, map[any]int{"a": 1, int64(2): 2, true: 3}, map[label]celsius{"x": 1},
	map[float64]uint8{1.5: 2}, map[uint8]struct{}{3: {}},

	point{1, 2}, struct{}{}, derived{base: base{1, "n"}, Extra: &Extra{2}, Name: "d"}, derived{Name: "no extra"},
	shadow{inner{"inner", 3}, "outer"}, tagged{}, tagged{A: 1, B: "b", C: ptr(0), D: []string{"d"}, E: point{Y: 1}, Dash: 4, F: time.Unix(5, 6).UTC()},
	keyed{A: 1, B: "b"}, keyed{A: 2, C: []float32{1}}, triple{A: 1, B: []int64{2}, C: ptr("c")}, triple{}, optionalTuple{N: 3}, optionalTuple{Extra: &Extra{1}, N: 3},
	grid{map[string][]struct{ V []float64 }{"k": {{[]float64{1, 2}}, {nil}}}},
	struct {
		A any
		B []any
	}{int64(1), []any{nil, "x", []float64{1}}},

	ptr(5), (*int)(nil), ptr(ptr("deep")), ptr([]float64{1}), ptr(point{3, 4}), []*point{{1, 2}, nil},
	&tree{Value: []float64{1}, Left: &tree{}, Named: map[string]*tree{"x": {Value: []float64{}}}}, nested{"a": {"b": nil, "c": {}}}, forest{nil, {}, {{}}},

	time.Time{}, time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC), time.Date(2024, 1, 1, 0, 0, 0, 1, aZone),
	time.Duration(1234567890123), []time.Time{time.Unix(0, 0).UTC()}, ptr(time.Unix(1, 0).UTC()), time.March, 90 * time.Minute,
	*big.NewInt(0), *big.NewInt(-5), big.NewInt(math.MaxInt64), must2(new(big.Int).SetString("-123456789012345678901234567890", 10)),
	[]*big.Int{big.NewInt(1), nil, must2(new(big.Int).SetString("340282366920938463463374607431768211456", 10))},
	big.NewFloat(1.25), big.NewRat(2, 3), netip.MustParseAddr("10.1.2.3"), netip.MustParsePrefix("10.0.0.0/8"), *must(url.Parse("https://x.y/z?q=1#f")),
	slog.LevelWarn, []slog.Level{slog.LevelDebug}, lower{"text"}, &lower{"text"}, blobby{[]byte("bin")}, map[string]blobby{"k": {[]byte{5}}},
	native{7}, []native{{1}, {2}}, cbor.RawMessage{0x83, 1, 2, 3}, cbor.Tag{Number: 4711, Content: []any{int64(1)}}, cbor.ByteString("raw"), cbor.SimpleValue(99),
	codec.Opaque{Name: "n", Data: []byte{1}},
}

func must2[T any](v T, ok bool) T {
	if !ok {
		panic("not ok")
	}
	return v
}

func TestRoundTrip(t *testing.T) {
	for _, want := range values {
		t.Run(name(want), func(t *testing.T) {
			typ := reflect.TypeOf(want)
			c, err := codec.For(typ)
			if err != nil {
				t.Fatal(err)
			}
			data, err := c.Append([]byte("before"), reflect.ValueOf(want))
			if err != nil {
				t.Fatalf("encoding: %v", err)
			}
			data = data[len("before"):]
			if err := strict().Wellformed(data); err != nil {
				t.Fatalf("%x is not well-formed: %v", data, err)
			}
			got := reflect.New(typ).Elem()
			rest, err := c.Decode(append(data, "after"...), got)
			if err != nil {
				t.Fatalf("decoding %x: %v", data, err)
			}
			if string(rest) != "after" {
				t.Errorf("rest is %q", rest)
			}
			clear(data) // what was decoded must not lie in the input
			if !same(got.Interface(), want) {
				t.Errorf("got  %#v\nwant %#v", got.Interface(), want)
			}
		})
	}
}

// strict is fxamacker's decoder as the judge of what is well-formed.
func strict() cbor.DecMode {
	return must(cbor.DecOptions{MaxNestedLevels: 600, IndefLength: cbor.IndefLengthForbidden}.DecMode())
}

func name(v any) string {
	s := fmt.Sprintf("%T/%v", v, v)
	return s[:min(len(s), 60)]
}

// same is DeepEqual, but for the inner state of numbers and locations.
func same(a, b any) bool {
	switch b := b.(type) {
	case time.Time:
		a := a.(time.Time)
		_, x := a.Zone()
		_, y := b.Zone()
		return a.Equal(b) && x == y
	case *big.Float:
		return a.(*big.Float).Cmp(b) == 0
	case *big.Int:
		return a.(*big.Int).Cmp(b) == 0
	case big.Int:
		a := a.(big.Int)
		return a.Cmp(&b) == 0
	}
	return reflect.DeepEqual(a, b)
}

func TestSize(t *testing.T) {
	for _, v := range values {
		t.Run(name(v), func(t *testing.T) {
			c := must(codec.For(reflect.TypeOf(v)))
			size, got := c.Size(reflect.ValueOf(v)), len(must(c.Append(nil, reflect.ValueOf(v))))
			if size != got && !encodesItself(reflect.TypeOf(v)) {
				t.Errorf("Size is %d, Append adds %d", size, got)
			}
		})
	}
}

// encodesItself says whether t is, or is made of, types whose size only their methods know.
func encodesItself(t reflect.Type) bool {
	_, binary := reflect.PointerTo(t).MethodByName("MarshalBinary")
	_, text := reflect.PointerTo(t).MethodByName("MarshalText")
	_, cbor := reflect.PointerTo(t).MethodByName("MarshalCBOR")
	if binary || text || cbor || t == reflect.TypeFor[tagged]() { // which has a time
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return encodesItself(t.Elem())
	case reflect.Map:
		return encodesItself(t.Key()) || encodesItself(t.Elem())
	}
	return false
}

func TestSizeOfManySmallValues(t *testing.T) {
	words := make([]string, 10000)
	counts := map[string]int{}
	for i := range words {
		words[i] = fmt.Sprintf("word%05d", i)
		counts[words[i]] = i
	}
	for _, v := range []any{words, counts} {
		c := must(codec.For(reflect.TypeOf(v)))
		size, got := c.Size(reflect.ValueOf(v)), len(must(codec.Marshal(v)))
		if size < got*9/10 || size > got*11/10 {
			t.Errorf("%T: Size is %d, Append adds %d", v, size, got)
		}
	}
}

func TestDecodeReplacesWhatWasThere(t *testing.T) {
	shared := []string{"keep"}
	v := tagged{B: "old", D: shared, C: ptr(1)}
	if err := codec.Unmarshal(must(codec.Marshal(tagged{A: 1, D: []string{"new"}})), &v); err != nil {
		t.Fatal(err)
	}
	if v.B != "" || v.C != nil || shared[0] != "keep" {
		t.Errorf("got %+v, shared slice is %q", v, shared)
	}
}

func TestTimeZoneWithSecondsKeepsTheInstant(t *testing.T) {
	want := time.Date(1900, 1, 1, 0, 0, 0, 0, time.FixedZone("LMT", 1172))
	var got time.Time
	if err := codec.Unmarshal(must(codec.Marshal(want)), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnaddressableValues(t *testing.T) {
	v := struct {
		A [2]float64
		B lower
		C [2]byte
	}{[2]float64{1, 2}, lower{"x"}, [2]byte{1, 2}}
	c := must(codec.For(reflect.TypeOf(v)))
	byValue := must(c.Append(nil, reflect.ValueOf(v)))
	byPointer := must(c.Append(nil, reflect.ValueOf(&v).Elem()))
	if string(byValue) != string(byPointer) {
		t.Errorf("%x by value, %x by pointer", byValue, byPointer)
	}
}
