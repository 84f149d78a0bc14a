package arrow

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

var (
	errOffsets = errors.New("offsets are out of order or out of range")
	errIndex   = errors.New("an index is out of the dictionary's range")
	errCodes   = errors.New("a type code or offset is out of the union's range")
	errView    = errors.New("a view is out of the range of its buffers")
	errRunEnds = errors.New("run ends are out of order or too few")
)

// checkDecimal bounds what printing a decimal allocates.
func checkDecimal(dt arrow.DecimalType) error {
	const maxPrecision, maxScale = 76, 1024
	if p, s := dt.GetPrecision(), dt.GetScale(); p < 0 || p > maxPrecision || s < -maxScale || s > maxScale {
		return fmt.Errorf("decimals of precision %d and scale %d; at most %d and %d are accepted", p, s, maxPrecision, maxScale)
	}
	return nil
}

// checkChildren makes sure that each child has times as many elements as d.
func checkChildren(d arrow.ArrayData, times int) error {
	if times < 0 {
		return fmt.Errorf("lists of %d elements", times)
	}
	for _, child := range d.Children() {
		if times > 0 && d.Len() > child.Len()/times {
			return fmt.Errorf("%d elements need %d times as many below them, not %d", d.Len(), times, child.Len())
		}
	}
	return nil
}

// checkOffsets checks offsets into limit elements or bytes.
func checkOffsets(d arrow.ArrayData, layout arrow.DataTypeLayout, limit int) error {
	b := bytesOf(d.Buffers()[1])
	if layout.Buffers[1].ByteWidth == 8 {
		return checkAscending(arrow.GetData[int64](b), d.Len(), limit)
	}
	return checkAscending(arrow.GetData[int32](b), d.Len(), limit)
}

// checkAscending collects the signs of offsets and of their differences, which is several times as
// fast as to compare them. A difference can only overflow next to an offset below zero.
func checkAscending[O int32 | int64](offsets []O, n, limit int) error {
	if n == 0 {
		return nil
	}
	if n >= len(offsets) {
		return errOffsets
	}
	var last, signs O
	for _, offset := range offsets[:n+1] {
		signs |= offset | (offset - last)
		last = offset
	}
	if signs < 0 || int64(last) > int64(limit) {
		return errOffsets
	}
	return nil
}

func checkListView[O int32 | int64](d arrow.ArrayData) error {
	n, limit := d.Len(), int64(d.Children()[0].Len())
	offsets, sizes := arrow.GetData[O](bytesOf(d.Buffers()[1])), arrow.GetData[O](bytesOf(d.Buffers()[2]))
	for i := range n {
		if offset, size := int64(offsets[i]), int64(sizes[i]); offset < 0 || size < 0 || offset > limit || size > limit-offset {
			return errOffsets
		}
	}
	return nil
}

func checkViews(d arrow.ArrayData) error {
	valid, views := bytesOf(d.Buffers()[0]), arrow.GetData[arrow.ViewHeader](bytesOf(d.Buffers()[1]))
	for i := range d.Len() {
		if valid != nil && !bitutil.BitIsSet(valid, i) {
			continue
		}
		v := &views[i]
		if v.Len() < 0 {
			return errView
		}
		if v.IsInline() {
			continue
		}
		at, offset := int(v.BufferIndex()), int64(v.BufferOffset())
		if at < 0 || at >= len(d.Buffers())-2 || offset < 0 || offset+int64(v.Len()) > int64(length(d.Buffers()[2+at])) {
			return errView
		}
	}
	return nil
}

func checkRuns(d arrow.ArrayData) error {
	ends, values := d.Children()[0], d.Children()[1]
	if ends.NullN() != 0 || values.Len() < ends.Len() {
		return errRunEnds
	}
	b := bytesOf(ends.Buffers()[1])
	switch ends.DataType().ID() {
	case arrow.INT16:
		return checkRunEnds(arrow.GetData[int16](b), ends.Len(), d.Len())
	case arrow.INT32:
		return checkRunEnds(arrow.GetData[int32](b), ends.Len(), d.Len())
	default:
		return checkRunEnds(arrow.GetData[int64](b), ends.Len(), d.Len())
	}
}

func checkRunEnds[E int16 | int32 | int64](ends []E, runs, n int) error {
	last := E(0)
	for i := range runs {
		if ends[i] <= last {
			return errRunEnds
		}
		last = ends[i]
	}
	if int64(last) < int64(n) {
		return errRunEnds
	}
	return nil
}

func checkUnion(d arrow.ArrayData, dt arrow.UnionType) error {
	ids, codes := dt.ChildIDs(), bytesOf(d.Buffers()[1])
	for _, code := range codes[:d.Len()] {
		if int(code) >= len(ids) || ids[code] == arrow.InvalidUnionChildID {
			return errCodes
		}
	}
	if dt.Mode() == arrow.SparseMode {
		return checkChildren(d, 1)
	}
	offsets := arrow.GetData[int32](bytesOf(d.Buffers()[2]))
	for i, code := range codes[:d.Len()] {
		if offset := int(offsets[i]); offset < 0 || offset >= d.Children()[ids[code]].Len() {
			return errCodes
		}
	}
	return nil
}

func checkIndices[I int8 | uint8 | int16 | uint16 | int32 | uint32 | int64 | uint64](indices []I, valid []byte, n, limit int) error {
	for i := range n {
		// An index below zero is beyond any limit.
		if uint64(indices[i]) >= uint64(limit) && (valid == nil || bitutil.BitIsSet(valid, i)) {
			return errIndex
		}
	}
	return nil
}
