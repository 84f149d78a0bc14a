package jsonvalue

import (
	"encoding/binary"
	"math"

	"github.com/ctwo-go/c2/internal/cborhead"
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
type head cborhead.Head

// setHead makes the whole of b a head. A longer one than need be is a head as well.
func setHead(b []byte, major byte, arg uint64) { cborhead.AppendWide(b[:0], major, arg, len(b)) }

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, cborhead.Simple<<5|cborhead.InfoFloat64), math.Float64bits(f))
}
