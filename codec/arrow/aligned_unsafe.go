package arrow

import "unsafe"

// aligned says whether b begins at a multiple of 8, or is empty.
func aligned(b []byte) bool {
	// Safe: the address is only looked at.
	return len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%8 == 0
}
