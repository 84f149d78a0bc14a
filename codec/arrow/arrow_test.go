package arrow_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ctwo-go/c2/codec"
	c2arrow "github.com/ctwo-go/c2/codec/arrow"
)

func TestMain(m *testing.M) {
	if err := c2arrow.Register(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func batches() *codec.Codec { return must(codec.For(reflect.TypeFor[arrow.RecordBatch]())) }

// encode is rec as an item in memory that begins at a multiple of 64.
func encode(t testing.TB, rec arrow.RecordBatch) []byte {
	t.Helper()
	v := reflect.ValueOf(&rec).Elem()
	room := alignedBytes(batches().Size(v))
	item, err := batches().Append(room[:0], v)
	if err != nil {
		t.Fatal(err)
	}
	if len(item) > len(room) {
		t.Fatalf("Size is %d, %d bytes were added", len(room), len(item))
	}
	return item
}

func decode(item []byte) (rec arrow.RecordBatch, err error) {
	_, err = batches().Decode(item, reflect.ValueOf(&rec).Elem())
	return rec, err
}

func view(item []byte) (rec arrow.RecordBatch, err error) {
	_, _, err = batches().View(item, reflect.ValueOf(&rec).Elem())
	return rec, err
}

// streamOf is what an item holds: it begins with the first message's mark.
func streamOf(item []byte) []byte {
	return item[bytes.Index(item, []byte{0xff, 0xff, 0xff, 0xff}):]
}

// itemOf is an item that holds a stream, in memory where that begins at a multiple of 64.
func itemOf(stream []byte) []byte {
	item := must(codec.Marshal(codec.Opaque{Name: c2arrow.Name, Data: stream}))
	lead := -(len(item) - len(stream)) & 63
	room := alignedBytes(lead + len(item))
	copy(room[lead:], item)
	return room[lead:]
}

func equal(t *testing.T, got, want arrow.RecordBatch) {
	t.Helper()
	if !got.Schema().Equal(want.Schema()) || got.Schema().Metadata().String() != want.Schema().Metadata().String() {
		t.Errorf("the schema is %v\nwant %v", got.Schema(), want.Schema())
	}
	if got.NumRows() != want.NumRows() || !array.RecordEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func roundTrip(t *testing.T, want arrow.RecordBatch) {
	t.Helper()
	item := encode(t, want)
	for _, read := range []func([]byte) (arrow.RecordBatch, error){decode, view} {
		got, err := read(item)
		if err != nil {
			t.Errorf("%v: %v", want.Schema(), err)
			continue
		}
		equal(t, got, want)
		got.Release()
	}
}

func TestEveryType(t *testing.T) {
	for i, dt := range allTypes() {
		t.Run(dt.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for _, rows := range []int{0, 1, 9, 200} {
				roundTrip(t, batchOf(r, dt, rows))
			}
		})
	}
}

func TestSlices(t *testing.T) {
	for i, dt := range allTypes() {
		t.Run(dt.String(), func(t *testing.T) {
			r := rand.New(rand.NewPCG(2, uint64(i)))
			whole := batchOf(r, dt, 200)
			for _, s := range [][2]int64{{0, 200}, {0, 7}, {3, 3}, {3, 200}, {64, 130}, {199, 200}} {
				part := whole.NewSlice(s[0], s[1])
				roundTrip(t, part)
				again, err := view(encode(t, part))
				if err != nil {
					t.Fatal(err)
				}
				if n := again.NumRows(); n > 2 { // a slice of a view
					roundTrip(t, again.NewSlice(1, n-1))
				}
			}
		})
	}
}

func TestRandomBatches(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(3, seed))
		rec := randomBatch(r)
		roundTrip(t, rec)
		if n := rec.NumRows(); n > 1 && rec.NumCols() > 0 {
			from := r.Int64N(n)
			roundTrip(t, rec.NewSlice(from, from+r.Int64N(n-from)))
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestNull(t *testing.T) {
	type answer struct{ Batch arrow.RecordBatch }
	item := must(codec.Marshal(answer{}))
	got := answer{batchOf(rand.New(rand.NewPCG(1, 1)), arrow.Null, 1)}
	if err := codec.Unmarshal(item, &got); err != nil || got.Batch != nil {
		t.Errorf("no batch is %v, %v", got.Batch, err)
	}
}

func TestInsideOthers(t *testing.T) {
	want := batchOf(rand.New(rand.NewPCG(1, 1)), arrow.BinaryTypes.String, 9)
	item := must(codec.Marshal(map[string][]arrow.RecordBatch{"batches": {want, nil}}))
	var got map[string][]arrow.RecordBatch
	if err := codec.Unmarshal(item, &got); err != nil {
		t.Fatal(err)
	}
	equal(t, got["batches"][0], want)
	if got["batches"][1] != nil {
		t.Error("a nil batch arrives as another")
	}
}

func TestWithoutColumns(t *testing.T) {
	want := array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 5)
	roundTrip(t, want)
	if got := must(decode(encode(t, want))); got.NumRows() != 5 || got.NumCols() != 0 {
		t.Errorf("got %v", got)
	}
}

// TestBatchMetadata keeps what is said of the batch, beside what is said of its schema and fields.
func TestBatchMetadata(t *testing.T) {
	meta := arrow.NewMetadata([]string{"part"}, []string{"7"})
	for _, dt := range []arrow.DataType{arrow.PrimitiveTypes.Int8, nestedTypes(arrow.Null)[7]} {
		one := batchOf(rand.New(rand.NewPCG(1, 1)), dt, 3)
		rec := array.NewRecordBatchWithMetadata(one.Schema(), one.Columns(), 3, meta)
		got := must(decode(encode(t, rec))).(arrow.RecordBatchWithMetadata).Metadata()
		if !got.Equal(meta) {
			t.Errorf("%v: got %v, want %v", dt, got, meta)
		}
	}
}

// dictionaryOf is a column of words from a dictionary of whatever type, with a null.
func dictionaryOf(values arrow.Array) arrow.RecordBatch {
	dt := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: values.DataType(), Ordered: true}
	indices, _, err := array.FromJSON(memory.DefaultAllocator, dt.IndexType, strings.NewReader("[3, 0, null, 5, 2, 5]"))
	column := array.NewDictionaryArray(dt, array.NewSlice(must(indices, err), 1, 6), values)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: dt, Nullable: true}, {Name: "b", Type: dt, Nullable: true}}, nil)
	return array.NewRecordBatch(schema, []arrow.Array{column, column}, 5)
}

// TestDictionaries has those that are shared, sliced and nested.
func TestDictionaries(t *testing.T) {
	inner := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.BinaryTypes.String}
	types := append(nestedTypes(arrow.BinaryTypes.StringView)[:7], arrow.BinaryTypes.StringView, arrow.StructOf(arrow.Field{Name: "d", Type: inner}))
	for i, dt := range types {
		values := arrayWith(rand.New(rand.NewPCG(20, uint64(i))), dt, 20, 0)
		rec := dictionaryOf(array.NewSlice(values, 3, 15))
		roundTrip(t, rec)
		roundTrip(t, rec.NewSlice(1, 4))
	}
}

// TestWhatArrowGoCanNot pins errors that would be no loss.
func TestWhatArrowGoCanNot(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	union := dictionaryOf(arrayOf(r, arrow.DenseUnionOf([]arrow.Field{{Name: "e", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
		{Name: "n", Type: arrow.Null, Nullable: true}}, []arrow.UnionTypeCode{0, 1}), 20))
	_, err := decode(encode(t, union))
	wantError(t, err, "error while reading")
	runs := batchOf(r, arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.ListViewOf(arrow.PrimitiveTypes.Int8)), 40).NewSlice(7, 20)
	_, err = codec.Marshal([]arrow.RecordBatch{runs})
	wantError(t, err, "error while writing")
}

func TestElementsOfNoBytes(t *testing.T) {
	for _, dt := range []arrow.DataType{&arrow.FixedSizeBinaryType{}, arrow.StructOf()} {
		b := array.NewBuilder(memory.DefaultAllocator, dt)
		for range 3 {
			b.AppendNull()
			b.AppendEmptyValue()
		}
		schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: dt, Nullable: true}}, nil)
		roundTrip(t, array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, 6))
	}
}

func TestColumnsOfOtherLengths(t *testing.T) {
	column := arrayOf(rand.New(rand.NewPCG(1, 1)), arrow.PrimitiveTypes.Int8, 5)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.PrimitiveTypes.Int8}}, nil)
	_, err := codec.Marshal([]arrow.RecordBatch{array.NewRecordBatch(schema, []arrow.Array{column}, 3)})
	wantError(t, err, "column 0 has 5 rows in a batch of 3")
	_, err = codec.Marshal([]arrow.RecordBatch{array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, 1<<31)})
	wantError(t, err, "a batch of 2147483648 rows")
}

func TestRegisterTwice(t *testing.T) {
	if err := c2arrow.Register(); err != nil {
		t.Error(err)
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v\nwant ...%s...", err, text)
	}
}
