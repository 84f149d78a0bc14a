package arrow_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// flatTypes are those without others inside, but for the values of a dictionary.
func flatTypes() []arrow.DataType {
	types := []arrow.DataType{
		arrow.Null, arrow.FixedWidthTypes.Boolean,
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.StringView,
		arrow.BinaryTypes.Binary, arrow.BinaryTypes.LargeBinary, arrow.BinaryTypes.BinaryView,
		&arrow.FixedSizeBinaryType{ByteWidth: 5},
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64,
		arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time64ns,
		arrow.FixedWidthTypes.Timestamp_ns, &arrow.TimestampType{Unit: arrow.Second, TimeZone: "Europe/Berlin"},
		arrow.FixedWidthTypes.Duration_us, arrow.FixedWidthTypes.MonthInterval,
		arrow.FixedWidthTypes.DayTimeInterval, arrow.FixedWidthTypes.MonthDayNanoInterval,
		&arrow.Decimal32Type{Precision: 9, Scale: 2}, &arrow.Decimal64Type{Precision: 18, Scale: 2},
		&arrow.Decimal128Type{Precision: 38, Scale: 2}, &arrow.Decimal256Type{Precision: 70, Scale: 2},
	}
	for _, index := range []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Uint16,
		arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Uint64,
	} {
		types = append(types, &arrow.DictionaryType{IndexType: index, ValueType: arrow.BinaryTypes.String})
	}
	return types
}

// nestedTypes are all those that have others inside, around elem.
func nestedTypes(elem arrow.DataType) []arrow.DataType {
	fields := []arrow.Field{{Name: "e", Type: elem, Nullable: true}, {Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true}}
	return []arrow.DataType{
		arrow.ListOf(elem), arrow.LargeListOf(elem), arrow.FixedSizeListOf(3, elem),
		arrow.ListViewOf(elem), arrow.LargeListViewOf(elem),
		arrow.StructOf(fields...), arrow.MapOfFields(arrow.Field{Type: arrow.BinaryTypes.String}, fields[0]),
		arrow.SparseUnionOf(fields, []arrow.UnionTypeCode{5, 9}), arrow.DenseUnionOf(fields, []arrow.UnionTypeCode{0, 1}),
	}
}

// runTypes are run-end encoded, with each kind of ends.
func runTypes() []arrow.DataType {
	return []arrow.DataType{
		arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int16, arrow.BinaryTypes.String),
		arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Float64),
		arrow.RunEndEncodedOf(arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int8),
	}
}

func allTypes() []arrow.DataType {
	types := append(flatTypes(), runTypes()...)
	for _, elem := range []arrow.DataType{arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, arrow.BinaryTypes.StringView, arrow.ListOf(arrow.BinaryTypes.String)} {
		types = append(types, nestedTypes(elem)...)
	}
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	return append(types, arrow.ListOf(dictionary), arrow.StructOf(arrow.Field{Name: "d", Type: dictionary, Nullable: true}))
}

// batchOf is one column of rows random values.
func batchOf(r *rand.Rand, dt arrow.DataType, rows int) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{{Name: "column", Type: dt, Nullable: true}}, nil)
	column := arrayOf(r, dt, rows)
	defer column.Release()
	return array.NewRecordBatch(schema, []arrow.Array{column}, int64(rows))
}

// randomBatch has up to five columns of whatever types.
func randomBatch(r *rand.Rand) arrow.RecordBatch {
	rows := []int{0, 1, 7, 64, 65, 300}[r.IntN(6)]
	types, fields, columns := allTypes(), []arrow.Field{}, []arrow.Array{}
	for i := range r.IntN(6) {
		dt := types[r.IntN(len(types))]
		if r.IntN(4) == 0 {
			around := nestedTypes(dt)
			dt = around[r.IntN(len(around))]
		}
		meta := arrow.NewMetadata([]string{"unit"}, []string{fmt.Sprint(i)})
		fields = append(fields, arrow.Field{Name: fmt.Sprint("c", i), Type: dt, Nullable: true, Metadata: meta})
		columns = append(columns, arrayOf(r, dt, rows))
	}
	meta := arrow.NewMetadata([]string{"source"}, []string{"test"})
	return array.NewRecordBatch(arrow.NewSchema(fields, &meta), columns, int64(rows))
}

func arrayOf(r *rand.Rand, dt arrow.DataType, rows int) arrow.Array {
	return arrayWith(r, dt, rows, r.IntN(3))
}

