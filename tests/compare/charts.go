package main

import (
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/chart"
	"github.com/ctwo-go/c2/tests/compare/internal/grid"
)

// charts are the SVGs of results, by what their names end with.
func (r *results) charts() map[string][]byte {
	return map[string][]byte{
		"small": r.smallChart().SVG(),
		"echo":  r.timesChart(r.echoes, "Time for bytes there and back, by size", bytesOf).SVG(),
		"table": r.timesChart(r.tables, "Time to fetch a table and add it up, by rows", func(n int) string { return thousands(float64(n)) }).SVG(),
	}
}

func (r *results) smallChart() chart.Ranges {
	c := chart.Ranges{
		Title:   "Latency of small calls",
		NameOf:  nanoseconds,
		Caption: "dot: half of the calls; mark: 99 %; end: 99.9 %",
	}
	for row, way := range r.small.Rows {
		cell := r.small.At(row, backToBack)
		if len(cell.Took) == 0 {
			continue
		}
		c.Ranges = append(c.Ranges, chart.Range{
			Name:   r.entrant(way.Peer).title,
			From:   float64(cell.Quantile(0.5)),
			Middle: float64(cell.Quantile(0.99)),
			To:     float64(cell.Quantile(0.999)),
			Label:  duration(cell.Quantile(0.5)),
			Strong: way.Peer == ours,
		})
	}
	return c
}

// ours is the name of the peer that all is about.
const ours = "c2"

// timesChart draws medians.
func (r *results) timesChart(g *grid.Grid, title string, name func(int) string) chart.Lines {
	c := chart.Lines{
		Title: title,
		XName: func(v float64) string { return name(int(v)) },
		YName: nanoseconds,
	}
	for row, way := range g.Rows {
		line := chart.Line{Name: r.wayTitle(way), Strong: way.Peer == ours}
		for column, x := range g.Columns {
			if cell := g.At(row, column); len(cell.Took) > 0 {
				line.X = append(line.X, float64(x))
				line.Y = append(line.Y, float64(cell.Quantile(0.5)))
			}
		}
		c.Lines = append(c.Lines, line)
	}
	return c
}

// nanoseconds names a power of ten of them.
func nanoseconds(v float64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"s", 1e9}, {"ms", 1e6}, {"µs", 1e3}} {
		if v >= unit.size {
			return thousands(v/unit.size) + " " + unit.name
		}
	}
	return time.Duration(v).String()
}
