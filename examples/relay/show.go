package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// table collects what was asked, what came back, and how long that took.
type table struct {
	rows     []string
	answerer int
	held     int64   // bytes that are held
	mean     float64 // of what was held
}

// ask makes a call and notes it. Calls are made once, cold: what you see is what a first call costs.
func ask[T any](t *table, what string, call func() (T, error)) (T, error) {
	begin := time.Now()
	v, err := call()
	took := time.Since(begin)
	answer := t.tell(v)
	if err != nil {
		answer = fmt.Sprintf("error: %v; is it ErrOutside? %v", err, errors.Is(err, ErrOutside))
	}
	t.rows = append(t.rows, fmt.Sprintf("  %s\t%s\t%v", what, answer, took.Round(time.Microsecond)))
	return v, err
}

func (t *table) tell(v any) string {
	switch v := v.(type) {
	case Summary:
		t.answerer = v.Process
		return fmt.Sprintf("%d points, mean %.2f m/s, at most %s", v.Points, v.Mean, v.Max)
	case []float64:
		return fmt.Sprintf("%d numbers, %d KiB", len(v), 8*len(v)>>10)
	case Grid:
		return fmt.Sprintf("%d points in 4 columns, %d KiB", len(v.Speed), 4*8*len(v.Speed)>>10)
	}
	return fmt.Sprint(v)
}

// String prints speed and place.
func (p Point) String() string {
	return fmt.Sprintf("%.1f at %.1f°N %.1f°E", p.Speed, p.Latitude, p.Longitude)
}

// print tells of the calls, of which so many went through the relay.
func (t *table) print(w io.Writer, relayed int) {
	fmt.Fprintf(w, "\n  asked by process %d, answered by process %d\n\n", os.Getpid(), t.answerer)
	tab := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(tab, "  call\tanswer\ttook")
	for _, row := range t.rows {
		fmt.Fprintln(tab, row)
	}
	tab.Flush()
	where := "where the server wrote them"
	if relayed > 0 {
		where = "as they came"
	}
	fmt.Fprintf(w, "\n  through the relay, over HTTP: %d calls; directly, from process to process: %d\n", relayed, len(t.rows)-relayed)
	fmt.Fprintf(w, "  held: %d KiB of columns, %s, with a mean of %.2f m/s\n", t.held>>10, where, t.mean)
}