// arrayWith has no nulls, some or a few.
func arrayWith(r *rand.Rand, dt arrow.DataType, rows, nulls int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, dt)
	defer b.Release()
	for range rows {
		appendRandom(r, b, nulls)
	}
	return b.NewArray()
}

func text(r *rand.Rand) string {
	return "a text that is longer than what a view has room for"[r.IntN(10):][:r.IntN(30)]
}

// appendRandom adds a random value; one of 3*nulls is null, for 0 none.
func appendRandom(r *rand.Rand, b array.Builder, nulls int) {
	dt := b.Type()
	if _, union := dt.(arrow.UnionType); !union && nulls > 0 && r.IntN(3*nulls) == 0 {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(r.Int()))
	case *array.Int16Builder:
		b.Append(int16(r.Int()))
	case *array.Int32Builder:
		b.Append(int32(r.Int()))
	case *array.Int64Builder:
		b.Append(int64(r.Uint64()))
	case *array.Uint8Builder:
		b.Append(uint8(r.Int()))
	case *array.Uint16Builder:
		b.Append(uint16(r.Int()))
	case *array.Uint32Builder:
		b.Append(uint32(r.Int()))
	case *array.Uint64Builder:
		b.Append(r.Uint64())
	case *array.Float16Builder:
		b.Append(float16.New(float32(r.IntN(100))))
	case *array.Float32Builder:
		b.Append(r.Float32())
	case *array.Float64Builder:
		b.Append(r.Float64())
	case *array.StringBuilder:
		b.Append(text(r))
	case *array.LargeStringBuilder:
		b.Append(text(r))
	case *array.StringViewBuilder:
		b.Append(text(r))
	case *array.BinaryViewBuilder:
		b.Append([]byte(text(r)))
	case *array.BinaryBuilder:
		b.Append([]byte(text(r)))
	case *array.FixedSizeBinaryBuilder:
		b.Append([]byte("12345"))
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.IntN(20000)))
	case *array.Date64Builder:
		b.Append(arrow.Date64(r.IntN(20000) * 86400000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(r.IntN(86400)))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.IntN(86400)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.IntN(1e9)))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(r.IntN(1e9)))
	case *array.MonthIntervalBuilder:
		b.Append(arrow.MonthInterval(r.IntN(100)))
	case *array.DayTimeIntervalBuilder:
		b.Append(arrow.DayTimeInterval{Days: int32(r.IntN(100)), Milliseconds: int32(r.IntN(100))})
	case *array.MonthDayNanoIntervalBuilder:
		b.Append(arrow.MonthDayNanoInterval{Months: int32(r.IntN(100)), Days: int32(r.IntN(100)), Nanoseconds: int64(r.IntN(100))})
	case *array.Decimal32Builder:
		b.Append(decimal.Decimal32(r.IntN(1e6)))
	case *array.Decimal64Builder:
		b.Append(decimal.Decimal64(r.IntN(1e9)))
	case *array.Decimal128Builder:
		b.Append(decimal128.FromU64(r.Uint64()))
	case *array.Decimal256Builder:
		b.Append(decimal256.FromU64(r.Uint64()))
	case *array.BinaryDictionaryBuilder:
		if err := b.AppendString(string(rune('a' + r.IntN(9)))); err != nil {
			panic(err)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			appendRandom(r, b.FieldBuilder(i), nulls)
		}
	case *array.MapBuilder:
		b.Append(true)
		for range r.IntN(4) {
			appendRandom(r, b.KeyBuilder(), 0)
			appendRandom(r, b.ItemBuilder(), nulls)
		}
	case *array.FixedSizeListBuilder:
		b.Append(true)
		for range 3 {
			appendRandom(r, b.ValueBuilder(), nulls)
		}
	case array.VarLenListLikeBuilder:
		n := r.IntN(4)
		b.AppendWithSize(true, n)
		for range n {
			appendRandom(r, b.ValueBuilder(), nulls)
		}
	case *array.SparseUnionBuilder:
		at := r.IntN(2)
		b.Append(dt.(arrow.UnionType).TypeCodes()[at])
		appendRandom(r, b.Child(at), nulls)
		b.Child(1 - at).AppendEmptyValue()
	case *array.DenseUnionBuilder:
		at := r.IntN(2)
		b.Append(dt.(arrow.UnionType).TypeCodes()[at])
		appendRandom(r, b.Child(at), nulls)
	case *array.RunEndEncodedBuilder:
		if b.Len() > 0 && r.IntN(2) == 0 {
			b.ContinueRun(1)
			return
		}
		b.Append(1)
		appendRandom(r, b.ValueBuilder(), 0)
	default:
		panic(fmt.Sprintf("no random %v", dt))
	}
}
