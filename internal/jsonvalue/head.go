package jsonvalue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Major types of CBOR, RFC 8949, section 3.1.
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

// Simple values and floats, by the five low bits of their heads.
const (
	infoFalse   = 20
	infoTrue    = 21
	infoNull    = 22
	infoUndef   = 23
	infoFloat16 = 25
	infoFloat32 = 26
	infoFloat64 = 27
)

// Tags of docs/wire.md.
const (
	tagTime         = 0
	tagEpoch        = 1
	tagBig          = 2
	tagBigNegative  = 3
	tagTransferable = 0x63320001
	tagAttachment   = 0x63320002
)

// head is what a data item begins with.
type head struct {
	major byte
	info  byte
	arg   uint64
}

// headSize is how many bytes the shortest head with arg takes.
func headSize(arg uint64) int {
	switch {
	case arg < 24:
		return 1
	case arg <= math.MaxUint8:
		return 2
	case arg <= math.MaxUint16:
		return 3
	case arg <= math.MaxUint32:
		return 5
	}
	return 9
}

func appendHead(dst []byte, major byte, arg uint64) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, headSize(arg))...)
	setHead(dst[at:], major, arg)
	return dst
}

// setHead makes the whole of b a head. A longer one than need be is a head as well.
func setHead(b []byte, major byte, arg uint64) {
	b[0] = major << 5
	switch len(b) {
	case 1:
		b[0] |= byte(arg)
	case 2:
		b[0] |= 24
		b[1] = byte(arg)
	case 3:
		b[0] |= 25
		binary.BigEndian.PutUint16(b[1:], uint16(arg))
	case 5:
		b[0] |= 26
		binary.BigEndian.PutUint32(b[1:], uint32(arg))
	default:
		b[0] |= 27
		binary.BigEndian.PutUint64(b[1:], arg)
	}
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, majorSimple<<5|infoFloat64), math.Float64bits(f))
}

var errShort = fmt.Errorf("the data ends inside an item: %w", io.ErrUnexpectedEOF)

// readHead is the head that src begins with, and its length.
func readHead(src []byte) (h head, n int, err error) {
	if len(src) == 0 {
		return h, 0, errShort
	}
	h.major, h.info = src[0]>>5, src[0]&31
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
		return h, 1, nil
	case h.info == 31:
		return h, 0, errors.New("indefinite lengths are not accepted; encode with definite lengths")
	case h.info > 27:
		return h, 0, fmt.Errorf("byte %#x does not begin a CBOR item", src[0])
	}
	n = 1 + 1<<(h.info-24)
	if len(src) < n {
		return h, 0, errShort
	}
	for _, b := range src[1:n] {
		h.arg = h.arg<<8 | uint64(b)
	}
	if h.major == majorSimple && h.info == 24 && h.arg < 32 {
		return h, 0, errors.New("simple values below 32 take one byte")
	}
	return h, n, nil
}
