package rows

import (
	"encoding/binary"
	"fmt"
	"math"
)

// AppendBytes appends the columns to dst, one after the other, little-endian.
func (t Table) AppendBytes(dst []byte) []byte {
	for _, id := range t.RowID {
		dst = binary.LittleEndian.AppendUint32(dst, id)
	}
	for _, column := range [][]float64{t.X, t.Y, t.Z} {
		for _, v := range column {
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
		}
	}
	return dst
}

// SumBytes is Sum of n rows as AppendBytes wrote them. It reads them where they are: each number is one load.
func SumBytes(b []byte, n int) (total float64, err error) {
	if len(b) != n*Bytes {
		return 0, fmt.Errorf("%d bytes came for %d rows, want %d: client and server disagree on the table", len(b), n, n*Bytes)
	}
	x := b[4*n : 12*n]
	y, z := b[12*n:][:len(x)], b[20*n:][:len(x)]
	for i := 0; i+8 <= len(x); i += 8 {
		total += float(x[i:]) + float(y[i:]) + float(z[i:])
	}
	return total, nil
}

func float(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }
