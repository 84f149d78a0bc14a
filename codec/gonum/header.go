package gonum

import (
	"encoding/binary"
	"fmt"
)

const (
	magic      = "c2mx"
	version    = 1
	headerSize = 64
	floatSize  = 8
)

// kind is what a header says that follows it.
type kind uint16

const (
	kindDense    kind = 1
	kindVecDense kind = 2
)

func appendHeader(dst []byte, k kind, rows, columns int) []byte {
	var h [headerSize]byte
	copy(h[:], magic)
	binary.LittleEndian.PutUint16(h[4:], version)
	binary.LittleEndian.PutUint16(h[6:], uint16(k))
	binary.LittleEndian.PutUint64(h[8:], uint64(rows))
	binary.LittleEndian.PutUint64(h[16:], uint64(columns))
	return append(dst, h[:]...)
}

// parse returns the shape that src's header says, and the elements' bytes: just as many as those of
// that shape. The header is copied before it is looked at, as src may change.
func parse(src []byte, want kind) (rows, columns int, elements []byte, err error) {
	if len(src) < headerSize {
		return 0, 0, nil, fmt.Errorf("there are %d bytes where a header has %d", len(src), headerSize)
	}
	h := [headerSize]byte(src)
	if string(h[:4]) != magic {
		return 0, 0, nil, fmt.Errorf("it begins with %q, not with %q", h[:4], magic)
	}
	if v := binary.LittleEndian.Uint16(h[4:]); v != version {
		return 0, 0, nil, fmt.Errorf("its layout has version %d, this program reads %d; update the older one", v, version)
	}
	if k := kind(binary.LittleEndian.Uint16(h[6:])); k != want {
		return 0, 0, nil, fmt.Errorf("it is of kind %d, not %d (1 is a matrix, 2 a vector)", k, want)
	}
	elements = src[headerSize:len(src):len(src)]
	r, c := binary.LittleEndian.Uint64(h[8:]), binary.LittleEndian.Uint64(h[16:])
	if !fits(r, c, uint64(len(elements))) || want == kindVecDense && c > 1 {
		return 0, 0, nil, fmt.Errorf("%d rows of %d columns do not have %d bytes of elements", r, c, len(elements))
	}
	return int(r), int(c), elements, nil
}

// fits says whether r rows of c elements are size bytes. It divides, as a product may overflow.
func fits(r, c, size uint64) bool {
	n := size / floatSize
	if size%floatSize != 0 {
		return false
	}
	if r == 0 || c == 0 {
		return r == c && n == 0
	}
	return n/c == r && n%c == 0
}
