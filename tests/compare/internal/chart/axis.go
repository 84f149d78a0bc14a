package chart

import (
	"math"
)

// axis turns values into places, logarithmically.
type axis struct {
	low, high float64 // values
	from, to  float64 // their places
}

func (a axis) at(v float64) float64 {
	return a.from + (a.to-a.from)*(math.Log(v)-math.Log(a.low))/(math.Log(a.high)-math.Log(a.low))
}

// decades is an axis over whole powers of ten that covers all values.
func decades(values []float64, from, to float64) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	if len(values) == 0 {
		low, high = 1, 1
	}
	a := axis{low: floorTen(low), high: floorTen(high), from: from, to: to}
	if a.high < high || a.high == a.low {
		a.high *= 10
	}
	return a
}

// ticks are the powers of ten of an axis.
func (a axis) ticks() []float64 {
	var ticks []float64
	for v := a.low; v < a.high*1.001; v *= 10 {
		ticks = append(ticks, v)
	}
	return ticks
}

// floorTen is the largest power of ten that is not above v.
func floorTen(v float64) float64 { return math.Pow(10, math.Floor(math.Log10(v)+1e-9)) }
