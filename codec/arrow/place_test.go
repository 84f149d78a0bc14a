package arrow_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ctwo-go/c2/internal/race"
)

// buffersOf visits all buffers of a batch that are not empty, those of dictionaries too.
func buffersOf(rec arrow.RecordBatch, visit func([]byte)) {
	var walk func(d arrow.ArrayData)
	walk = func(d arrow.ArrayData) {
		for _, b := range d.Buffers() {
			if b != nil && b.Len() > 0 {
				visit(b.Bytes())
			}
		}
		for _, child := range d.Children() {
			walk(child)
		}
		if values, _ := d.Dictionary().(*array.Data); values != nil {
			walk(values)
		}
	}
	for _, column := range rec.Columns() {
		walk(column.Data())
	}
}

func TestViewLiesInItem(t *testing.T) {
	for i, dt := range allTypes() {
		item := encode(t, batchOf(rand.New(rand.NewPCG(5, uint64(i))), dt, 100))
		n := 0
		buffersOf(must(view(item)), func(b []byte) {
			if n++; !within(item, b) {
				t.Errorf("%v: a buffer of %d bytes was copied", dt, len(b))
			}
		})
		if n == 0 && dt != arrow.Null {
			t.Errorf("%v: there are no buffers", dt)
		}
		buffersOf(must(decode(item)), func(b []byte) {
			if within(item, b) {
				t.Errorf("%v: a decoded buffer of %d bytes is no copy", dt, len(b))
			}
		})
	}
}

// TestDecodedIsOwned changes the item behind a decoded batch.
func TestDecodedIsOwned(t *testing.T) {
	want := randomBatch(rand.New(rand.NewPCG(6, 1)))
	item := encode(t, want)
	got := must(decode(item))
	clear(item)
	equal(t, got, want)
}

func TestViewOutOfPlaceCopies(t *testing.T) {
	want := batchOf(rand.New(rand.NewPCG(7, 1)), arrow.PrimitiveTypes.Float64, 100)
	item := encode(t, want)
	moved := alignedBytes(len(item) + 1)[1:]
	copy(moved, item)
	got := must(view(moved))
	equal(t, got, want)
	buffersOf(got, func(b []byte) {
		if within(moved, b) {
			t.Error("a buffer lies where no number can")
		}
	})
}

// TestBodiesAreAligned looks for the bodies at multiples of 64, and so at the first buffer.
func TestBodiesAreAligned(t *testing.T) {
	for seed := range uint64(50) {
		at := 0
		for _, message := range messagesOf(streamOf(encode(t, randomBatch(rand.New(rand.NewPCG(8, seed)))))) {
			if body := at + 8 + len(metadataOf(message)); body%64 != 0 && len(message) > 8 {
				t.Errorf("seed %d: a body lies at %d", seed, body)
			}
			at += len(message)
		}
	}
}

// TestNothingLargeIsCopied counts the bytes that are allocated beside the room for a batch of 42 MB.
func TestNothingLargeIsCopied(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	rec := table(1e6, true)
	v := reflect.ValueOf(&rec).Elem()
	room := alignedBytes(batches().Size(v))
	var item []byte
	for name, f := range map[string]func(){
		"Size":   func() { batches().Size(v) },
		"Append": func() { item = must(batches().Append(room[:0], v)) },
	} {
		if n := allocated(f); n > 64<<10 {
			t.Errorf("%s allocates %d bytes", name, n)
		}
	}
	if n := allocated(func() { must(view(item)) }); n > 64<<10 {
		t.Errorf("a view allocates %d bytes", n)
	}
}

func allocated(f func()) uint64 {
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestEncodingGivesUpItsReferences has the batch in memory that counts what is given back.
func TestEncodingGivesUpItsReferences(t *testing.T) {
	for _, dt := range append(nestedTypes(arrow.PrimitiveTypes.Int64), arrow.PrimitiveTypes.Int64) {
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		b := array.NewBuilder(mem, dt)
		for range 50 {
			appendRandom(rand.New(rand.NewPCG(10, 1)), b, 1)
		}
		column := b.NewArray()
		b.Release()
		rec := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "c", Type: dt, Nullable: true}}, nil), []arrow.Array{column}, 50)
		column.Release()
		part := rec.NewSlice(3, 40)
		encode(t, rec)
		encode(t, part)
		part.Release()
		rec.Release()
		mem.AssertSize(t, 0)
	}
}

// TestViewIsReadByMany shares a view among goroutines, for the race detector to watch.
func TestViewIsReadByMany(t *testing.T) {
	rec := must(view(encode(t, randomBatch(rand.New(rand.NewPCG(11, 3))))))
	want := fmt.Sprint(rec)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			rec.Retain()
			defer rec.Release()
			if got := fmt.Sprint(rec); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			for _, column := range rec.Columns() {
				column.NullN()
			}
		})
	}
	done.Wait()
}
