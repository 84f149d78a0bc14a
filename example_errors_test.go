package c2_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// ErrEmpty has a name under which the processes on both sides know it.
var (
	ErrEmpty = errors.New("the tank is empty")
	_        = c2.RegisterError("example.empty", ErrEmpty)
)

type Tank interface {
	Take(ctx context.Context, litres int) error
}

type tank struct{ litres int }

func (t *tank) Take(_ context.Context, litres int) error {
	if litres > t.litres {
		return fmt.Errorf("can't take %d litres: %w", litres, ErrEmpty)
	}
	t.litres -= litres
	return nil
}

func ExampleRegisterError() {
	ctx := context.Background()
	if err := c2.Register[Tank]("tank", &tank{litres: 5}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)
	node, err := c2.Default()
	if err != nil {
		log.Fatal(err)
	}

	// A node of its own, so that the call goes through a socket as it does from another process.
	client, err := c2.NewNode()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(ctx)
	t, err := c2.Connect[Tank](ctx, "tank", c2.On(client), c2.At(node.Address()))
	if err != nil {
		log.Fatal(err)
	}
	err = t.Take(ctx, 7)
	fmt.Println(err)
	fmt.Println(errors.Is(err, ErrEmpty))
	// Output:
	// can't take 7 litres: the tank is empty
	// true
}
