package codec_test

import (
	"bytes"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

// fuzzed is one type with nearly everything inside.
type fuzzed struct {
	Any    any
	Tree   *tree
	Floats []float64
	Array  [2]int16
	Texts  map[string]string
	Keys   map[point][]bool
	Mesh   []mesh
	Tagged *tagged
	Keyed  keyed
	Triple triple
	Time   time.Time
	Lower  lower
	Bytes  []byte
	Nested nested
	Forest forest
	Mixed  map[any]any
	Opaque *codec.Opaque
	Cplx   []complex64
}

// seeds are items, and the attachment that some of them refer to.
func seeds(f *testing.F) {
	add := func(item []byte) { f.Add(item, []byte("attachment")) }
	for _, g := range golden() {
		add(must(codec.Marshal(g.v)))
	}
	full := fuzzed{
		Any: []any{1, "x", []float64{1}, time.Unix(0, 1)}, Tree: &tree{Value: []float64{1}, Named: map[string]*tree{"a": {}}}, Floats: []float64{1, 2},
		Texts: map[string]string{"k": "v"}, Keys: map[point][]bool{{1, 2}: {true}}, Mesh: []mesh{{[]float64{1}}}, Mixed: map[any]any{1: "a", "b": []byte{1}},
		Opaque: &codec.Opaque{Name: "n"}, Cplx: []complex64{1}, Nested: nested{"a": {}}, Forest: forest{{}},
	}
	add(must(codec.Marshal(full)))
	for _, v := range []any{make([]float64, 8), slab(make([]byte, 64)), []any{slab(make([]byte, 64)), make([]uint32, 17)}} {
		add(must(codec.Marshal(v))) // with padding
	}
	a := newArena(1 << 12)
	for _, v := range []any{
		lend[byte](a, 0, 64), lend[float64](a, 0, 9), []any{lend[int32](a, 0, 16), lendTable(a, 0, 16)}, cloud{lend[vec3](a, 0, 3)}, []cloud{{lend[vec3](a, 0, 4)}, {}},
		fuzzed{Any: lend[byte](a, 0, 64), Floats: lend[float64](a, 0, 9), Bytes: lend[byte](a, 0, 65), Cplx: lend[complex64](a, 0, 8), Mesh: []mesh{{lend[float64](a, 0, 8)}}},
	} {
		c := must(codec.For(reflect.TypeOf(v)))
		f.Add(must(c.AppendWith(nil, &codec.Encoding{Attach: a}, reflect.ValueOf(v))), a.pieces[0])
	}
	for _, bomb := range []string{
		"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", "\x81\x81\x81\x81\x81\x81\x81\x81", "\xc2\x58\x20", "\xd8\x56\x43abc",
		"\xda\x63\x32\x00\x01\x82\x69test.mesh\x41x", "\xa2\x01\x01\x01\x01", "\xd8\x52\x48\x3f\xf8\x00\x00\x00\x00\x00\x00", "\xf9\x7c\x00", "\x9f\xff",
	} {
		add([]byte(bomb))
	}
}

// FuzzDecode reads arbitrary bytes into every kind of type. Whatever is accepted can be written,
// and what was written then reads as the same.
func FuzzDecode(f *testing.F) {
	seeds(f)
	types := []reflect.Type{
		reflect.TypeFor[any](), reflect.TypeFor[fuzzed](), reflect.TypeFor[tree](), reflect.TypeFor[[]float64](), reflect.TypeFor[[]complex128](),
		reflect.TypeFor[map[any]any](), reflect.TypeFor[map[string]any](), reflect.TypeFor[[]string](), reflect.TypeFor[tagged](), reflect.TypeFor[codec.Opaque](),
		reflect.TypeFor[cloud](), reflect.TypeFor[[]cloud](), reflect.TypeFor[seedTable](), reflect.TypeFor[cbor.RawMessage](), reflect.TypeFor[[]byte](), reflect.TypeFor[netip.Addr](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[codec.Schema](), reflect.TypeFor[forest](), reflect.TypeFor[[3]byte](), reflect.TypeFor[float32](), reflect.TypeFor[mesh](), reflect.TypeFor[slab](),
	}
	f.Fuzz(func(t *testing.T, data, attachment []byte) {
		attachment = attachment[:min(len(attachment), 1<<12)] // so that no input asks for too much memory
		in := codec.Decoding{Attachments: [][]byte{attachment, attachment[len(attachment)/2:]}}
		for _, typ := range types {
			c := must(codec.For(typ))
			v := reflect.New(typ).Elem()
			rest, borrowed, err := c.DecodeWith(data, in, v)
			if borrowed {
				t.Fatalf("%v: what was decoded is borrowed", typ)
			}
			view := in
			view.View = true
			if _, _, viewErr := c.DecodeWith(data, view, reflect.New(typ).Elem()); (err == nil) != (viewErr == nil) {
				t.Fatalf("%v: decoded: %v, viewed: %v", typ, err, viewErr)
			}
			if err != nil {
				continue
			}
			if len(rest) >= len(data) || !bytes.HasSuffix(data, rest) {
				t.Fatalf("%v: rest is no proper end of the input", typ)
			}
			again, err := c.Append(nil, v)
			if err != nil {
				continue // a year that can be read but not written, for one
			}
			if err := codec.Unmarshal(again, reflect.New(typ).Interface()); err != nil {
				t.Fatalf("%v: %x was read, and written as %x, which is not: %v", typ, data, again, err)
			}
		}
		for _, s := range []*codec.Schema{schemaOf[fuzzed](), schemaOf[any](), schemaOf[tree](), schemaOf[map[any]any]()} {
			v, rest, _, err := s.DecodeWith(data, in)
			if err == nil && !bytes.HasSuffix(data, rest) {
				t.Fatalf("%v: rest is no end of the input", s)
			}
			if err == nil {
				s.Append(nil, v) // must not panic
			}
		}
	})
}

// FuzzSchema reads a schema from arbitrary bytes and uses it, as a client does with a peer's.
func FuzzSchema(f *testing.F) {
	for _, s := range []*codec.Schema{schemaOf[fuzzed](), schemaOf[int](), schemaOf[tree](), schemaOf[triple]()} {
		f.Add(must(codec.Marshal(s)), []byte{0x81, 1})
	}
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		var s codec.Schema
		if codec.Unmarshal(schema, &s) != nil {
			return
		}
		_ = s.String()
		ok := codec.Compatible(&s, schemaOf[fuzzed]()) == nil
		if back := codec.Compatible(schemaOf[fuzzed](), &s) == nil; back != ok {
			t.Errorf("%v is compatible one way only", &s)
		}
		if v, _, err := s.Decode(data); err == nil {
			s.Append(nil, v)
		}
	})
}

