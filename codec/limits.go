package codec

import (
	"errors"
	"fmt"
	"math"
)

// Limits on what a value may be, and on what bytes from a peer may make a decoder do.
const (
	// MaxDepth is how deep arrays, maps, pointers and tags may lie inside each other. It is also
	// what ends the encoding of a cyclic value.
	MaxDepth = 512

	// MaxElements bounds the elements of one array and the pairs of one map. A declared count is
	// never trusted beyond what the bytes that are left can hold.
	MaxElements = math.MaxInt32

	// A decoded value may take memoryBase bytes, and memoryPerByte more for each byte of input.
	// Bytes that ask for more (a megabyte of empty maps for a slice of large structs) are refused.
	memoryBase    = 64 << 20
	memoryPerByte = 32

	// Attached memory adds less, as it can only be copied: but more than once, by a value that
	// has it in several places. Memory that is attached twice adds no more than if it were once.
	memoryPerAttached = 4
)

var (
	errDeep    = fmt.Errorf("cyclic or nested deeper than %d levels", MaxDepth)
	errMemory  = errors.New("needs far more memory than its encoding; send fewer or smaller elements at once")
	errChanged = errors.New("it changed while it was encoded; pass a copy of what others change")
	errUTF8    = errors.New("text is not valid UTF-8; use []byte for binary data")
)
