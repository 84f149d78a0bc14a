package codec

import (
	"encoding/binary"
	"reflect"
	"unsafe"
)

// int and uint must have the 64 bits that they travel with; a 32-bit platform does not compile.
var _ = [8]byte([unsafe.Sizeof(int(0))]byte{})

// littleEndian says whether numbers lie in memory as they do on the wire. The compiler folds it.
func littleEndian() bool { return binary.NativeEndian.Uint16([]byte{1, 0}) == 1 }

// memory is the storage of v: a slice of numbers, or an addressable array of numbers or number.
func memory(v reflect.Value) []byte {
	// Safe: the pointer and the length come from one live value of a type without pointers
	// (the builder makes a vector of numeric elements only), and a []byte may lie at any
	// address. The result keeps that storage alive.
	if v.Kind() == reflect.Slice {
		return unsafe.Slice((*byte)(v.UnsafePointer()), v.Len()*int(v.Type().Elem().Size()))
	}
	return unsafe.Slice((*byte)(v.Addr().UnsafePointer()), int(v.Type().Size()))
}

// setCopy makes the slice of numbers v a copy of b, which holds whole elements of lanes numbers
// of width bytes each.
func setCopy(v reflect.Value, b []byte, width, lanes int) {
	switch {
	case lanes == 2 && width == 4:
		copyAs[[2]uint32](v, b)
	case lanes == 2:
		copyAs[[2]uint64](v, b)
	case width == 1:
		copyAs[uint8](v, b)
	case width == 2:
		copyAs[uint16](v, b)
	case width == 4:
		copyAs[uint32](v, b)
	default:
		copyAs[uint64](v, b)
	}
}

// copyAs is setCopy for elements of W's size. Appending to an empty slice is the one way to get
// memory that is not cleared before it is written, which halves the time for large slices.
func copyAs[W any](v reflect.Value, b []byte) {
	owned := []W{}
	if len(b) > 0 {
		// Safe: W has no pointers and no padding, its size divides len(b), which is not 0, and
		// what src points to is only read by append's memmove, so it may be unaligned. What
		// append allocates is aligned for W.
		src := unsafe.Slice((*W)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(owned[0])))
		owned = append(owned, src...)
	}
	// Safe: v is a settable slice whose elements have W's size, alignment and lack of pointers,
	// so a slice header of W's is one of v's, with the same length and capacity.
	*(*[]W)(v.Addr().UnsafePointer()) = owned
}
