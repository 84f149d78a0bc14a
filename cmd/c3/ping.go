package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
)

// maxPings bounds the memory that the times take.
const maxPings = 1_000_000

// pinger asks for a resource again and again.
type pinger struct {
	place    reach.Place
	name     string
	count    int
	interval time.Duration
	where    *settings
}

// pings is how long that took.
type pings struct {
	Name  string  `json:"name"`
	Place string  `json:"place"`
	Asked int     `json:"asked"`
	Lost  int     `json:"lost"`
	Min   float64 `json:"min"` // seconds, as all of these; zero if all are lost
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

func newPing(s streams, where *settings) *cobra.Command {
	p := pinger{where: where}
	var asJSON bool
	cmd := &cobra.Command{
		Use: "ping NAME", Short: "Measure the way to a resource", Args: takes(1, 1), ValidArgsFunction: where.completeNames,
		Long: `Ask for a resource again and again, and print how long the answers took. None of its code runs: with --at its process is
asked for its description, over a connection that stays open; with --relay the relay is. --timeout is for each answer.

What is asked in vain counts as lost, but if that is so from the beginning, c3 exits at once with what is wrong.`,
		Example: `  c3 --at ipc://demo ping counter --count 1000 --interval 0`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if p.count < 1 || p.count > maxPings || p.interval < 0 {
				return fmt.Errorf("--count takes 1 to %d, --interval 0 or more", maxPings)
			}
			if p.place, err = where.place(); err != nil {
				return err
			}
			defer p.place.Close()
			p.name = args[0]
			result, err := p.run(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(s.out, result)
			}
			return result.print(s.out)
		},
	}
	cmd.Flags().IntVarP(&p.count, "count", "c", 10, "how `MANY` times to ask")
	cmd.Flags().DurationVarP(&p.interval, "interval", "i", 100*time.Millisecond, "how long to wait before asking again")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with times in seconds")
	return cmd
}

// run asks until it has done so often enough, or ctx ends. What was asked until then counts.
func (p *pinger) run(ctx context.Context) (pings, error) {
	if _, err := p.once(ctx); err != nil { // this one also connects
		return pings{}, err
	}
	var took []time.Duration
	result := pings{Name: p.name, Place: p.place.String()}
	for result.Asked < p.count && (result.Asked == 0 || pause(ctx, p.interval)) {
		d, err := p.once(ctx)
		if ctx.Err() != nil {
			break
		}
		result.Asked++
		if err != nil {
			result.Lost++
			continue
		}
		took = append(took, d)
	}
	result.fill(took)
	return result, nil
}

// once is how long one answer took.
func (p *pinger) once(ctx context.Context) (time.Duration, error) {
	ctx, cancel := p.where.bounded(ctx)
	defer cancel()
	start := time.Now()
	err := p.place.Ping(ctx, p.name)
	return time.Since(start), err
}

// pause waits, and says whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *pings) fill(took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	at := func(part float64) float64 { return took[int(part*float64(len(took)-1)+0.5)].Seconds() }
	p.Min, p.P50, p.P90, p.P99, p.Max = at(0), at(0.5), at(0.9), at(0.99), at(1)
}

func (p *pings) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s by %s: %d asked, %d lost\nmin %s  p50 %s  p90 %s  p99 %s  max %s\n", visible(p.Name), p.Place, p.Asked, p.Lost,
		duration(p.Min), duration(p.P50), duration(p.P90), duration(p.P99), duration(p.Max))
	return other(err)
}
