package rows

import "github.com/ctwo-go/c2/codec"

// Bytes is what one row takes.
const Bytes = 4 + 3*8

// Table is the table as columns of one length.
type Table struct {
	RowID   []uint32
	X, Y, Z []float64
}

// c2 sends a Table as columns. Others do not notice.
var _ = codec.RegisterColumns[Table]()

// New returns n rows. Their coordinates are small whole numbers, so that their sum is exact in whichever order it is made.
func New(n int) Table {
	t := Table{make([]uint32, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		t.RowID[i] = uint32(i)
		t.X[i], t.Y[i], t.Z[i] = float64(i%1000), float64(i%7), float64(i%3)
	}
	return t
}

// Sum adds up x, y and z of all rows.
func (t Table) Sum() (total float64) {
	y, z := t.Y[:len(t.X)], t.Z[:len(t.X)]
	for i, x := range t.X {
		total += x + y[i] + z[i]
	}
	return total
}
