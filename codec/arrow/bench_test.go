package arrow_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// table has rows of one number and three floats, as columns, and if it has words of a string too.
func table(rows int, words bool) arrow.RecordBatch {
	r := rand.New(rand.NewPCG(17, 1))
	types := []arrow.DataType{arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Float64, arrow.PrimitiveTypes.Float64}
	if words {
		types = append(types, arrow.BinaryTypes.String)
	}
	fields, columns := make([]arrow.Field, len(types)), make([]arrow.Array, len(types))
	for i, dt := range types {
		fields[i] = arrow.Field{Name: string(rune('a' + i)), Type: dt}
		columns[i] = arrayWith(r, dt, rows, 0)
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows))
}

// BenchmarkBatch moves a batch of a million rows beside the copy that none can beat. All memory that
// is written to is warm, but what decoding allocates.
func BenchmarkBatch(b *testing.B) {
	for _, t := range []struct {
		name string
		rec  arrow.RecordBatch
	}{
		{"small", table(16, true)}, {"numbers", table(1_000_000, false)}, {"strings", table(1_000_000, true)},
	} {
		b.Run(t.name, func(b *testing.B) { benchmark(b, t.rec) })
	}
}

func benchmark(b *testing.B, rec arrow.RecordBatch) {
	c := batches()
	v := reflect.ValueOf(&rec).Elem()
	item := encode(b, rec)
	room, other := alignedBytes(c.Size(v)), make([]byte, len(item))
	stream := streamOf(item)
	for _, m := range []struct {
		name string
		f    func()
	}{
		{"copy", func() { copy(other, item) }},
		{"size", func() { c.Size(v) }},
		{"encode", func() { must(c.Append(room[:0], v)) }},
		{"decode/copy", func() { other = bytes.Clone(item) }},
		{"decode", func() { must(decode(item)).Release() }},
		{"view", func() { must(view(item)).Release() }},
		{"arrow-go reader", func() { must(must(ipc.NewReader(bytes.NewReader(stream))).Read()).Release() }},
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
