// Package stats says what a number of measurements comes to.
package stats

import (
	"math"
	"slices"
	"time"
)

// Quantile returns the smallest of took that at least the share q of them do not exceed: the nearest rank, which is always one
// that was measured. It returns 0 of none. took need not be in order and is not changed.
func Quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	// A product such as 0.999·1000 may come out a little above the whole number that it is.
	rank := int(math.Ceil(q*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median returns the middle one of values, the lower one if there are two, and 0 of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