// FuzzRoundTrip makes values from the input and expects them back.
func FuzzRoundTrip(f *testing.F) {
	f.Add(int64(-1), uint64(1), 1.5, "text", []byte{1, 2, 3, 4}, true)
	f.Add(int64(0), uint64(1<<63), math.Copysign(0, -1), "", []byte(nil), false)
	f.Fuzz(func(t *testing.T, i int64, u uint64, x float64, s string, b []byte, yes bool) {
		if x != x {
			x = 0 // NaN is not equal to itself
		}
		s = string([]rune(s)) // valid UTF-8
		want := fuzzed{
			Any:    []any{i, x, s, yes, nil, map[string]any{s: []float64{x}}},
			Floats: []float64{x, float64(i)}, Array: [2]int16{int16(i), int16(u)}, Texts: map[string]string{s: s},
			Keys: map[point][]bool{{x, float64(u)}: {yes, false}}, Mesh: []mesh{{[]float64{x}}}, Bytes: b, Cplx: []complex64{complex(float32(x), 1)},
			Keyed: keyed{A: int(i), B: s, C: []float32{float32(x)}}, Triple: triple{B: []int64{i}, C: &s}, Mixed: map[any]any{i: s, yes: x},
		}
		if yes {
			want.Tree = &tree{Left: &tree{Value: []float64{x}}, Named: map[string]*tree{s: nil}}
		}
		data := must(codec.Marshal(want))
		var got fuzzed
		if err := codec.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}
