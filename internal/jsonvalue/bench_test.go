package jsonvalue_test

import (
	"io"
	"testing"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/jsonvalue"
)

// BenchmarkAppendArgs reads the arguments of small calls, and of a large one.
func BenchmarkAppendArgs(b *testing.B) {
	for _, c := range []struct {
		name   string
		params []*codec.Schema
		json   []byte
	}{
		{"int", []*codec.Schema{schema[int](b)}, []byte(`[10]`)},
		{"struct", []*codec.Schema{schema[point](b), schema[string](b)}, []byte(`[{"X":1.5,"Y":-2.25},"some text"]`)},
		{"tree", []*codec.Schema{schema[tree](b)}, []byte(`[{"name":"a","kids":[{"name":"b","kids":[]},{"name":"c"}]}]`)},
		{"any", []*codec.Schema{schema[any](b)}, []byte(`[{"a":1,"b":[1.5,true,null],"c":"x"}]`)},
		{"floats", []*codec.Schema{schema[[]float64](b)}, numbers(10000)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.json)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = jsonvalue.AppendArgs(dst[:0], c.params, false, c.json); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func numbers(n int) []byte {
	out := []byte("[[0")
	for range n {
		out = append(out, ",1234.5678"...)
	}
	return append(out, "]]"...)
}

// BenchmarkWrite writes the results of small calls, and of large ones.
func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name string
		v    any
	}{
		{"int", 10}, {"struct", point{1.5, -2.25}}, {"tree", tree{"a", []*tree{{Name: "b"}, {Name: "c"}}}},
		{"floats", make([]float64, 1<<17)}, {"bytes", make([]byte, 1<<20)}, {"text", string(make([]byte, 1<<16)) + "x"},
	} {
		item, err := codec.Marshal([]any{c.v})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				if err := jsonvalue.Write(io.Discard, nil, item); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
