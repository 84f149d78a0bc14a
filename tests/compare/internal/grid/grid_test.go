package grid_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/grid"
)

func TestCells(t *testing.T) {
	g := grid.New([]grid.Row{{Peer: "a"}, {Peer: "b"}}, []int{1, 2, 3})
	for r := range g.Rows {
		for c := range g.Columns {
			g.At(r, c).Took = []time.Duration{time.Duration(10*r + c)}
			g.At(r, c).Rates = []float64{float64(r), float64(c)}
		}
	}
	for r := range g.Rows {
		for c := range g.Columns {
			if got, want := g.At(r, c).Quantile(0.5), time.Duration(10*r+c); got != want {
				t.Errorf("row %d, column %d: %v, want %v", r, c, got, want)
			}
			if got, want := g.At(r, c).Rate(), float64(min(r, c)); got != want {
				t.Errorf("row %d, column %d: rate %v, want %v", r, c, got, want)
			}
		}
	}
}

func TestFaults(t *testing.T) {
	a, b := grid.Row{Peer: "a"}, grid.Row{Peer: "b", Way: "w"}
	g := grid.New([]grid.Row{a, b}, []int{1, 2, 3})
	g.At(0, 1).Fault, g.At(0, 2).Fault = "too large", "too large"
	g.At(1, 0).Fault, g.At(1, 2).Fault = "odd", "lost"
	want := []grid.Fault{{a, []int{2, 3}, "too large"}, {b, []int{1}, "odd"}, {b, []int{3}, "lost"}}
	if got := g.Faults(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
