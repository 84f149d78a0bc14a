package codec

import (
	"fmt"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// Bytes of the simple values and floats.
const (
	byteFalse   = cborhead.Simple<<5 | cborhead.InfoFalse
	byteTrue    = cborhead.Simple<<5 | cborhead.InfoTrue
	byteNull    = cborhead.Simple<<5 | cborhead.InfoNull
	byteFloat32 = cborhead.Simple<<5 | cborhead.InfoFloat32
	byteFloat64 = cborhead.Simple<<5 | cborhead.InfoFloat64
)

// head is what every data item begins with.
type head cborhead.Head

// readHead takes a head off src.
func readHead(src []byte) (head, []byte, error) {
	h, rest, err := cborhead.Read(src)
	return head(h), rest, err
}

func (h head) null() bool {
	return h.Major == cborhead.Simple && (h.Info == cborhead.InfoNull || h.Info == cborhead.InfoUndef)
}

// String names the item for an error message.
func (h head) String() string {
	switch h.Major {
	case cborhead.Uint:
		return "an integer"
	case cborhead.Negative:
		return "a negative integer"
	case cborhead.Bytes:
		return "a byte string"
	case cborhead.Text:
		return "a text string"
	case cborhead.Array:
		return "an array"
	case cborhead.Map:
		return "a map"
	case cborhead.Tag:
		if h.attached() {
			return "a reference to an attachment"
		}
		return fmt.Sprintf("tag %d", h.Arg)
	}
	switch h.Info {
	case cborhead.InfoFalse, cborhead.InfoTrue:
		return "a bool"
	case cborhead.InfoNull, cborhead.InfoUndef:
		return "null"
	case cborhead.InfoFloat16, cborhead.InfoFloat32, cborhead.InfoFloat64:
		return "a float"
	}
	return fmt.Sprintf("simple value %d", h.Arg)
}

// AppendArrayHead writes the head of an array of n items, which the caller appends next.
func AppendArrayHead(dst []byte, n int) []byte {
	return cborhead.Append(dst, cborhead.Array, uint64(n))
}

// DecodeArrayHead reads the head of an array and returns how many items follow in rest. A count
// that rest can't hold is an error, so n is safe to allocate by.
func DecodeArrayHead(src []byte) (n int, rest []byte, err error) {
	h, rest, err := readHead(src)
	if err != nil {
		return 0, src, err
	}
	if h.Major != cborhead.Array {
		return 0, src, fmt.Errorf("want an array, have %v", h)
	}
	n, err = count(h.Arg, len(rest))
	if err != nil {
		return 0, src, err
	}
	return n, rest, nil
}

// count checks a declared number of elements, each of which takes at least a byte of what is left.
func count(declared uint64, left int) (int, error) {
	if declared > uint64(left) || declared > MaxElements {
		return 0, fmt.Errorf("%d elements are declared, %d bytes are left: %w", declared, left, cborhead.ErrShort)
	}
	return int(declared), nil
}
