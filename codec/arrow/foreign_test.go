package arrow_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/endian"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// written is a stream by arrow-go's own writer.
func written(recs []arrow.RecordBatch, schema *arrow.Schema, opts ...ipc.Option) []byte {
	var b bytes.Buffer
	w := ipc.NewWriter(&b, append(opts, ipc.WithSchema(schema))...)
	for _, rec := range recs {
		if err := w.Write(rec); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestOthersReadOurs(t *testing.T) {
	for i, dt := range allTypes() {
		want := batchOf(rand.New(rand.NewPCG(12, uint64(i))), dt, 50).NewSlice(2, 40)
		r, err := ipc.NewReader(bytes.NewReader(streamOf(encode(t, want))))
		if err != nil {
			t.Errorf("%v: %v", dt, err)
			continue
		}
		got, err := r.Read()
		if err != nil {
			t.Errorf("%v: %v", dt, err)
			continue
		}
		equal(t, got, want)
		if r.Next() || r.Err() != nil {
			t.Errorf("%v: the stream goes on: %v", dt, r.Err())
		}
	}
}

func TestWeReadOthers(t *testing.T) {
	for i, dt := range allTypes() {
		want := batchOf(rand.New(rand.NewPCG(13, uint64(i))), dt, 50)
		stream := written([]arrow.RecordBatch{want}, want.Schema())
		for _, s := range [][]byte{stream, stream[:len(stream)-8]} { // the end may go without saying
			for _, read := range []func([]byte) (arrow.RecordBatch, error){decode, view} {
				got, err := read(itemOf(s))
				if err != nil {
					t.Errorf("%v: %v", dt, err)
					continue
				}
				equal(t, got, want)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	one := batchOf(rand.New(rand.NewPCG(14, 1)), arrow.PrimitiveTypes.Int64, 500)
	batch := []arrow.RecordBatch{one}
	words := batchOf(rand.New(rand.NewPCG(14, 2)), &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, 50)
	ours := streamOf(encode(t, one))
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"zstd":          {written(batch, one.Schema(), ipc.WithZstd()), "compressed batches are not accepted"},
		"lz4":           {written(batch, one.Schema(), ipc.WithLZ4()), "compressed batches are not accepted"},
		"two batches":   {written([]arrow.RecordBatch{one, one}, one.Schema()), "send each batch as a value of its own"},
		"no batch":      {written(nil, one.Schema()), "the stream has no record batch"},
		"delta":         {deltaOf(words), "dictionary deltas are not accepted"},
		"a file":        {append([]byte("ARROW1\x00\x00"), ours...), "write an Arrow IPC stream, not a file"},
		"trailing":      {append(bytes.Clone(ours), 0, 0, 0, 0, 0, 0, 0, 0), "8 bytes follow the end of the stream"},
		"no schema":     {ours[8+binary.LittleEndian.Uint32(ours[4:]):], "want=Schema"},
		"metadata only": {ours[:200], "the stream ends within"},
		"odd metadata":  {append([]byte{0xff, 0xff, 0xff, 0xff, 9, 0, 0, 0}, make([]byte, 9)...), "no multiple of 8"},
		"long metadata": {append([]byte{0xff, 0xff, 0xff, 0xff, 0xf8, 0xff, 0xff, 0xff}, make([]byte, 64)...), "the stream ends within"},
		"no metadata":   {append([]byte{0xff, 0xff, 0xff, 0xff, 64, 0, 0, 0}, make([]byte, 64)...), "kind 0"},
	} {
		for _, read := range []func([]byte) (arrow.RecordBatch, error){decode, view} {
			if _, err := read(itemOf(c.stream)); err == nil {
				t.Errorf("%s: accepted", name)
			} else {
				wantError(t, err, c.want)
			}
		}
	}
}

// deltaOf is a stream whose second dictionary adds to the first.
func deltaOf(words arrow.RecordBatch) []byte {
	column := words.Column(0).(*array.Dictionary)
	dt := column.DataType().(*arrow.DictionaryType)
	first := array.NewDictionaryArray(dt, array.NewSlice(column.Indices(), 0, 0), array.NewSlice(column.Dictionary(), 0, 2))
	few := array.NewRecordBatch(words.Schema(), []arrow.Array{first}, 0)
	parts := messagesOf(written([]arrow.RecordBatch{few, words}, words.Schema(), ipc.WithDictionaryDeltas(true)))
	return slices.Concat(parts[0], parts[1], parts[3], parts[4], parts[5]) // all but the first batch
}

// TestOtherByteOrder sends what a machine of the other byte order would: only copies can be read.
func TestOtherByteOrder(t *testing.T) {
	other := endian.BigEndian
	if endian.NativeEndian == endian.BigEndian {
		other = endian.LittleEndian
	}
	b := array.NewUint16Builder(memory.DefaultAllocator)
	b.AppendValues([]uint16{0x0100, 0x0200}, nil)
	column := b.NewArray()
	schema := arrow.NewSchemaWithEndian([]arrow.Field{{Name: "n", Type: column.DataType()}}, nil, other)
	item := encode(t, array.NewRecordBatch(schema, []arrow.Array{column}, 2))
	before := bytes.Clone(item)
	for _, read := range []func([]byte) (arrow.RecordBatch, error){decode, view} {
		got, err := read(item)
		if err != nil {
			t.Fatal(err)
		}
		if v := got.Column(0).(*array.Uint16).Uint16Values(); len(v) != 2 || v[0] != 1 || v[1] != 2 {
			t.Errorf("got %v", v)
		}
	}
	if !bytes.Equal(item, before) {
		t.Error("reading changed the item")
	}
}
