package arrow_test

import "unsafe"

// alignedBytes is n bytes that begin at a multiple of 64.
func alignedBytes(n int) []byte {
	b := make([]byte, n+63)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63
	return b[skip:][:n:n]
}

// within says whether all of part lies in b.
func within(b, part []byte) bool {
	start, first := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(part)))
	return first >= start && first+uintptr(len(part)) <= start+uintptr(len(b))
}
