package gonum

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says that numbers lie in memory as they travel.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// appendFloats adds floats in little-endian order, by one copy where that is their order here.
func appendFloats(dst []byte, floats []float64) []byte {
	if littleEndian {
		// Safe: the bytes are only read, by append, and are all those of the elements.
		return append(dst, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(floats))), floatSize*len(floats))...)
	}
	for _, f := range floats {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(f))
	}
	return dst
}

// copyFloats makes floats of their bytes, which are a multiple of 8.
func copyFloats(b []byte) []float64 {
	if !littleEndian {
		floats := make([]float64, len(b)/floatSize)
		for i := range floats {
			floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[floatSize*i:]))
		}
		return floats
	}
	// Safe: the slice is only read by append's memmove, so it may be unaligned, and floats may have
	// any bits. Appending to nil gives memory that is not cleared before it is written.
	return append([]float64(nil), unsafe.Slice((*float64)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/floatSize)...)
}

// viewFloats makes floats that lie in b, if they can.
func viewFloats(b []byte) []float64 {
	first := unsafe.Pointer(unsafe.SliceData(b))
	if !littleEndian || uintptr(first)%unsafe.Alignof(float64(0)) != 0 {
		return copyFloats(b)
	}
	// Safe: b is that many floats long and aligned for them, and floats may have any bits.
	return unsafe.Slice((*float64)(first), len(b)/floatSize)
}
