package main

import (
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/grid"
)

// sampleResults are results of two entrants, of whom one failed in part, and of one that was absent.
func sampleResults() *results {
	a := entrant{name: "c2", title: "c2", version: "v1", how: "with | care", echoes: []string{"owned", "in place"}, tables: []string{"held"}}
	b := entrant{name: "slow", title: "Slow", version: "v2", how: "as it comes", echoes: []string{"bytes"}, tables: []string{"bytes"}}
	r := &results{plan: fullPlan(), entrants: []entrant{a, b}, absent: []absence{{"Gone", "it is not there"}}}
	r.small = grid.New([]grid.Row{{Peer: "c2", Way: "owned"}, {Peer: "slow", Way: "bytes"}}, []int{backToBack, paused, many})
	r.echoes = grid.New([]grid.Row{{Peer: "c2", Way: "owned"}, {Peer: "c2", Way: "in place"}, {Peer: "slow", Way: "bytes"}}, []int{1 << 10, 1 << 20})
	r.tables = grid.New([]grid.Row{{Peer: "c2", Way: "held"}, {Peer: "slow", Way: "bytes"}}, []int{1000, 3_000_000})
	for _, g := range []*grid.Grid{r.small, r.echoes, r.tables} {
		for row := range g.Rows {
			for column := range g.Columns {
				ms := time.Duration(10*row+column+1) * time.Millisecond
				g.At(row, column).Took = []time.Duration{ms, ms, 2 * ms}
				g.At(row, column).Rates = []float64{float64(1000 * (row + 1))}
			}
		}
	}
	*r.echoes.At(2, 1) = grid.Cell{Fault: "too large"}
	return r
}

func TestPage(t *testing.T) {
	var b strings.Builder
	if err := writePage(&b, sampleResults(), "a machine", "0.5", "name"); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		"Machine: a machine; load before the run 0.5.",
		"](name-small.svg)", "](name-echo.svg)", "](name-table.svg)",
		"| | p50 | p99 | p99.9 | with pauses, p50 | p99 | 32 at once, calls/s |\n| --- | --- | --- | --- | --- | --- | --- |\n",
		"| c2 | 1.00 ms | 2.00 ms | 2.00 ms | 2.00 ms | 4.00 ms | 1,000 |\n",
		"| Slow | 11.0 ms | 22.0 ms | 22.0 ms | 12.0 ms | 24.0 ms | 2,000 |\n",
		"| | 1 KiB | 1 MiB |\n",
		"| c2, owned | 1.00 ms | 2.00 ms |\n",
		"| c2, in place | 11.0 ms | 12.0 ms |\n",
		"| Slow | 21.0 ms | – |\n",
		"| | 1,000 rows | 3,000,000 rows |\n",
		"| c2, held | 1.00 ms | 2.00 ms |\n",
		"| c2 | v1 | with \\| care |\n",
		"- Gone: it is not there\n",
		"- Slow, 1 MiB: too large\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %q in\n%s", want, page)
		}
	}
}

func TestNothingIsMissing(t *testing.T) {
	r := sampleResults()
	r.absent = nil
	r.echoes.At(2, 1).Fault = ""
	if got := r.faults(); got != "Everything was.\n" {
		t.Errorf("got %q", got)
	}
}

func TestCharts(t *testing.T) {
	charts := sampleResults().charts()
	for name, want := range map[string]int{"echo": 3, "table": 2} {
		if got := strings.Count(string(charts[name]), "<polyline"); got != want {
			t.Errorf("%s has %d lines, want %d", name, got, want)
		}
	}
	if got := strings.Count(string(charts["small"]), "<circle"); got != 2 {
		t.Errorf("small has %d ranges, want 2", got)
	}
}
