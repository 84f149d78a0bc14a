package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ctwo-go/c2/tests/compare/internal/grid"
	"github.com/ctwo-go/c2/tests/compare/internal/rows"
	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// comparison measures entrants by turns: one takes some calls, then the next one, and so on for several rounds, so that the
// noise of the machine hits all alike.
type comparison struct {
	plan  plan
	log   io.Writer
	pairs map[string]*pair // by the entrant's name
}

// results are what a comparison comes to.
type results struct {
	plan     plan
	entrants []entrant // that took part
	absent   []absence
	small    *grid.Grid // under the conditions below
	echoes   *grid.Grid // by size
	tables   *grid.Grid // by rows
}

// The conditions of small calls: the columns of their grid.
const (
	backToBack = iota
	paused
	many
)

// absence is an entrant that did not take part.
type absence struct {
	title, why string
}

// compare starts all entrants, with their sockets in dir, measures them, and ends them.
// An entrant that can't be started is absent; other errors come with the results that there are.
func compare(ctx context.Context, p plan, entrants []entrant, dir string, log io.Writer) (r *results, err error) {
	c := &comparison{plan: p, log: log, pairs: make(map[string]*pair)}
	defer func() { err = errors.Join(err, c.end()) }()
	r = &results{plan: p}
	for _, e := range entrants {
		if ctx.Err() != nil {
			break
		}
		fmt.Fprintf(log, "starting %s\n", e.title)
		pair, err := startPair(e, dir)
		if err != nil {
			r.absent = append(r.absent, absence{e.title, err.Error()})
			continue
		}
		c.pairs[e.name] = pair
		r.entrants = append(r.entrants, e)
	}
	c.measureSmall(ctx, r)
	c.measureEchoes(ctx, r)
	c.measureTables(ctx, r)
	return r, context.Cause(ctx)
}

// end ends all processes.
func (c *comparison) end() error {
	var errs []error
	for _, p := range c.pairs {
		errs = append(errs, p.end())
	}
	return errors.Join(errs...)
}

func (c *comparison) measureSmall(ctx context.Context, r *results) {
	var ways []grid.Row
	for _, e := range r.entrants {
		ways = append(ways, grid.Row{Peer: e.name, Way: e.echoes[0]})
	}
	s := c.plan.small
	r.small = grid.New(ways, []int{backToBack, paused, many})
	req := turn.Request{Work: turn.Echo, Size: s.size, Warm: s.calls / 10, Calls: s.calls, Span: c.plan.span, Callers: 1, Whole: c.plan.whole}
	c.fill(ctx, r.small, backToBack, req, s.rounds)

	req.Pause, req.Calls, req.Warm, req.Span = s.pause, s.pausedCalls, 1, 4*c.plan.span
	c.fill(ctx, r.small, paused, req, s.pausedRounds)

	req.Pause, req.Callers, req.Warm, req.Span = 0, s.callers, s.calls/10, s.span
	c.fill(ctx, r.small, many, req, s.manyRounds)
}

func (c *comparison) measureEchoes(ctx context.Context, r *results) {
	r.echoes = grid.New(ways(r.entrants, func(e entrant) []string { return e.echoes }), c.plan.sizes)
	for column, size := range c.plan.sizes {
		calls, warm := c.plan.callsOf(size)
		req := turn.Request{Work: turn.Echo, Size: size, Warm: warm, Calls: calls, Span: c.plan.span, Callers: 1, Whole: c.plan.whole}
		c.fill(ctx, r.echoes, column, req, c.plan.roundsOf(req))
	}
}

func (c *comparison) measureTables(ctx context.Context, r *results) {
	r.tables = grid.New(ways(r.entrants, func(e entrant) []string { return e.tables }), c.plan.tables)
	for column, n := range c.plan.tables {
		calls, warm := c.plan.callsOf(n * rows.Bytes)
		req := turn.Request{Work: turn.Table, Size: n, Warm: warm, Calls: calls, Span: c.plan.span, Callers: 1}
		c.fill(ctx, r.tables, column, req, c.plan.roundsOf(req))
	}
}

// ways are the rows of all entrants.
func ways(entrants []entrant, of func(entrant) []string) []grid.Row {
	var ways []grid.Row
	for _, e := range entrants {
		for _, way := range of(e) {
			ways = append(ways, grid.Row{Peer: e.name, Way: way})
		}
	}
	return ways
}

// fill measures all rows of g under one condition: in each round each row has a turn, and each round begins with another.
func (c *comparison) fill(ctx context.Context, g *grid.Grid, column int, req turn.Request, rounds int) {
	fmt.Fprintf(c.log, "%s: %d × %d calls of %d, %d at once\n", req.Work, rounds, req.Calls, req.Size, req.Callers)
	for round := range rounds {
		for i := range g.Rows {
			row := (i + round) % len(g.Rows)
			if cell := g.At(row, column); cell.Fault == "" && ctx.Err() == nil {
				req.Way = g.Rows[row].Way
				c.measure(cell, c.pairs[g.Rows[row].Peer], req)
			}
		}
	}
}

// measure adds a turn to a cell.
func (c *comparison) measure(cell *grid.Cell, p *pair, req turn.Request) {
	a, err := p.turn(req)
	switch {
	case err != nil:
		cell.Fault = err.Error()
	case req.Work == turn.Table && a.Sum != wantSum(req.Size):
		cell.Fault = fmt.Sprintf("the sum of %d rows came to %v, want %v", req.Size, a.Sum, wantSum(req.Size))
	default:
		cell.Took = append(cell.Took, a.Took...)
		if a.Elapsed > 0 {
			cell.Rates = append(cell.Rates, float64(a.Calls)/a.Elapsed.Seconds())
		}
	}
	if cell.Fault != "" {
		fmt.Fprintf(c.log, "%s, %s: %s\n", p.title, req.Way, cell.Fault)
	}
}
