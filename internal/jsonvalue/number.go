package jsonvalue

import "math"

// number is what a typed array of RFC 8746 is made of.
type number struct {
	tag   uint64 // little-endian; the big-endian tag is 4 less where width is above 1; 0: a byte string
	width int
	kind  numberKind
}

type numberKind byte

const (
	unsigned numberKind = iota
	signed
	floating
)

// numberByName is the number that a schema calls so.
func numberByName(name string) (n number, ok bool) {
	switch name {
	case "uint16":
		n = number{69, 2, unsigned}
	case "uint32":
		n = number{70, 4, unsigned}
	case "uint64":
		n = number{71, 8, unsigned}
	case "int8":
		n = number{72, 1, signed}
	case "int16":
		n = number{77, 2, signed}
	case "int32":
		n = number{78, 4, signed}
	case "int64":
		n = number{79, 8, signed}
	case "float32":
		n = number{85, 4, floating}
	case "float64":
		n = number{86, 8, floating}
	}
	return n, n.tag != 0
}

// numberByTag is what a typed array of that tag is made of, in either byte order.
func numberByTag(tag uint64) (n number, little, ok bool) {
	switch tag {
	case 69, 70, 71, 65, 66, 67:
		n = number{tag, 2 << ((tag - 65) & 3), unsigned}
	case 72:
		n = number{tag, 1, signed}
	case 77, 78, 79, 73, 74, 75:
		n = number{tag, 2 << ((tag - 73) & 3), signed}
	case 85, 86, 81, 82:
		n = number{tag, 4 << ((tag - 81) & 3), floating}
	}
	return n, tag&4 != 0 || n.width == 1, n.width != 0
}

// half is the value of a float of 2 bytes.
func half(bits uint16) float32 {
	sign := uint32(bits>>15) << 31
	exp, frac := uint32(bits>>10)&31, uint32(bits)&1023
	switch exp {
	case 0:
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31:
		return math.Float32frombits(sign | 255<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
