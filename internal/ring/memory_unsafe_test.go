package ring

import "unsafe"

// memory is n zero bytes that begin at a multiple of 8: those of words, which live as long as the slice does.
func memory(n int) []byte {
	words := make([]uint64, n/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
}
