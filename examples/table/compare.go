package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/ctwo-go/c2"
)

// rounds is how often each way is measured. The median is told, so the first, cold calls do not count.
const rounds = 51

// way is a way for a client to come by the columns.
type way struct {
	name string
	hold bool
	get  func(context.Context) (Flights, error)
}

// cost is what a way takes: to get the columns, and to sum them up.
type cost struct{ get, sum time.Duration }

func (c cost) whole() time.Duration { return c.get + c.sum }

// compare measures each way of getting the flights, all of which must give the same hours.
func compare(ctx context.Context, table Table, want day) error {
	own, err := table.GetFlights(ctx) // without hold: a copy
	if err != nil {
		return err
	}
	ways := []way{
		{"its own memory", false, func(context.Context) (Flights, error) { return own, nil }},
		{"the server's memory, held", true, table.GetFlights},
		{"a copy, made by the call", false, table.GetFlights},
		{"the server's memory, held, as Arrow", true, func(ctx context.Context) (Flights, error) {
			batch, err := table.GetBatch(ctx)
			if err != nil {
				return Flights{}, err
			}
			return flightsOf(batch)
		}},
	}
	costs := make([][]cost, len(ways))
	for range rounds {
		for i, w := range ways { // by turns, so that what else the machine does slows all of them
			c, err := w.round(ctx, want)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			costs[i] = append(costs[i], c)
		}
	}
	fmt.Printf("\nwhat that takes, median of %d:\n\n", rounds)
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 3, ' ', 0)
	fmt.Fprintln(out, "  the columns lie in\tget them\tsum up\tboth")
	for i, w := range ways {
		c := median(costs[i])
		fmt.Fprintf(out, "  %s\t%v\t%v\t%v\n", w.name, c.get.Round(time.Microsecond), c.sum.Round(time.Microsecond), c.whole().Round(time.Microsecond))
	}
	return out.Flush()
}

func median(costs []cost) cost {
	slices.SortFunc(costs, func(a, b cost) int { return cmp.Compare(a.whole(), b.whole()) })
	return costs[len(costs)/2]
}

func (w way) round(ctx context.Context, want day) (c cost, err error) {
	if w.hold {
		var held *c2.Held
		ctx, held = c2.Hold(ctx)
		defer held.Release()
	}
	begin := time.Now()
	flights, err := w.get(ctx)
	if err != nil {
		return c, err
	}
	c.get = time.Since(begin)
	hours := flights.byHour()
	c.sum = time.Since(begin) - c.get
	if hours != want {
		return c, errors.New("the hours are others than before")
	}
	return c, nil
}
