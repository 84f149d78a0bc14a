package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Major types of RFC 8949, section 3.1.
const (
	majorUint byte = iota
	majorNegative
	majorBytes
	majorText
	majorArray
	majorMap
	majorTag
	majorSimple
)

// Bytes and additional information of the simple values and floats (major type 7).
const (
	infoFalse   = 20
	infoTrue    = 21
	infoNull    = 22
	infoUndef   = 23
	infoFloat16 = 25
	infoFloat32 = 26
	infoFloat64 = 27

	byteFalse   = majorSimple<<5 | infoFalse
	byteTrue    = majorSimple<<5 | infoTrue
	byteNull    = majorSimple<<5 | infoNull
	byteFloat32 = majorSimple<<5 | infoFloat32
	byteFloat64 = majorSimple<<5 | infoFloat64
)

// head is what every data item begins with.
type head struct {
	major byte
	info  byte
	arg   uint64
}

func (h head) null() bool {
	return h.major == majorSimple && (h.info == infoNull || h.info == infoUndef)
}

// String names the item for an error message.
func (h head) String() string {
	switch h.major {
	case majorUint:
		return "an integer"
	case majorNegative:
		return "a negative integer"
	case majorBytes:
		return "a byte string"
	case majorText:
		return "a text string"
	case majorArray:
		return "an array"
	case majorMap:
		return "a map"
	case majorTag:
		if h.attached() {
			return "a reference to an attachment"
		}
		return fmt.Sprintf("tag %d", h.arg)
	}
	switch h.info {
	case infoFalse, infoTrue:
		return "a bool"
	case infoNull, infoUndef:
		return "null"
	case infoFloat16, infoFloat32, infoFloat64:
		return "a float"
	}
	return fmt.Sprintf("simple value %d", h.arg)
}

// appendHead writes a head in its shortest form.
func appendHead(dst []byte, major byte, arg uint64) []byte {
	if arg < 24 {
		return append(dst, major<<5|byte(arg)) // the most frequent by far
	}
	return appendWideHead(dst, major, arg, headSize(arg))
}

// appendWideHead writes a head of size bytes, which must have room for arg.
func appendWideHead(dst []byte, major byte, arg uint64, size int) []byte {
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

// wideHead is the size of the longest head.
const wideHead = 9

// headSize is how many bytes appendHead writes for arg.
func headSize(arg uint64) int {
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
	return 9
}

// readHead takes a head off src. Any width is accepted, the shortest or not.
func readHead(src []byte) (h head, rest []byte, err error) {
	if len(src) == 0 {
		return h, nil, errShort
	}
	h.major, h.info, rest = src[0]>>5, src[0]&31, src[1:]
	if h.info < 24 {
		h.arg = uint64(h.info)
		return h, rest, nil
	}
	switch {
	case h.info == 31:
		return h, nil, errIndefinite
	case h.info > 27:
		return h, nil, fmt.Errorf("byte %#x does not begin a CBOR item", src[0])
	}
	n := 1 << (h.info - 24)
	if len(rest) < n {
		return h, nil, errShort
	}
	for _, b := range rest[:n] {
		h.arg = h.arg<<8 | uint64(b)
	}
	if h.major == majorSimple && h.info == 24 && h.arg < 32 {
		return h, nil, errors.New("simple values below 32 take one byte")
	}
	return h, rest[n:], nil
}

var errShort = fmt.Errorf("the data ends inside an item: %w", io.ErrUnexpectedEOF)

// AppendArrayHead writes the head of an array of n items, which the caller appends next.
func AppendArrayHead(dst []byte, n int) []byte { return appendHead(dst, majorArray, uint64(n)) }

// DecodeArrayHead reads the head of an array and returns how many items follow in rest. A count
// that rest can't hold is an error, so n is safe to allocate by.
func DecodeArrayHead(src []byte) (n int, rest []byte, err error) {
	h, rest, err := readHead(src)
	if err != nil {
		return 0, src, err
	}
	if h.major != majorArray {
		return 0, src, fmt.Errorf("want an array, have %v", h)
	}
	n, err = count(h.arg, len(rest))
	if err != nil {
		return 0, src, err
	}
	return n, rest, nil
}

// count checks a declared number of elements, each of which takes at least a byte of what is left.
func count(declared uint64, left int) (int, error) {
	if declared > uint64(left) || declared > MaxElements {
		return 0, fmt.Errorf("%d elements are declared, %d bytes are left: %w", declared, left, errShort)
	}
	return int(declared), nil
}
