package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/internal/relayapi"
)

func newStats(s streams, where *settings) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "stats NAME", Short: "Show the figures of a resource", Args: takes(1, 1), ValidArgsFunction: where.completeNames,
		Long: `Show how many calls the methods of a resource had and how many of them failed, by kind. A relay tells of those that
went through it, and how long they took. With --at, the resource's process tells of all calls, of those that run or wait,
and of its shared memory.`,
		Example: `  c3 --at ipc://demo stats counter
  c3 --relay http://relay:8080 stats counter --json | jq .latency.p99`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return where.do(cmd, func(ctx context.Context, p reach.Place) error {
				f, err := p.Stats(ctx, args[0])
				switch {
				case err != nil:
					return err
				case f.Process != nil && asJSON:
					return printJSON(s.out, f.Process)
				case f.Process != nil:
					return printProcess(s.out, f.Process)
				case asJSON:
					return printJSON(s.out, f.Relay)
				}
				return printRelay(s.out, f.Relay)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printProcess(w io.Writer, f *c2.ResourceStats) error {
	rows := [][]string{{"METHOD", "CALLS", "RUNNING", "WAITING", "ERRORS"}}
	for _, m := range f.Methods {
		rows = append(rows, []string{m.Name, number(m.Calls), number(m.Running), number(m.Waiting), errorCounts(m.Errors)})
	}
	rows = append(rows, []string{"all", number(f.Calls), number(f.Running), number(f.Waiting), errorCounts(f.Errors)})
	if _, err := fmt.Fprintf(w, "%s, since %s\n\n", visible(f.Name), f.Since.UTC().Format(time.RFC3339)); err != nil {
		return other(err)
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nmemory of the process: %s for %s, %s lent in %s, %s held by %s\n",
		size(f.Memory.Bytes), count(f.Memory.Connections, "connection"), size(f.Memory.Lent), count(f.Memory.LentBlocks, "block"),
		size(f.Holds.HeldBytes), count(f.Holds.ActiveHolds, "hold"))
	if err == nil && f.Holds.LeakedHolds > 0 {
		_, err = fmt.Fprintf(w, "never released: %s, %s\n", count(f.Holds.LeakedHolds, "hold"), size(f.Holds.LeakedBytes))
	}
	return other(err)
}

func printRelay(w io.Writer, f *relayapi.Stats) error {
	rows := [][]string{{"METHOD", "CALLS", "P50", "P90", "P99", "MAX", "ERRORS"}}
	row := func(name string, calls uint64, l relayapi.Latency, errors map[string]uint64) {
		rows = append(rows, []string{
			name, number(calls), duration(l.P50), duration(l.P90), duration(l.P99), duration(l.Max), errorCounts(errors),
		})
	}
	for _, m := range f.Methods {
		row(m.Name, m.Calls, m.Latency, m.Errors)
	}
	row("all", f.Calls, f.Latency, f.Errors)
	_, err := fmt.Fprintf(w, "%s, by relay %s, since %s, %d in flight\n\n", visible(f.Name), visible(f.Relay), visible(f.Since), f.InFlight)
	if err != nil {
		return other(err)
	}
	return printTable(w, rows)
}
