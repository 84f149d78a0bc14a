package codec_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

const million = 1 << 20

func floats() []float64 {
	f := make([]float64, million)
	for i := range f {
		f[i] = float64(i) * 1.1
	}
	return f
}

// BenchmarkFloats encodes and decodes 8 MiB: as a typed array, element by element with
// fxamacker/cbor, and as the memory copy that neither can beat.
func BenchmarkFloats(b *testing.B) {
	values := floats()
	c := must(codec.For(reflect.TypeFor[[]float64]()))
	typed, plain := must(codec.Marshal(values)), must(cbor.Marshal(values))
	decoder := must(cbor.DecOptions{MaxArrayElements: million * 2}.DecMode())
	v := reflect.ValueOf(values)
	room := make([]byte, 0, c.Size(v))
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(8 * million)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
	run("encode/typed", func() { must(c.Append(room, v)) })
	run("encode/copy", func() { copy(room[:8*million], typed[11:]) })
	run("encode/elements", func() { must(cbor.Marshal(values)) })

	into := new([]float64)
	run("decode/copy", func() {
		*into = nil
		*into = append([]float64(nil), values...)
	})
	run("decode/typed", func() { must(c.Decode(typed, reflect.ValueOf(into).Elem())) })
	run("decode/elements", func() {
		*into = nil
		must(0, decoder.Unmarshal(plain, into))
	})
}

// order is a small struct as calls have it.
type order struct {
	ID       int64
	Customer string
	Items    []string
	Total    float64
	Paid     bool
	Note     *string `json:"note,omitempty"`
}

func BenchmarkSmall(b *testing.B) {
	values := []struct {
		name string
		v    any
	}{
		{"int", ptr(123456)},
		{"string", ptr("a string of some length")},
		{"point", &point{1, 2}},
		{"order", &order{ID: 7, Customer: "somebody", Items: []string{"one", "two", "three"}, Total: 12.5}},
		{"map", &map[string]int{"one": 1, "two": 2, "three": 3}},
		{"any", &[]any{int64(1), "two", 3.5, []any{true}, map[string]any{"k": "v"}}},
		{"time", ptr(time.Unix(1700000000, 5).UTC())},
		{"floats8", &[]float64{1, 2, 3, 4, 5, 6, 7, 8}},
	}
	for _, x := range values {
		v := reflect.ValueOf(x.v).Elem()
		c := must(codec.For(v.Type()))
		e := must(cbor.EncOptions{Time: cbor.TimeRFC3339Nano, TimeTag: cbor.EncTagRequired}.EncMode())
		ours, theirs := must(c.Append(nil, v)), must(e.Marshal(x.v))
		into := reflect.New(v.Type())
		room := make([]byte, 0, 1024)
		b.Run(x.name+"/encode/codec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(c.Append(room, v))
			}
		})
		b.Run(x.name+"/encode/fxamacker", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(e.Marshal(x.v))
			}
		})
		b.Run(x.name+"/decode/codec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(c.Decode(ours, into.Elem()))
			}
		})
		b.Run(x.name+"/decode/fxamacker", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				into.Elem().SetZero()
				must(0, cbor.Unmarshal(theirs, into.Interface()))
			}
		})
	}
}

func BenchmarkSize(b *testing.B) {
	v := reflect.ValueOf(order{ID: 7, Customer: "somebody", Items: []string{"one", "two", "three"}})
	c := must(codec.For(v.Type()))
	b.ReportAllocs()
	for b.Loop() {
		c.Size(v)
	}
}
