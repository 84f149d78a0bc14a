package arrow_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ctwo-go/c2/internal/race"
)

// hostile reads a stream of whatever bytes, both ways. What is accepted is read to the last element
// and written again, which must not panic.
func hostile(t *testing.T, stream []byte) {
	t.Helper()
	item := itemOf(stream)
	for _, read := range []func([]byte) (arrow.RecordBatch, error){decode, view} {
		rec, err := read(item)
		if err != nil || rec.NumRows() > 1<<16 {
			continue // as many nulls as are claimed are not worth the time
		}
		_ = fmt.Sprint(rec)
		roundTripBytes(t, rec)
		rec.Release()
	}
}

// roundTripBytes writes a batch that was read.
func roundTripBytes(t *testing.T, rec arrow.RecordBatch) {
	t.Helper()
	if _, err := decode(encode(t, rec)); err != nil {
		t.Errorf("what was read can't be read again: %v", err)
	}
}

// samples are streams of every type.
func samples(t testing.TB) (streams [][]byte) {
	for i, dt := range allTypes() {
		streams = append(streams, streamOf(encode(t, batchOf(rand.New(rand.NewPCG(16, uint64(i))), dt, 9))))
	}
	return streams
}

func TestTruncated(t *testing.T) {
	for _, stream := range samples(t) {
		for n := range len(stream) {
			if n == len(stream)-8 {
				continue // only the mark of the end is missing
			}
			if _, err := decode(itemOf(stream[:n])); err == nil {
				t.Errorf("%d of %d bytes were accepted", n, len(stream))
			}
		}
	}
}

// stride is how many bytes are passed over between those that are changed: there are so many.
func stride() int {
	if race.Enabled {
		return 220
	}
	return 20
}

// TestChangedBytes changes bytes of each sample to values that lengths and offsets dislike.
func TestChangedBytes(t *testing.T) {
	for i, stream := range samples(t) {
		for at := i % stride(); at < len(stream); at += stride() + 1 {
			for _, b := range []byte{0, 1, 0x7f, 0x80, 0xff, stream[at] ^ 1, stream[at] + 8} {
				changed := bytes.Clone(stream)
				changed[at] = b
				hostile(t, changed)
			}
		}
	}
}

// TestLyingOffsets changes what elements refer to, word by word, in the body of the batch.
func TestLyingOffsets(t *testing.T) {
	for i, stream := range samples(t) {
		messages := messagesOf(stream)
		end := len(stream) - 8
		start := end - bodyLength(metadataOf(messages[len(messages)-2]))
		for at := start + i%5*4; at+8 <= end; at += stride() {
			for _, word := range []uint64{1 << 31, math.MaxInt32, math.MaxUint32, math.MaxInt64, 1 << 63, math.MaxUint64, 1000} {
				changed := bytes.Clone(stream)
				binary.LittleEndian.PutUint64(changed[at:], word)
				hostile(t, changed)
			}
		}
	}
}

func TestSchemasThatAreTooMuch(t *testing.T) {
	deep := arrow.DataType(arrow.PrimitiveTypes.Int8)
	for range 64 {
		deep = arrow.ListOf(deep)
	}
	wide := make([]arrow.Field, 1<<16+1)
	for i := range wide {
		wide[i] = arrow.Field{Name: "f", Type: arrow.Null}
	}
	for name, stream := range map[string][]byte{
		"deep":     written(nil, arrow.NewSchema([]arrow.Field{{Name: "d", Type: deep}}, nil)),
		"wide":     written(nil, arrow.NewSchema(wide, nil)),
		"doubling": doubling(40),
	} {
		_, err := decode(itemOf(stream))
		if wantError(t, err, "the schema has more than 65536 fields or 64 levels"); t.Failed() {
			t.Fatal(name)
		}
	}
}

