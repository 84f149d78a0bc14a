package c2_test

import "unsafe"

// unsafePointer is a contract that can't be: nothing is done with the pointer, it is only named.
type unsafePointer interface {
	Take(p unsafe.Pointer) error
}
