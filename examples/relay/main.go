// Relay: a wind field lives in one process and announces itself to a relay; another process asks the relay for it by name, and
// neither knows where the other is. Run it with: go run ./examples/relay
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
)

func main() {
	to := flag.String("serve", "", "be the server, and announce the wind field to the relay at this `URL`")
	at := flag.String("at", "", "be a client, of the relay at this `URL`")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := codec.RegisterColumnsAs[Grid]("wind.Grid") // a name that programs in other languages can rely on
	switch {
	case err != nil:
	case *to != "":
		err = serve(ctx, *to)
	case *at != "":
		err = visit(ctx, *at)
	default:
		err = all(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
		os.Exit(1)
	}
}

// serve is the process that has the wind field, until ctx ends.
func serve(ctx context.Context, relayURL string) error {
	f, err := loadField()
	if err != nil {
		return err
	}
	if err := c2.Configure(c2.RelayURL(relayURL)); err != nil { // or C2_RELAY in the environment
		return err
	}
	if err := c2.Register[Wind]("wind", f); err != nil {
		return err
	}
	fmt.Printf("process %d has registered \"wind\", %d points, and announces it to %s\n", os.Getpid(), len(f.points), relayURL)
	return c2.Serve(ctx)
}

// visit is the client. All that it knows is the relay's URL, the resource's name and the interface.
func visit(ctx context.Context, relayURL string) error {
	wind, err := c2.Connect[Wind](ctx, "wind", c2.Relay(relayURL))
	if err != nil {
		return err
	}
	defer c2.Close(wind)

	before, err := passedOn(ctx, relayURL)
	if err != nil {
		return err
	}
	t := &table{}
	if err := look(ctx, t, wind); err != nil {
		return err
	}
	after, err := passedOn(ctx, relayURL)
	if err != nil {
		return err
	}
	t.print(os.Stdout, after-before)
	return nil
}

// look calls the wind field, wherever it is.
func look(ctx context.Context, t *table, wind Wind) error {
	if _, err := ask(t, "Summary()", func() (Summary, error) { return wind.Summary(ctx) }); err != nil {
		return err
	}
	if _, err := ask(t, "At(2.35, 48.85)", func() (Point, error) { return wind.At(ctx, 2.35, 48.85) }); err != nil {
		return err
	}
	_, err := ask(t, "At(-74, 40.7)", func() (Point, error) { return wind.At(ctx, -74, 40.7) })
	if !errors.Is(err, ErrOutside) { // which was made in the other process
		return fmt.Errorf("at a place outside the field: %v, want ErrOutside", err)
	}
	if _, err := ask(t, "Speeds()", func() ([]float64, error) { return wind.Speeds(ctx) }); err != nil {
		return err
	}

	ctx, held := c2.Hold(ctx) // from here on results stay where they are, if they can
	defer held.Release()
	grid, err := ask(t, "Grid(), held", func() (Grid, error) { return wind.Grid(ctx) })
	if err != nil {
		return err
	}
	t.held = c2.HoldStats().HeldBytes
	t.mean = mean(grid.Speed) // summed up there
	return nil
}
