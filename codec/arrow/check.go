package arrow

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// check makes sure that no access to an element of rec, which came in size bytes, can leave its
// array. array.ValidateFull would also read every string, and takes overlapping buffers, which can
// be as many times as long to check as there are columns.
func check(rec arrow.RecordBatch, size int) error {
	if err := checkRows(rec); err != nil {
		return err
	}
	c := &checker{left: size, dictionaries: map[arrow.ArrayData]bool{}}
	for i, column := range rec.Columns() {
		if err := c.array(column.Data()); err != nil {
			return fmt.Errorf("column %d (%.64q): %w", i, rec.ColumnName(i), err)
		}
	}
	return nil
}

type checker struct {
	left         int                      // bytes that buffers may still have
	dictionaries map[arrow.ArrayData]bool // those checked: columns share them
}

// array checks d, which begins at offset 0, as all do that come from a stream.
func (c *checker) array(d arrow.ArrayData) error {
	dt := storage(d.DataType())
	if d.Len() < 0 || d.NullN() < 0 || d.NullN() > d.Len() {
		return fmt.Errorf("%d of %d elements are null", d.NullN(), d.Len())
	}
	if err := c.buffers(d, dt); err != nil {
		return err
	}
	for _, child := range d.Children() {
		if err := c.array(child); err != nil {
			return err
		}
	}
	return c.content(d, dt)
}

// buffers checks that they are as long as d's elements need.
func (c *checker) buffers(d arrow.ArrayData, dt arrow.DataType) error {
	buffers := d.Buffers()
	for _, b := range buffers {
		if c.left -= length(b); c.left < 0 {
			return errors.New("buffers overlap")
		}
		if b != nil && !aligned(b.Bytes()) {
			return errors.New("a buffer does not lie at a multiple of 8")
		}
	}
	if _, ok := dt.(arrow.UnionType); ok {
		buffers = buffers[1:] // the first one is reserved
	}
	for i, spec := range dt.Layout().Buffers {
		room := math.MaxInt
		switch {
		case spec.Kind == arrow.KindFixedWidth && spec.ByteWidth > 0:
			room = length(buffers[i]) / spec.ByteWidth
		case spec.Kind == arrow.KindFixedWidth && spec.ByteWidth < 0:
			return fmt.Errorf("elements of %d bytes", spec.ByteWidth)
		case spec.Kind == arrow.KindBitmap && (i > 0 || buffers[i] != nil):
			room = 8 * length(buffers[i])
		}
		if d.Len() > room {
			return fmt.Errorf("a buffer of %d bytes is too short for %d elements of type %v", length(buffers[i]), d.Len(), dt.ID())
		}
	}
	return checkNulls(d, dt)
}

func checkNulls(d arrow.ArrayData, dt arrow.DataType) error {
	nulls := 0
	switch {
	case dt.ID() == arrow.NULL:
		nulls = d.Len()
	case len(d.Buffers()) > 0 && d.Buffers()[0] != nil:
		nulls = d.Len() - bitutil.CountSetBits(d.Buffers()[0].Bytes(), 0, d.Len())
	}
	if nulls != d.NullN() {
		return fmt.Errorf("%d elements are null, %d are declared", nulls, d.NullN())
	}
	return nil
}

// content checks what d's elements refer to.
func (c *checker) content(d arrow.ArrayData, dt arrow.DataType) error {
	switch dt := dt.(type) {
	case arrow.BinaryViewDataType:
		return checkViews(d)
	case *arrow.DictionaryType:
		return c.dictionary(d, dt)
	case arrow.DecimalType:
		return checkDecimal(dt)
	case *arrow.StructType:
		return checkChildren(d, 1)
	case *arrow.FixedSizeListType:
		return checkChildren(d, int(dt.Len()))
	case arrow.UnionType:
		return checkUnion(d, dt)
	case *arrow.RunEndEncodedType:
		return checkRuns(d)
	case arrow.BinaryDataType:
		return checkOffsets(d, dt.Layout(), length(d.Buffers()[2]))
	case *arrow.ListViewType:
		return checkListView[int32](d)
	case *arrow.LargeListViewType:
		return checkListView[int64](d)
	case arrow.ListLikeType:
		return checkOffsets(d, dt.Layout(), d.Children()[0].Len())
	}
	return nil
}

func (c *checker) dictionary(d arrow.ArrayData, dt *arrow.DictionaryType) error {
	values, _ := d.Dictionary().(*array.Data)
	if values == nil {
		return errors.New("a dictionary is missing")
	}
	if !c.dictionaries[values] {
		c.dictionaries[values] = true
		if err := c.array(values); err != nil {
			return fmt.Errorf("dictionary: %w", err)
		}
	}
	b, valid := bytesOf(d.Buffers()[1]), bytesOf(d.Buffers()[0])
	switch dt.IndexType.ID() {
	case arrow.INT8:
		return checkIndices(arrow.GetData[int8](b), valid, d.Len(), values.Len())
	case arrow.UINT8:
		return checkIndices(arrow.GetData[uint8](b), valid, d.Len(), values.Len())
	case arrow.INT16:
		return checkIndices(arrow.GetData[int16](b), valid, d.Len(), values.Len())
	case arrow.UINT16:
		return checkIndices(arrow.GetData[uint16](b), valid, d.Len(), values.Len())
	case arrow.INT32:
		return checkIndices(arrow.GetData[int32](b), valid, d.Len(), values.Len())
	case arrow.UINT32:
		return checkIndices(arrow.GetData[uint32](b), valid, d.Len(), values.Len())
	case arrow.INT64:
		return checkIndices(arrow.GetData[int64](b), valid, d.Len(), values.Len())
	default:
		return checkIndices(arrow.GetData[uint64](b), valid, d.Len(), values.Len())
	}
}

func length(b *memory.Buffer) int {
	if b == nil {
		return 0
	}
	return b.Len()
}

func bytesOf(b *memory.Buffer) []byte {
	if b == nil {
		return nil
	}
	return b.Bytes()
}
