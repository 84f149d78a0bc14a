package gonum

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

func sizeDense(m *mat.Dense) int {
	rows, columns := m.Dims()
	return headerSize + floatSize*rows*columns
}

func appendDense(dst []byte, m *mat.Dense) ([]byte, error) {
	raw := m.RawMatrix()
	if raw.Rows == 0 || raw.Cols == 0 {
		return appendHeader(dst, kindDense, 0, 0), nil
	}
	if raw.Cols < 0 || raw.Stride < raw.Cols || raw.Rows < 0 || raw.Rows > 1+(len(raw.Data)-raw.Cols)/raw.Stride {
		return dst, fmt.Errorf("%d rows of %d elements, %d apart, do not lie in %d elements", raw.Rows, raw.Cols, raw.Stride, len(raw.Data))
	}
	dst = appendHeader(dst, kindDense, raw.Rows, raw.Cols)
	if raw.Stride == raw.Cols {
		return appendFloats(dst, raw.Data[:raw.Rows*raw.Cols]), nil
	}
	for i := range raw.Rows {
		dst = appendFloats(dst, raw.Data[i*raw.Stride:][:raw.Cols])
	}
	return dst, nil
}

func decodeDense(src []byte) (*mat.Dense, error) { return readDense(src, copyFloats) }

func viewDense(src []byte) (*mat.Dense, error) { return readDense(src, viewFloats) }

func readDense(src []byte, floats func([]byte) []float64) (*mat.Dense, error) {
	rows, columns, elements, err := parse(src, kindDense)
	if err != nil {
		return nil, err
	}
	if rows == 0 {
		return new(mat.Dense), nil
	}
	return mat.NewDense(rows, columns, floats(elements)), nil
}
