package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// A tool passes arguments on as they are, and asks what the resource has done.
func ExampleDynamic_CallCBOR() {
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
	mean := d.Descriptor().Method("Mean")
	args, err := mean.EncodeArgs([]any{map[string]any{"Place": "roof", "Values": []float64{1, 2, 6}}})
	if err != nil {
		log.Fatal(err)
	}
	results, err := d.CallCBOR(ctx, "Mean", args)
	if err != nil {
		log.Fatal(err)
	}
	out, err := mean.DecodeResults(results)
	fmt.Printf("%v, %v, in CBOR %x\n", out, err, results)
	if _, err = d.CallCBOR(ctx, "Mean", []byte{0x80}); err != nil {
		fmt.Println(err)
	}

	stats, err := d.Stats(ctx)
	fmt.Println(stats.Calls, stats.Errors, err)
	// Output:
	// [3], <nil>, in CBOR 81fb4008000000000000
	// c2: station.Mean: invalid: arguments: have 0, want 1
	// 1 map[invalid:1] <nil>
}
