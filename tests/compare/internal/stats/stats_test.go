package stats_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/stats"
)

func TestQuantile(t *testing.T) {
	thousand := make([]time.Duration, 1000)
	for i := range thousand {
		thousand[i] = time.Duration(1000 - i)
	}
	tests := []struct {
		took []time.Duration
		q    float64
		want time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0, 7},
		{[]time.Duration{7}, 0.999, 7},
		{[]time.Duration{3, 1, 2}, 0.5, 2},
		{[]time.Duration{4, 3, 2, 1}, 0.5, 2},
		{[]time.Duration{4, 3, 2, 1}, 0.51, 3},
		{thousand, 0.5, 500},
		{thousand, 0.99, 990},
		{thousand, 0.999, 999},
		{thousand, 1, 1000},
	}
	for _, tt := range tests {
		before := slices.Clone(tt.took)
		if got := stats.Quantile(tt.took, tt.q); got != tt.want {
			t.Errorf("quantile %v of %d: got %d, want %d", tt.q, len(tt.took), got, tt.want)
		}
		if !slices.Equal(tt.took, before) {
			t.Errorf("quantile %v of %d: the measurements were changed", tt.q, len(tt.took))
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{5}, 5}, {[]float64{9, 1, 5}, 5}, {[]float64{8, 2, 6, 4}, 4}} {
		if got := stats.Median(tt.values); got != tt.want {
			t.Errorf("median of %v: got %v, want %v", tt.values, got, tt.want)
		}
	}
}
