package gonum

import (
	"fmt"

	"gonum.org/v1/gonum/mat"
)

func sizeVecDense(v *mat.VecDense) int { return headerSize + floatSize*v.Len() }

func appendVecDense(dst []byte, v *mat.VecDense) ([]byte, error) {
	raw := v.RawVector()
	if raw.N == 0 {
		return appendHeader(dst, kindVecDense, 0, 0), nil
	}
	if raw.N < 0 || raw.Inc < 1 || raw.N > 1+(len(raw.Data)-1)/raw.Inc {
		return dst, fmt.Errorf("%d elements, %d apart, do not lie in %d", raw.N, raw.Inc, len(raw.Data))
	}
	dst = appendHeader(dst, kindVecDense, raw.N, 1)
	if raw.Inc == 1 {
		return appendFloats(dst, raw.Data[:raw.N]), nil
	}
	for i := range raw.N {
		dst = appendFloats(dst, raw.Data[i*raw.Inc:][:1])
	}
	return dst, nil
}

func decodeVecDense(src []byte) (*mat.VecDense, error) { return readVecDense(src, copyFloats) }

func viewVecDense(src []byte) (*mat.VecDense, error) { return readVecDense(src, viewFloats) }

func readVecDense(src []byte, floats func([]byte) []float64) (*mat.VecDense, error) {
	n, _, elements, err := parse(src, kindVecDense)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return new(mat.VecDense), nil
	}
	return mat.NewVecDense(n, floats(elements)), nil
}
