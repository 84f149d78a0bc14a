package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// Counter is a contract: a plain interface.
type Counter interface {
	Increment(ctx context.Context, by int) (int, error)
	Value(ctx context.Context) (int, error)
	Reset(ctx context.Context) (int, error)
}

// counter implements it. It knows nothing of being called from elsewhere, and needs no lock.
type counter struct {
	_ c2.Policy `read:"Value"` // may run beside other reads; everything else runs alone
	n int
}

func (c *counter) Increment(_ context.Context, by int) (int, error) { c.n += by; return c.n, nil }
func (c *counter) Value(context.Context) (int, error)               { return c.n, nil }

func (c *counter) Reset(context.Context) (int, error) {
	n := c.n
	c.n = 0
	return n, nil
}

func Example() {
	ctx := context.Background()
	if err := c2.Register[Counter]("counter", &counter{n: 100}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx) // a program that only serves calls c2.Serve instead

	// In another process only this line is different: it has c2.At("ipc://…").
	cnt, err := c2.Connect[Counter](ctx, "counter")
	if err != nil {
		log.Fatal(err)
	}
	defer c2.Close(cnt)

	n, err := cnt.Increment(ctx, 10)
	fmt.Println(n, err)
	n, err = cnt.Value(ctx)
	fmt.Println(n, err)
	// Output:
	// 110 <nil>
	// 110 <nil>
}
