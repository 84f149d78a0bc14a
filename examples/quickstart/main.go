// Quickstart: a wind field lives in one process; another connects to it by interface, reads it, changes it and reads it
// again. Run it with: go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/ctwo-go/c2"
)

func main() {
	run, args := serve, os.Args[1:]
	if len(args) == 1 {
		run = func(ctx context.Context) error { return visit(ctx, c2.At(args[0])) }
	}
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// serve is the first process: it has the wind field, and starts the second.
func serve(ctx context.Context) error {
	f, err := loadField()
	if err != nil {
		return err
	}
	if err := c2.Register[Wind]("wind", f); err != nil {
		return err
	}
	defer c2.Shutdown(ctx)
	node, err := c2.Default()
	if err != nil {
		return err
	}
	fmt.Printf("process %d has registered \"wind\", %d points, at %s\n", os.Getpid(), len(f.points), node.Address())

	self, err := os.Executable()
	if err != nil {
		return err
	}
	client := exec.CommandContext(ctx, self, node.Address())
	client.Stdout, client.Stderr = os.Stdout, os.Stderr
	if err := client.Run(); err != nil {
		return fmt.Errorf("the client: %w", err)
	}
	fmt.Printf("\nback in process %d, the same code without an address calls the wind field directly:\n", os.Getpid())
	return visit(ctx)
}

// visit is the client. Where the wind field is makes no difference to it.
func visit(ctx context.Context, where ...c2.ConnectOption) error {
	wind, err := c2.Connect[Wind](ctx, "wind", where...)
	if err != nil {
		return err
	}
	defer c2.Close(wind)

	t := &table{}
	before, err := ask(t, "Summary()", func() (Summary, error) { return wind.Summary(ctx) })
	if err != nil {
		return err
	}
	t.servedBy = before.Process
	if _, err := ask(t, "Strongest(3)", func() ([]Point, error) { return wind.Strongest(ctx, 3) }); err != nil {
		return err
	}
	storm := Area{West: before.Max.Longitude - 4, South: before.Max.Latitude - 3, East: before.Max.Longitude + 4, North: before.Max.Latitude + 3}
	if _, err := ask(t, "Scale(around that, ×1.5)", func() (int, error) { return wind.Scale(ctx, storm, 1.5) }); err != nil {
		return err
	}
	if _, err := ask(t, "Summary()", func() (Summary, error) { return wind.Summary(ctx) }); err != nil {
		return err
	}
	grid, err := ask(t, "Grid()", func() (Grid, error) { return wind.Grid(ctx) })
	if err != nil {
		return err
	}
	t.print(os.Stdout)
	if len(where) > 0 {
		grid.draw(os.Stdout, 72, 20)
	}
	return nil
}
