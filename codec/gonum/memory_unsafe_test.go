package gonum_test

import "unsafe"

// alignedBytes is n bytes that begin at a multiple of 64.
func alignedBytes(n int) []byte {
	b := make([]byte, n+63)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63
	return b[skip:][:n:n]
}

// within says whether floats lie in b.
func within(b []byte, floats []float64) bool {
	start, first := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(floats)))
	return first >= start && first+uintptr(8*len(floats)) <= start+uintptr(len(b))
}
