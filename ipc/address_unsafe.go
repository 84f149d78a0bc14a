package ipc

import "unsafe"

// address is where b lies. It is only compared with others: shared memory is never moved, so that addresses in it mean
// the same for as long as it is mapped, and memory that is moved meanwhile is not shared memory.
func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
