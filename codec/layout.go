package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The layout of columns, little-endian throughout; docs/columns.md says it in full.
//
//	prologue      0  magic, 6 bytes    6  version, u16    8  length of the header, u32
//	             12  columns, u32     16  length of the whole, u64
//	description   0  its length, u32   4  shape, u8       5  flags, u8        6  length of the name, u16
//	             8  count, u64        16  offset, u64    24  bytes, u64
//	             32  element size, u32                   36  parts, u32
//	             40  attachment, u32                     44  zero, u32      48  name, then the parts
//
// The header is the prologue and one description per column. The data of the columns follow that
// are in no attachment: it is 0, and else counts from 1.
const (
	columnsMagic   = "c2cols"
	columnsVersion = 1

	prologueSize    = 24
	descriptionSize = 48

	maxHeader = 1 << 20 // bytes

	listAlign   = 64 // where lists begin, from the start of the whole
	scalarAlign = 8  // and all else

	flagNil = 1 // the slice is nil
)

// shape says what a column's data are.
type shape byte

const (
	shapeScalar shape = iota + 1 // one element
	shapeList                    // count elements
	shapeText                    // count bytes
	shapeTexts                   // count+1 offsets of element size bytes, then the texts that they part
	shapeTime                    // seconds since 1970, i64; nanoseconds, u32; seconds east of UTC, i32
)

// timeWidth is the size of a shapeTime.
const timeWidth = 16

// description is a column as the header of a payload has it.
type description struct {
	name       []byte // belongs to the payload, as does layout
	layout     []byte // the parts of an element
	shape      shape
	isNil      bool
	count      uint64
	offset     uint64
	bytes      uint64
	elemSize   uint32
	attachment uint32
}

// appendPrologue writes the prologue of a header whose lengths are not known yet.
func appendPrologue(dst []byte, columns int) []byte {
	dst = append(dst, columnsMagic...)
	dst = binary.LittleEndian.AppendUint16(dst, columnsVersion)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(columns))
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
}

// readPrologue checks the beginning of src and returns the descriptions and how many there are.
func readPrologue(src []byte) (descriptions []byte, n uint32, err error) {
	header, n, err := checkPrologue(src, uint64(len(src)))
	if err != nil {
		return nil, 0, err
	}
	return src[prologueSize:header], n, nil
}

// checkPrologue checks the beginning of columns of size bytes and returns the length of the header and how many
// descriptions there are.
func checkPrologue(src []byte, size uint64) (header, n uint32, err error) {
	if len(src) < prologueSize || string(src[:6]) != columnsMagic {
		return 0, 0, errors.New("these are no columns; register the type on both sides by RegisterColumns")
	}
	if v := binary.LittleEndian.Uint16(src[6:]); v != columnsVersion {
		return 0, 0, fmt.Errorf("columns have version %d, want %d; let both sides use the same c2", v, columnsVersion)
	}
	header, total := binary.LittleEndian.Uint32(src[8:]), binary.LittleEndian.Uint64(src[16:])
	if total != size {
		return 0, 0, fmt.Errorf("columns of %d bytes arrived as %d", total, size)
	}
	if header < prologueSize || header > maxHeader || uint64(header) > total {
		return 0, 0, fmt.Errorf("columns have a header of %d bytes, of %d in all and at most %d", header, total, maxHeader)
	}
	return header, binary.LittleEndian.Uint32(src[12:]), nil
}

// readDescription takes a description off src. Nothing in it is checked yet but where it ends.
func readDescription(src []byte) (d description, rest []byte, err error) {
	if len(src) < descriptionSize {
		return d, nil, errHeader
	}
	size, name := uint64(binary.LittleEndian.Uint32(src)), uint64(binary.LittleEndian.Uint16(src[6:]))
	if size > uint64(len(src)) || size < descriptionSize+name {
		return d, nil, errHeader
	}
	d = description{
		shape:      shape(src[4]),
		isNil:      src[5]&flagNil != 0,
		count:      binary.LittleEndian.Uint64(src[8:]),
		offset:     binary.LittleEndian.Uint64(src[16:]),
		bytes:      binary.LittleEndian.Uint64(src[24:]),
		elemSize:   binary.LittleEndian.Uint32(src[32:]),
		attachment: binary.LittleEndian.Uint32(src[40:]),
		name:       src[descriptionSize : descriptionSize+name],
		layout:     src[descriptionSize+name : size],
	}
	return d, src[size:], nil
}

var errHeader = errors.New("the header of the columns is cut or its lengths are wrong")

// data are the column's bytes in src, the whole, which readPrologue has checked, or in one of the attachments. The header
// is no data: it changes where columns are rewritten.
func (d *description) data(src []byte, attachments [][]byte) ([]byte, error) {
	if d.attachment != 0 {
		if d.shape != shapeList || d.isNil {
			return nil, errors.New("it is attached; only a list that is not nil can be")
		}
		return reference{uint64(d.attachment - 1), d.offset, d.bytes}.in(attachments)
	}
	if d.offset > uint64(len(src)) || d.bytes > uint64(len(src))-d.offset {
		return nil, fmt.Errorf("%d bytes at %d lie outside the %d there are", d.bytes, d.offset, len(src))
	}
	if d.isNil && d.count|d.bytes != 0 {
		return nil, errors.New("it is nil, and has elements")
	}
	if header := binary.LittleEndian.Uint32(src[8:]); d.bytes > 0 && d.offset < uint64(header) {
		return nil, fmt.Errorf("%d bytes at %d lie in the header of %d", d.bytes, d.offset, header)
	}
	end := d.offset + d.bytes
	return src[d.offset:end:end], nil
}

// String is the column's type for people, who may not have chosen it.
func (d *description) String() string { return d.typeName(8) }

// typeName is the column's type with that many parts at most.
func (d *description) typeName(most int) string {
	switch d.shape {
	case shapeScalar:
		return layoutString(d.layout, most)
	case shapeList:
		return "[]" + layoutString(d.layout, most)
	case shapeText:
		return "string"
	case shapeTexts:
		return "[]string"
	case shapeTime:
		return "time.Time"
	}
	return fmt.Sprintf("shape %d", d.shape)
}

// texts parts b, which is offsets and texts, in one copy. All of its strings share that.
func (d *description) texts(b []byte) ([]string, error) {
	if d.isNil {
		return nil, nil
	}
	width := uint64(d.elemSize)
	if width != 4 && width != 8 || d.count >= uint64(len(b))/width {
		return nil, fmt.Errorf("%d bytes do not hold %d offsets of %d bytes each", len(b), d.count, width)
	}
	offsets := b[:(d.count+1)*width]
	all, err := ownText(b[len(offsets):])
	if err != nil {
		return nil, err
	}
	list := make([]string, d.count)
	start := textOffset(offsets, width)
	for i := range list {
		offsets = offsets[width:]
		end := textOffset(offsets, width)
		if start > end || end > uint64(len(all)) {
			return nil, withinIndex(i, fmt.Errorf("text from %d to %d lies outside the %d bytes of all", start, end, len(all)))
		}
		if start < end && all[start]&0xc0 == 0x80 {
			return nil, withinIndex(i, errUTF8) // begins inside a character
		}
		list[i], start = all[start:end], end
	}
	if start < uint64(len(all)) && all[start]&0xc0 == 0x80 {
		return nil, errUTF8
	}
	return list, nil
}

func textOffset(b []byte, width uint64) uint64 {
	if width == 4 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// textWidth is the size of the offsets into n bytes of text.
func textWidth(n int) int {
	if n > math.MaxUint32 {
		return 8
	}
	return 4
}
