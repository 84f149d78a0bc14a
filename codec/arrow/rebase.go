package arrow

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// rebase returns rec with columns that arrow-go's writer can write, to be released by the caller.
// Of slices that do not begin at their array's first element it writes those of unions and list
// views wrongly, or not at all. Such columns are made anew around the same buffers.
func rebase(rec arrow.RecordBatch) arrow.RecordBatch {
	fragile := false
	for _, field := range rec.Schema().Fields() {
		fragile = fragile || isFragile(field.Type)
	}
	if !fragile {
		rec.Retain()
		return rec
	}
	columns := make([]arrow.Array, rec.NumCols())
	for i, column := range rec.Columns() {
		data := rebaseData(column.Data())
		columns[i] = array.MakeFromData(data)
		data.Release()
		defer columns[i].Release()
	}
	var meta arrow.Metadata
	if with, ok := rec.(arrow.RecordBatchWithMetadata); ok {
		meta = with.Metadata()
	}
	return array.NewRecordBatchWithMetadata(rec.Schema(), columns, rec.NumRows(), meta)
}

// isFragile says whether unions or list views are in dt where slicing it slices them.
func isFragile(dt arrow.DataType) bool {
	switch dt := storage(dt).(type) {
	case arrow.UnionType, *arrow.ListViewType, *arrow.LargeListViewType:
		return true
	case *arrow.DictionaryType:
		return isFragile(dt.ValueType)
	case *arrow.RunEndEncodedType:
		return false // what it costs to cut runs is not worth it
	case arrow.NestedType:
		for _, field := range dt.Fields() {
			if isFragile(field.Type) {
				return true
			}
		}
	}
	return false
}

// storage is what dt is, beneath any extension.
func storage(dt arrow.DataType) arrow.DataType {
	for {
		ext, ok := dt.(arrow.ExtensionType)
		if !ok {
			return dt
		}
		dt = ext.StorageType()
	}
}

// rebaseData returns the elements of d as data that begins at offset 0, as do its children.
func rebaseData(d arrow.ArrayData) arrow.ArrayData {
	if !isFragile(d.DataType()) {
		d.Retain()
		return d
	}
	if values, _ := d.Dictionary().(*array.Data); values != nil {
		values := rebaseData(values).(*array.Data)
		defer values.Release()
		return array.NewDataWithDictionary(d.DataType(), d.Len(), d.Buffers(), d.NullN(), d.Offset(), values)
	}
	from, to := d.Offset(), d.Offset()+d.Len()
	bitmap, nulls := rebaseBitmap(d)
	buffers := []*memory.Buffer{bitmap}
	defer func() { memory.ReleaseBuffers(buffers) }()
	var children []arrow.ArrayData
	switch dt := storage(d.DataType()).(type) {
	case *arrow.StructType:
		children = cut(d.Children(), from, to)
	case *arrow.FixedSizeListType:
		children = cut(d.Children(), from*int(dt.Len()), to*int(dt.Len()))
	case *arrow.SparseUnionType:
		buffers = append(buffers, part(d, 1, 1))
		children = cut(d.Children(), from, to)
	case *arrow.DenseUnionType:
		buffers = append(buffers, part(d, 1, 1), part(d, 2, arrow.Int32SizeBytes))
		for i, child := range d.Children() {
			children = append(children, cut(d.Children()[i:i+1], 0, child.Len())...)
		}
	case *arrow.ListViewType:
		buffers = append(buffers, part(d, 1, arrow.Int32SizeBytes), part(d, 2, arrow.Int32SizeBytes))
		children = cut(d.Children(), 0, d.Children()[0].Len())
	case *arrow.LargeListViewType:
		buffers = append(buffers, part(d, 1, arrow.Int64SizeBytes), part(d, 2, arrow.Int64SizeBytes))
		children = cut(d.Children(), 0, d.Children()[0].Len())
	case *arrow.LargeListType:
		offsets, first, last := rebaseOffsets[int64](d)
		buffers = append(buffers, offsets)
		children = cut(d.Children(), first, last)
	default: // lists and maps
		offsets, first, last := rebaseOffsets[int32](d)
		buffers = append(buffers, offsets)
		children = cut(d.Children(), first, last)
	}
	defer func() {
		for _, child := range children {
			child.Release()
		}
	}()
	return array.NewData(d.DataType(), d.Len(), append([]*memory.Buffer(nil), buffers...), children, nulls, 0)
}

// cut returns the elements from and up to to of each child, rebased.
func cut(children []arrow.ArrayData, from, to int) []arrow.ArrayData {
	out := make([]arrow.ArrayData, len(children))
	for i, child := range children {
		s := array.NewSliceData(child, int64(from), int64(to))
		out[i] = rebaseData(s)
		s.Release()
	}
	return out
}

// part is what d's elements of width bytes have of a buffer.
func part(d arrow.ArrayData, buffer, width int) *memory.Buffer {
	b := d.Buffers()[buffer]
	if b == nil || d.Len() == 0 {
		return memory.NewBufferBytes(nil)
	}
	return memory.SliceBuffer(b, d.Offset()*width, d.Len()*width)
}

func rebaseBitmap(d arrow.ArrayData) (bitmap *memory.Buffer, nulls int) {
	b := d.Buffers()[0]
	if b == nil || d.NullN() == 0 {
		return nil, 0
	}
	moved := make([]byte, bitutil.BytesForBits(int64(d.Len())))
	bitutil.CopyBitmap(b.Bytes(), d.Offset(), d.Len(), moved, 0)
	return memory.NewBufferBytes(moved), d.Len() - bitutil.CountSetBits(moved, 0, d.Len())
}

// rebaseOffsets returns a list's offsets so that the first is 0, and which elements they span.
func rebaseOffsets[O int32 | int64](d arrow.ArrayData) (offsets *memory.Buffer, first, last int) {
	if d.Len() == 0 {
		return memory.NewBufferBytes(nil), 0, 0
	}
	old := arrow.GetData[O](d.Buffers()[1].Bytes())[d.Offset():][:d.Len()+1]
	moved := make([]O, len(old))
	for i, offset := range old {
		moved[i] = offset - old[0]
	}
	return memory.NewBufferBytes(arrow.GetBytes(moved)), int(old[0]), int(old[d.Len()])
}
