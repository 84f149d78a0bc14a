package gonum_test

import (
	"reflect"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// BenchmarkDense moves a matrix of 32 MB, beside the copy that none can beat.
func BenchmarkDense(b *testing.B) {
	m := mat.NewDense(2048, 2048, sequence(2048*2048))
	part := mat.NewDense(2048, 2056, sequence(2048*2056)).Slice(0, 2048, 0, 2048).(*mat.Dense)
	column := mat.NewDense(1<<22, 2, sequence(1<<23)).ColView(1).(*mat.VecDense)
	c, vectors := codecOf[*mat.Dense](), codecOf[*mat.VecDense]()
	v, strided := reflect.ValueOf(&m).Elem(), reflect.ValueOf(&part).Elem()
	every2nd := reflect.ValueOf(&column).Elem()
	item := encode(b, m)
	room, other := alignedBytes(len(item)), make([]byte, len(item))
	into := reflect.New(v.Type()).Elem()
	for _, f := range []struct {
		name string
		f    func()
	}{
		{"copy", func() { copy(other, item) }},
		{"encode", func() { must(c.Append(room[:0], v)) }},
		{"encode strided", func() { must(c.Append(room[:0], strided)) }},
		{"encode column", func() { must(vectors.Append(room[:0], every2nd)) }},
		{"decode/copy", func() { other = append([]byte(nil), item...) }},
		{"decode", func() { must(c.Decode(item, into)) }},
		{"view", func() { c.View(item, into) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				f.f()
			}
		})
	}
}
