// Package cborhead reads and writes the heads of CBOR data items (RFC 8949, section 3): what kind an item is, and its argument. What
// follows a head is the business of who asks, as are the values that items stand for. It imports nothing of c2.
package cborhead

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Major types, section 3.1.
const (
	Uint byte = iota
	Negative
	Bytes
	Text
	Array
	Map
	Tag
	Simple
)

// Additional information of the major type Simple: simple values and floats, section 3.3.
const (
	InfoFalse   = 20
	InfoTrue    = 21
	InfoNull    = 22
	InfoUndef   = 23
	InfoFloat16 = 25
	InfoFloat32 = 26
	InfoFloat64 = 27
)

// Head is what every data item begins with.
type Head struct {
	Major byte
	Info  byte // the additional information, as it came
	Arg   uint64
}

// MaxSize is the size of the longest head, in bytes.
const MaxSize = 9

var (
	// ErrShort is that of data which ends too early.
	ErrShort = fmt.Errorf("the data ends inside an item: %w", io.ErrUnexpectedEOF)
	// ErrIndefinite is that of an item whose length is left open.
	ErrIndefinite = errors.New("indefinite lengths are not accepted; encode with definite lengths")
)

// Size is how many bytes the shortest head with arg takes.
func Size(arg uint64) int {
	switch {
	case arg < 24:
		return 1
	case arg < 1<<8:
		return 2
	case arg < 1<<16:
		return 3
	case arg < 1<<32:
		return 5
	}
	return MaxSize
}

// Append appends a head in its shortest form.
func Append(dst []byte, major byte, arg uint64) []byte {
	if arg < 24 {
		return append(dst, major<<5|byte(arg)) // the most frequent by far
	}
	return AppendWide(dst, major, arg, Size(arg))
}

// AppendWide appends a head of size bytes, 1, 2, 3, 5 or 9, which must have room for arg: [Size](arg) or more.
func AppendWide(dst []byte, major byte, arg uint64, size int) []byte {
	major <<= 5
	switch size {
	case 1:
		return append(dst, major|byte(arg))
	case 2:
		return append(dst, major|24, byte(arg))
	case 3:
		return append(dst, major|25, byte(arg>>8), byte(arg))
	case 5:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(arg))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), arg)
}

// Read takes a head off src. Any width is accepted, the shortest or not.
func Read(src []byte) (h Head, rest []byte, err error) {
	if len(src) == 0 {
		return h, nil, ErrShort
	}
	h.Major, h.Info, rest = src[0]>>5, src[0]&31, src[1:]
	if h.Info < 24 {
		h.Arg = uint64(h.Info)
		return h, rest, nil
	}
	switch {
	case h.Info == 31:
		return h, nil, ErrIndefinite
	case h.Info > 27:
		return h, nil, fmt.Errorf("byte %#x does not begin a CBOR item", src[0])
	}
	n := 1 << (h.Info - 24)
	if len(rest) < n {
		return h, nil, ErrShort
	}
	for _, b := range rest[:n] {
		h.Arg = h.Arg<<8 | uint64(b)
	}
	if h.Major == Simple && h.Info == 24 && h.Arg < 32 {
		return h, nil, errors.New("simple values below 32 take one byte")
	}
	return h, rest[n:], nil
}
