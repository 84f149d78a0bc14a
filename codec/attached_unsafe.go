package codec

import "unsafe"

// spanOf is where b lies, which is not empty. It only counts: nothing is reached by it, so b need not stay.
func spanOf(b []byte) span {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return span{start, start + uintptr(len(b))}
}
