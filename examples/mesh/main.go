// Mesh: the Stanford bunny lives in one process; another reads it where it lies, moves it, and finds it moved. Run it with:
// go run ./examples/mesh
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
	address := flag.String("serve", "", "be the server, at this `address`, such as ipc://mesh")
	at := flag.String("at", "", "be a client of the server at this `address`")
	save := flag.String("save", "", "have the server write the mesh to this `file` when it ends")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := errors.Join(codec.RegisterColumns[Mesh](), codec.RegisterColumns[Positions]())
	switch {
	case err != nil:
	case *address != "":
		err = serve(ctx, *address, *save)
	case *at != "":
		err = visit(ctx, *at)
	default:
		err = both(ctx, *save)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mesh:", err)
		os.Exit(1)
	}
}

// serve is the one process: it has the mesh until ctx ends.
func serve(ctx context.Context, address, save string) error {
	s, err := newStore(save)
	if err != nil {
		return err
	}
	if err := c2.Configure(c2.Address(address)); err != nil {
		return err
	}
	size := fmt.Sprintf("%d vertices and %d triangles", len(s.mesh.Vertices), len(s.mesh.Triangles)) // callers may change it soon
	if err := c2.Register[MeshStore]("bunny", s, c2.HoldInput("UpdatePositions")); err != nil {
		return err
	}
	fmt.Printf("process %d has registered \"bunny\", %s, at %s\n", os.Getpid(), size, address)
	return c2.Serve(ctx) // then calls the store's Shutdown
}

// visit is the other process.
func visit(ctx context.Context, address string) error {
	store, err := c2.Connect[MeshStore](ctx, "bunny", c2.At(address))
	if err != nil {
		return err
	}
	defer c2.Close(store)
	fmt.Printf("process %d has connected to it\n\n", os.Getpid())

	ctx, held := c2.Hold(ctx) // from here on results may stay where they are
	defer held.Release()
	mesh, err := ask("GetMesh()", func() (Mesh, error) { return store.GetMesh(ctx) })
	if err != nil {
		return err
	}
	tellHeld("held")
	if err := askCentroid(ctx, store, mesh.Vertices); err != nil {
		return err
	}

	ctx, loan, err := c2.Lend(ctx, store) // from here on Alloc gives memory that the server sees too
	if err != nil {
		return err
	}
	defer loan.Release()
	moved := c2.Alloc[Vec3](ctx, len(mesh.Vertices))
	for i, v := range mesh.Vertices { // out of the server's memory, into memory that it can read: the only copy on this side
		moved[i] = Vec3{v.X + 10, v.Y, v.Z}
	}
	if _, err := ask("UpdatePositions(x + 10)", func() (int, error) { return store.UpdatePositions(ctx, Positions{moved}) }); err != nil {
		return err
	}
	tellLent()
	if err := askCentroid(ctx, store, moved); err != nil {
		return err
	}
	held.Release() // mesh must not be used any more
	tellHeld("released")
	return nil
}

// askCentroid asks the store for the centroid, and compares it with that of the vertices that are here.
func askCentroid(ctx context.Context, store MeshStore, here []Vec3) error {
	local, err := ask("the client's own sum", func() (Vec3, error) { return centroid(here), nil })
	if err != nil {
		return err
	}
	remote, err := ask("Centroid()", func() (Vec3, error) { return store.Centroid(ctx) })
	if err == nil && local != remote {
		err = fmt.Errorf("the client finds the centroid %v, and the server %v", local, remote)
	}
	return err
}
