package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// Reading is what a station measures.
type Reading struct {
	Place  string
	Values []float64
}

type Station interface {
	Mean(ctx context.Context, r Reading) (float64, error)
}

type station struct{}

func (station) Mean(_ context.Context, r Reading) (mean float64, err error) {
	for _, v := range r.Values {
		mean += v / float64(len(r.Values))
	}
	return mean, nil
}

// The caller has no Go type of the resource's, neither of its contract nor of its values.
func ExampleConnectDynamic() {
	ctx := context.Background()
	if err := c2.Register[Station]("station", station{}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)

	d, err := c2.ConnectDynamic(ctx, "station")
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	fmt.Println(d.Descriptor().Methods[0])
	out, err := d.Call(ctx, "Mean", map[string]any{"Place": "roof", "Values": []any{1, 2, 6}})
	fmt.Println(out, err)
	// Output:
	// Mean(c2_test.Reading{Place string; Values []float64}) (float64, error)
	// [3] <nil>
}
