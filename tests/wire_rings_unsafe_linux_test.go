package tests

import (
	"sync/atomic"
	"unsafe"
)

// wireWord is a word of a half, which begins at a multiple of eight bytes in a mapping, and so everywhere.
func wireWord(half []byte, offset uint64) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&half[offset : offset+8][0]))
}
