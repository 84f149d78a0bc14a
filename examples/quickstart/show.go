package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// table collects what was asked, what came back, and how long that took.
type table struct {
	rows     []string
	servedBy int
}

// ask makes a call and notes it. Calls are made once, cold: what you see is what a first call costs.
func ask[T any](t *table, what string, call func() (T, error)) (T, error) {
	begin := time.Now()
	v, err := call()
	took := time.Since(begin)
	if err == nil {
		t.rows = append(t.rows, fmt.Sprintf("  %s\t%s\t%v", what, tell(v), took.Round(time.Microsecond)))
	}
	return v, err
}

func tell(v any) string {
	switch v := v.(type) {
	case Summary:
		return fmt.Sprintf("mean %.2f m/s, at most %s", v.Mean, v.Max)
	case []Point:
		names := make([]string, len(v))
		for i, p := range v {
			names[i] = p.String()
		}
		return strings.Join(names, ", ")
	case int:
		return fmt.Sprintf("%d points changed", v)
	case Grid:
		return fmt.Sprintf("%d points in 4 columns, %d KiB", len(v.Speed), 4*8*len(v.Speed)>>10)
	}
	return fmt.Sprint(v)
}

// String prints speed and place.
func (p Point) String() string {
	return fmt.Sprintf("%.1f at %.1f°N %.1f°E", p.Speed, p.Latitude, p.Longitude)
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\nasked by process %d, answered by process %d:\n\n", os.Getpid(), t.servedBy)
	tab := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(tab, "  call\tanswer\ttook")
	for _, row := range t.rows {
		fmt.Fprintln(tab, row)
	}
	tab.Flush()
}

// draw prints the field as a map of arrows, which point where the data's direction does: degrees clockwise from north.
// Where the wind is weak there is a dot.
func (g Grid) draw(w io.Writer, width, height int) {
	arrows := []rune("↑↗→↘↓↙←↖")
	west, east := bounds(g.Longitude)
	south, north := bounds(g.Latitude)
	_, strongest := bounds(g.Speed)
	cells := make([][]rune, height)
	for i := range cells {
		cells[i] = []rune(strings.Repeat(" ", width))
	}
	for i, speed := range g.Speed {
		x := int((g.Longitude[i] - west) / (east - west) * float64(width-1))
		y := int((north - g.Latitude[i]) / (north - south) * float64(height-1))
		cell := &cells[y][x]
		switch {
		case speed < strongest/5:
			*cell = '·'
		default:
			*cell = arrows[int(math.Round(g.Direction[i]/45))%8]
		}
	}
	fmt.Fprintf(w, "\nthe field as the client got it (%.0f°–%.0f°E, %.0f°–%.0f°N):\n\n", west, east, south, north)
	for _, row := range cells {
		fmt.Fprintf(w, "  %s\n", string(row))
	}
}

func bounds(v []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		low, high = min(low, x), max(high, x)
	}
	return low, high
}
