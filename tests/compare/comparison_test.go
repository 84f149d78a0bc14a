package main

import (
	"os"
	"testing"

	"github.com/ctwo-go/c2/tests/compare/internal/grid"
	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// TestCompare has all peers written in Go take part in a quick comparison, each with two processes of its own.
func TestCompare(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	entrants := goEntrants(program)
	r, err := compare(t.Context(), quickPlan(), entrants, t.TempDir(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.absent {
		t.Errorf("%s did not take part: %s", a.title, a.why)
	}
	for name, g := range map[string]*grid.Grid{"small": r.small, "echoes": r.echoes, "tables": r.tables} {
		checkFull(t, name, g)
	}
	for row := range r.small.Rows {
		if r.small.At(row, many).Rate() <= 0 {
			t.Errorf("%s: no calls of several callers were counted", r.small.Rows[row].Peer)
		}
	}
}

// checkFull reports the cells in which nothing was measured.
func checkFull(t *testing.T, name string, g *grid.Grid) {
	t.Helper()
	if len(g.Rows) == 0 {
		t.Errorf("%s: nobody took part", name)
	}
	for _, f := range g.Faults() {
		t.Errorf("%s: %v at %v: %s", name, f.Row, f.Columns, f.Text)
	}
	for r, row := range g.Rows {
		for c, column := range g.Columns {
			if cell := g.At(r, c); cell.Fault == "" && len(cell.Took) == 0 && len(cell.Rates) == 0 {
				t.Errorf("%s: nothing was measured of %v at %d", name, row, column)
			}
		}
	}
}

func TestWantSum(t *testing.T) {
	for _, n := range []int{0, 1, 6, 999, 1000, 1001, 54321} {
		if got, want := wantSum(n), rows.New(n).Sum(); got != want {
			t.Errorf("%d rows: %v, want %v", n, got, want)
		}
	}
}
