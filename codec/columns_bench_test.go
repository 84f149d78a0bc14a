package codec_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/ctwo-go/c2/codec"
)

// seedTable is the table of C-Two's benchmarks.
type seedTable struct {
	RowID   []uint32
	X, Y, Z []float64
}

func makeSeedTable(n int) seedTable {
	s := seedTable{make([]uint32, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		s.RowID[i], s.X[i], s.Y[i], s.Z[i] = uint32(i), float64(i), float64(i)*2, float64(i)*3
	}
	return s
}

// BenchmarkColumns moves a table of a million rows, 28 MB, beside the copy that none can beat. All
// memory that is written to is warm, but what decoding allocates.
func BenchmarkColumns(b *testing.B) {
	table := makeSeedTable(1_000_000)
	c := must(codec.For(reflect.TypeFor[seedTable]()))
	v := reflect.ValueOf(&table).Elem()
	room := alignedBytes(c.Size(v))
	item := must(c.Append(room[:0], v))
	other := make([]byte, len(item))
	into := new(seedTable)
	for _, m := range []struct {
		name string
		f    func()
	}{
		{"copy", func() { copy(other, item) }},
		{"encode", func() { c.Size(v); must(c.Append(room[:0], v)) }},
		{"decode/copy", func() {
			*into = seedTable{}
			*into = seedTable{append([]uint32(nil), table.RowID...), append([]float64(nil), table.X...), append([]float64(nil), table.Y...), append([]float64(nil), table.Z...)}
		}},
		{"decode", func() { must(c.Decode(item, reflect.ValueOf(into).Elem())) }},
		{"view", func() { c.View(item, reflect.ValueOf(into).Elem()) }},
	} {
		b.Run(m.name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				m.f()
			}
		})
	}
}

// BenchmarkAttachedColumns moves tables of which every column lies in an attachment: the time is to be
// the same for each number of rows.
func BenchmarkAttachedColumns(b *testing.B) {
	for _, rows := range []int{1_000, 100_000, 3_000_000} {
		a := newArena(rows*28 + 256)
		table := lendTable(a, 0, rows)
		c := must(codec.For(reflect.TypeFor[seedTable]()))
		v := reflect.ValueOf(&table).Elem()
		e, in := &codec.Encoding{Attach: a}, codec.Decoding{Attachments: a.pieces, View: true}
		room := alignedBytes(c.SizeWith(e, v))[:0]
		item := must(c.AppendWith(room, e, v))
		into := new(seedTable)
		for _, m := range []struct {
			name string
			f    func()
		}{
			{"encode", func() { c.SizeWith(e, v); must(c.AppendWith(room, e, v)) }},
			{"view", func() { c.DecodeWith(item, in, reflect.ValueOf(into).Elem()) }},
		} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, m.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.f()
				}
			})
		}
	}
}

// BenchmarkSmallColumns is the fixed cost of a table.
func BenchmarkSmallColumns(b *testing.B) {
	table := makeSeedTable(16)
	c := must(codec.For(reflect.TypeFor[seedTable]()))
	v := reflect.ValueOf(&table).Elem()
	room := alignedBytes(c.Size(v))
	item := must(c.Append(room[:0], v))
	into := reflect.New(v.Type()).Elem()
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(c.Append(room[:0], v))
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(c.Decode(item, into))
		}
	})
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.View(item, into)
		}
	})
}

// BenchmarkAligned encodes plain values with large slices, and views them.
func BenchmarkAligned(b *testing.B) {
	value := map[string][]float64{}
	for _, name := range []string{"x", "y", "z", "w"} {
		value[name] = make([]float64, 1<<18)
	}
	c := must(codec.For(reflect.TypeFor[map[string][]float64]()))
	v := reflect.ValueOf(value)
	room := alignedBytes(c.Size(v))
	item := must(c.Append(room[:0], v))
	other := make([]byte, len(item))
	into := reflect.New(v.Type()).Elem()
	for _, m := range []struct {
		name string
		f    func()
	}{
		{"copy", func() { copy(other, item) }},
		{"encode", func() { c.Size(v); must(c.Append(room[:0], v)) }},
		{"decode", func() { must(c.Decode(item, into)) }},
		{"view", func() { c.View(item, into) }},
	} {
		b.Run(m.name, func(b *testing.B) {
			b.SetBytes(int64(len(item)))
			b.ReportAllocs()
			for b.Loop() {
				m.f()
			}
		})
	}
}
