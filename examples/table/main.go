// Table: 200,000 flights lie in one process; another sums them up without copying them, and says what that costs beside
// summing up its own. Run it with: go run -C examples/table .
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	c2arrow "github.com/ctwo-go/c2/codec/arrow"
)

func main() {
	address := flag.String("serve", "", "be the server, at this `address`, such as ipc://table")
	at := flag.String("at", "", "be a client of the server at this `address`")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := registerTypes()
	switch {
	case err != nil:
	case *address != "":
		err = serve(ctx, *address)
	case *at != "":
		err = visit(ctx, *at)
	default:
		err = both(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

// registerTypes says how the contract's types travel. It comes before their first use.
func registerTypes() error { return errors.Join(codec.RegisterColumns[Flights](), c2arrow.Register()) }

// serve is the one process: it has the flights until ctx ends.
func serve(ctx context.Context, address string) error {
	if err := c2.Configure(c2.Address(address)); err != nil {
		return err
	}
	t, err := loadTable()
	if err != nil {
		return err
	}
	if err := c2.Register[Table]("flights", t); err != nil {
		return err
	}
	fmt.Printf("process %d has registered \"flights\", %d rows, at %s\n", os.Getpid(), len(t.flights.Delay), address)
	return c2.Serve(ctx)
}

// visit is the other process.
func visit(ctx context.Context, address string) error {
	table, err := c2.Connect[Table](ctx, "flights", c2.At(address))
	if err != nil {
		return err
	}
	defer c2.Close(table)
	hours, err := sumUp(ctx, table)
	if err != nil {
		return err
	}
	return compare(ctx, table, hours)
}

// sumUp has the flights summed up where they lie.
func sumUp(ctx context.Context, table Table) (day, error) {
	ctx, held := c2.Hold(ctx) // from here on results may stay where they are
	defer held.Release()
	flights, err := table.GetFlights(ctx)
	if err != nil {
		return day{}, err
	}
	hours := flights.byHour()
	fmt.Printf("\nprocess %d has summed them up:\n\n", os.Getpid())
	hours.print(os.Stdout)
	tellHeld("while it holds them")
	held.Release() // flights must not be used any more
	tellHeld("after Release")
	return hours, nil
}

// tellHeld prints how much of the server's memory this process keeps.
func tellHeld(when string) {
	stats := c2.HoldStats()
	fmt.Printf("%-20s holds: %d, bytes of the server's memory: %d\n", when, stats.ActiveHolds, stats.HeldBytes)
}