// doubling is a schema of levels fields, each of which has the next as both of its children, so that
// a reader who follows them meets 2^levels.
func doubling(levels int) []byte {
	le := binary.LittleEndian
	words := func(b []byte, words ...uint16) []byte {
		for _, w := range words {
			b = le.AppendUint16(b, w)
		}
		return b
	}
	b := le.AppendUint32(nil, 16)                   // the message lies at 16
	b = words(b, 10, 12, 0, 8, 4, 0)                // its vtable: kind at 8, header at 4
	b = le.AppendUint32(le.AppendUint32(b, 12), 20) // at 16 the vtable's distance, and that to the schema
	b = words(b, 1, 0, 8, 8, 0, 4)                  // at 24 the kind; at 28 the schema's vtable: fields at 4
	b = le.AppendUint32(le.AppendUint32(b, 0), 0)   // at 36 what is no table
	le.PutUint32(b[20:], uint32(len(b))-20)         // so the schema lies here
	b = le.AppendUint32(le.AppendUint32(b, uint32(len(b)-28)), 4)
	b = le.AppendUint32(b, 1) // one field
	b = le.AppendUint32(b, 4+16)
	for range levels {
		b = words(b, 16, 8, 0, 0, 0, 0, 0, 4) // a field's vtable: children at 4
		b = le.AppendUint32(le.AppendUint32(b, 16), 4)
		b = le.AppendUint32(b, 2)
		b = le.AppendUint32(le.AppendUint32(b, 8+16), 4+16)
	}
	b = words(b, 16, 8, 0, 0, 0, 0, 0, 0)
	b = le.AppendUint32(le.AppendUint32(b, 16), 0)
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return append(le.AppendUint32([]byte{0xff, 0xff, 0xff, 0xff}, uint32(len(b))), b...)
}

// batchTable is where the header of a batch lies in its metadata.
func batchTable(meta []byte) int {
	at := fieldAt(meta, int(binary.LittleEndian.Uint32(meta)), 8)
	return at + int(binary.LittleEndian.Uint32(meta[at:]))
}

// vectorAt is where the length of a table's vector lies; the elements follow.
func vectorAt(meta []byte, table, slot int) int {
	at := fieldAt(meta, table, slot)
	return at + int(binary.LittleEndian.Uint32(meta[at:]))
}

func TestMiscountedViews(t *testing.T) {
	sample := streamOf(encode(t, batchOf(rand.New(rand.NewPCG(18, 1)), arrow.BinaryTypes.StringView, 50)))
	for name, change := range map[string]func(counts []byte){
		"more than there are": func(b []byte) { binary.LittleEndian.PutUint64(b[4:], 1<<40) },
		"less than nothing":   func(b []byte) { binary.LittleEndian.PutUint64(b[4:], math.MaxUint64) },
		"no count":            func(b []byte) { binary.LittleEndian.PutUint32(b, 0) },
	} {
		stream := bytes.Clone(sample)
		meta := metadataOf(messagesOf(stream)[1])
		change(meta[vectorAt(meta, batchTable(meta), 12):])
		_, err := decode(itemOf(stream))
		if wantError(t, err, "the buffers of string or binary views are miscounted"); t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestOverlappingBuffers gives all columns the whole body: to check it once for each takes long.
func TestOverlappingBuffers(t *testing.T) {
	stream := streamOf(encode(t, table(50, true)))
	message := messagesOf(stream)[1]
	meta := metadataOf(message)
	at := vectorAt(meta, batchTable(meta), 8)
	for i := range binary.LittleEndian.Uint32(meta[at:]) {
		binary.LittleEndian.PutUint64(meta[at+4+16*int(i):], 0)
		binary.LittleEndian.PutUint64(meta[at+4+16*int(i)+8:], uint64(bodyLength(meta)))
	}
	_, err := decode(itemOf(stream))
	wantError(t, err, "buffers overlap")
}

func FuzzDecode(f *testing.F) {
	for i, stream := range samples(f) {
		if i%3 == 0 {
			f.Add(stream)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte) { hostile(t, stream) })
}
