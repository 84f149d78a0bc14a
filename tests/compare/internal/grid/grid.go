// Package grid keeps what was measured: a row for each way of each peer, a column for each condition.
package grid

import (
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/stats"
)

// Row is one way of a peer.
type Row struct {
	Peer string // its name
	Way  string
}

// Cell is what was measured of one row under one condition.
type Cell struct {
	Took  []time.Duration // calls
	Rates []float64       // calls a second, one for each turn
	Fault string          // why there is no more: what went wrong
}

// Quantile returns the share q of the calls' times.
func (c *Cell) Quantile(q float64) time.Duration { return stats.Quantile(c.Took, q) }

// Rate returns the median of the turns' calls a second.
func (c *Cell) Rate() float64 { return stats.Median(c.Rates) }

// Grid is measurements of several rows under several conditions.
type Grid struct {
	Rows    []Row
	Columns []int // sizes in bytes, numbers of rows, or whatever the conditions are counted by
	cells   []Cell
}

// New returns an empty grid.
func New(rows []Row, columns []int) *Grid {
	return &Grid{Rows: rows, Columns: columns, cells: make([]Cell, len(rows)*len(columns))}
}

// At returns the cell of a row under a condition.
func (g *Grid) At(row, column int) *Cell { return &g.cells[row*len(g.Columns)+column] }

// Faults returns what went wrong with each row, once if it was the same under several conditions, in order of the rows.
func (g *Grid) Faults() []Fault {
	var faults []Fault
	for r, row := range g.Rows {
		last := -1
		for c := range g.Columns {
			text := g.At(r, c).Fault
			switch {
			case text == "":
			case last >= 0 && faults[last].Text == text:
				faults[last].Columns = append(faults[last].Columns, g.Columns[c])
			default:
				last = len(faults)
				faults = append(faults, Fault{Row: row, Columns: []int{g.Columns[c]}, Text: text})
			}
		}
	}
	return faults
}

// Fault is why cells of a row are empty.
type Fault struct {
	Row
	Columns []int
	Text    string
}
