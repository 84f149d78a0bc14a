package buddy

import "unsafe"

// stripe is a number that differs between most goroutines that run at once and rarely changes for one of them.
//
// It is made of where the goroutine's stack lies. The address is only ever used as a number, and any number is a
// right answer; the variable stays on the stack, as its address is not kept.
func stripe() int {
	var local byte
	return int(uint32(uintptr(unsafe.Pointer(&local))>>13) * 0x9e3779b1 >> 16)
}
