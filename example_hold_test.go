package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
)

// Samples is a table: a struct of slices.
type Samples struct {
	Station []uint32
	Value   []float64
}

var _ = codec.RegisterColumns[Samples]()

// Archive has samples.
type Archive interface {
	GetSamples(ctx context.Context, n int) (Samples, error)
}

type archive struct{}

// GetSamples returns memory that reaches a caller in another process without a copy.
func (archive) GetSamples(ctx context.Context, n int) (Samples, error) {
	s := Samples{Station: c2.Alloc[uint32](ctx, n), Value: c2.Alloc[float64](ctx, n)}
	for i := range n {
		s.Station[i], s.Value[i] = uint32(i%7), float64(i)
	}
	return s, nil
}

func ExampleHold() {
	ctx := context.Background()
	if err := c2.Register[Archive]("archive", archive{}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)
	server, err := c2.Default()
	if err != nil {
		log.Fatal(err)
	}
	client, err := c2.NewNode() // as if it were another process
	if err != nil {
		log.Fatal(err)
	}
	defer client.Shutdown(ctx)
	a, err := c2.Connect[Archive](ctx, "archive", c2.At(server.Address()), c2.On(client))
	if err != nil {
		log.Fatal(err)
	}

	ctx, held := c2.Hold(ctx)
	defer held.Release()
	samples, err := a.GetSamples(ctx, 100_000) // its slices lie in the server's memory
	if err != nil {
		log.Fatal(err)
	}
	sum := 0.0
	for _, v := range samples.Value {
		sum += v
	}
	fmt.Println(sum)
	fmt.Println("held:", client.HoldStats().HeldBytes > 1_200_000)
	fmt.Println("sent without a copy:", server.MemoryStats().Attached)
	// Output:
	// 4.99995e+09
	// held: true
	// sent without a copy: 2
}
