package arrow

import "encoding/binary"

// flat reads the flatbuffer that a message's metadata is. Positions are offsets into b, and 0 stands
// for what is absent. What would lie outside of b is zero, and leaves a note of that.
type flat struct {
	b       []byte
	outside bool
}

func (f *flat) number(at, width int) uint64 {
	if at < 0 || width > len(f.b)-at {
		f.outside = true
		return 0
	}
	var wide [8]byte
	copy(wide[:], f.b[at:at+width])
	return binary.LittleEndian.Uint64(wide[:])
}

// deref follows the reference at a position.
func (f *flat) deref(at int) int { return at + int(f.number(at, 4)) }

// field is the position of a table's field, whose slot is its offset in the table's vtable.
func (f *flat) field(table, slot int) int {
	vtable := table - int(int32(f.number(table, 4)))
	if slot >= int(f.number(vtable, 2)) {
		return 0
	}
	if offset := int(f.number(vtable+slot, 2)); offset != 0 {
		return table + offset
	}
	return 0
}

// scalar is a table's field of width bytes, 0 if it is absent.
func (f *flat) scalar(table, slot, width int) uint64 {
	at := f.field(table, slot)
	if at == 0 {
		return 0
	}
	return f.number(at, width)
}

// table is what a table's field refers to, 0 if it is absent.
func (f *flat) table(table, slot int) int {
	at := f.field(table, slot)
	if at == 0 {
		return 0
	}
	return f.deref(at)
}

// vector is where a table's vector begins and how many elements of width bytes it has, all in b.
func (f *flat) vector(table, slot, width int) (start, n int) {
	at := f.table(table, slot)
	if at == 0 {
		return 0, 0
	}
	n = int(f.number(at, 4))
	if start = at + 4; f.outside || n < 0 || n > (len(f.b)-start)/width {
		f.outside = true
		return 0, 0
	}
	return start, n
}
