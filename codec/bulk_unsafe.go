package codec

import (
	"strings"
	"unsafe"
)

// uncleared is n bytes of new memory, at least one, that hold anything. Clearing what is then written takes half as long as
// writing it.
func uncleared(n int) []byte {
	var b strings.Builder
	b.Grow(n)
	b.WriteByte(0)
	// Safe: the builder has one allocation, of Cap bytes, no less than it was asked for, and its string begins where that
	// does. Nobody else knows of it: b is dropped, and so is the string. The slice keeps it alive.
	return unsafe.Slice(unsafe.StringData(b.String()), b.Cap())[:n:n]
}
