package c2

import "unsafe"

// sliceOf is mem as n elements.
func sliceOf[E any](mem []byte, n int) []E {
	// Safe: mem has the size of n elements of a type without pointers, for which all bits are good, and is aligned to
	// 64 bytes, which no Go type asks for more than. It is outside the heap, and mapped for as long as its owner has
	// it; who uses it later finds other bytes there, zeros, and at last, when package buddy lets the addresses go, a
	// fault.
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(mem))), n)
}
