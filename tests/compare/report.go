package main

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/ctwo-go/c2/tests/compare/internal/grid"
)

//go:embed page.md.tmpl
var pageText string

// page is what the page is made of.
type page struct {
	MemoryLimit, Machine, Load, Prefix    string
	SmallSize, Pause                      string
	SmallCalls, PausedCalls, Callers      int
	Small, Echoes, Tables, Setups, Faults string
}

// writePage writes results as Markdown. prefix is what the names of its charts begin with.
func writePage(w io.Writer, r *results, machine, load, prefix string) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	s := r.plan.small
	return t.Execute(w, page{
		MemoryLimit: strings.Replace(memoryLimit, "GiB", " GiB", 1),
		Machine:     machine,
		Load:        load,
		Prefix:      prefix,
		SmallSize:   bytesOf(s.size),
		Pause:       fmt.Sprintf("%d ms", s.pause.Milliseconds()),
		SmallCalls:  s.calls * s.rounds,
		PausedCalls: s.pausedCalls * s.pausedRounds,
		Callers:     s.callers,
		Small:       r.smallTable(),
		Echoes:      r.timesTable(r.echoes, bytesOf),
		Tables:      r.timesTable(r.tables, rowsOf),
		Setups:      r.setups(),
		Faults:      r.faults(),
	})
}

// rowsOf writes a number of rows.
func rowsOf(n int) string { return thousands(float64(n)) + " rows" }

// smallTable is the table of small calls.
func (r *results) smallTable() string {
	t := newTable("", "p50", "p99", "p99.9", "with pauses, p50", "p99", fmt.Sprintf("%d at once, calls/s", r.plan.small.callers))
	for row, way := range r.small.Rows {
		fast, slow, crowd := r.small.At(row, backToBack), r.small.At(row, paused), r.small.At(row, many)
		t.add(r.entrant(way.Peer).title,
			quantile(fast, 0.5), quantile(fast, 0.99), quantile(fast, 0.999),
			quantile(slow, 0.5), quantile(slow, 0.99), rate(crowd))
	}
	return t.String()
}

// timesTable is a table of medians.
func (r *results) timesTable(g *grid.Grid, name func(int) string) string {
	head := []string{""}
	for _, column := range g.Columns {
		head = append(head, name(column))
	}
	t := newTable(head...)
	for row, way := range g.Rows {
		cells := []string{r.wayTitle(way)}
		for column := range g.Columns {
			cells = append(cells, quantile(g.At(row, column), 0.5))
		}
		t.add(cells...)
	}
	return t.String()
}

// wayTitle names a row, by its way too where the peer has several of that kind.
func (r *results) wayTitle(row grid.Row) string {
	e := r.entrant(row.Peer)
	if len(e.echoes) < 2 && len(e.tables) < 2 {
		return e.title
	}
	return e.title + ", " + row.Way
}

// entrant finds who took part under a name.
func (r *results) entrant(name string) entrant {
	for _, e := range r.entrants {
		if e.name == name {
			return e
		}
	}
	return entrant{title: name}
}

// quantile writes the share q of a cell's calls, or a dash for a cell that has none.
func quantile(c *grid.Cell, q float64) string {
	if len(c.Took) == 0 {
		return "–"
	}
	return duration(c.Quantile(q))
}

func rate(c *grid.Cell) string {
	if len(c.Rates) == 0 {
		return "–"
	}
	return thousands(c.Rate())
}

// setups is the table of how each was set up.
func (r *results) setups() string {
	t := newTable("", "version", "how")
	for _, e := range r.entrants {
		t.add(e.title, e.version, e.how)
	}
	return t.String()
}

// faults lists what is missing, and why.
func (r *results) faults() string {
	var b strings.Builder
	for _, a := range r.absent {
		fmt.Fprintf(&b, "- %s: %s\n", a.title, a.why)
	}
	for _, g := range []*grid.Grid{r.small, r.echoes, r.tables} {
		for _, f := range g.Faults() {
			fmt.Fprintf(&b, "- %s, %s: %s\n", r.wayTitle(f.Row), r.conditions(g, f.Columns), f.Text)
		}
	}
	if b.Len() == 0 {
		return "Everything was.\n"
	}
	return b.String()
}

// conditions names columns of a grid.
func (r *results) conditions(g *grid.Grid, columns []int) string {
	names := make([]string, len(columns))
	for i, column := range columns {
		switch g {
		case r.small:
			names[i] = [...]string{backToBack: "calls back to back", paused: "calls with pauses", many: "many callers"}[column]
		case r.echoes:
			names[i] = bytesOf(column)
		default:
			names[i] = rowsOf(column)
		}
	}
	return strings.Join(names, ", ")
}
