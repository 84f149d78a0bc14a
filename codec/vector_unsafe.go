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

// storage is where the addressable v lies.
func storage(v reflect.Value) place { return place{v.Addr().UnsafePointer()} }

// setCopy makes the slice at a copy of b, which holds whole elements of size bytes that are aligned
// to align bytes, have no pointers and may hold any bits.
func setCopy(at place, b []byte, size, align int) {
	if len(b) == 0 {
		setSlice(at, []byte{}, 0)
		return
	}
	var owned *byte
	switch align {
	case 1:
		owned = copyAs[uint8](b)
	case 2:
		owned = copyAs[uint16](b)
	case 4:
		owned = copyAs[uint32](b)
	default:
		owned = copyAs[uint64](b)
	}
	// Safe: copyAs returned the first of len(b) bytes.
	setSlice(at, unsafe.Slice(owned, len(b)), len(b)/size)
}

// copyAs is a copy of b in memory that is aligned for W, whose size divides len(b), which is not 0.
func copyAs[W uint8 | uint16 | uint32 | uint64](b []byte) *byte {
	if len(b) >= bulkFrom {
		return unsafe.SliceData(cloneBulk(b)) // pages are aligned for anything
	}
	// Appending to an empty slice gives memory that is not cleared before it is written.
	// Safe: src is only read by append's memmove, so it may be unaligned, and W has no pointers.
	src := unsafe.Slice((*W)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(W(0))))
	return (*byte)(unsafe.Pointer(unsafe.SliceData(append([]W(nil), src...))))
}

// setView makes the slice at lie in b, as setCopy makes a copy, and says whether it could: b may be
// out of place for the elements, and to none of them there is nothing to see.
func setView(at place, b []byte, size, align int) bool {
	if len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(align) != 0 {
		return false
	}
	setSlice(at, b, len(b)/size)
	return true
}

// setSlice makes the slice at, of whatever elements, one of n of them whose memory is b.
func setSlice(at place, b []byte, n int) {
	// Safe: a slice is the same three words whatever its elements are: where they lie, and how
	// many. The caller says that at is such a slice, and that b is n aligned elements long and so,
	// at a byte and more for each, no less than n bytes.
	*at.list() = b[:n:n]
}
