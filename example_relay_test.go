package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// A server needs no more than the relay's URL, which C2_RELAY may say as well. What it registers is announced there.
func ExampleRelayURL() {
	if err := c2.Configure(c2.RelayURL("http://127.0.0.1:8080")); err != nil {
		log.Fatal(err)
	}
	if err := c2.Register[Counter]("counter", &counter{}); err != nil {
		log.Fatal(err)
	}
	if err := c2.Serve(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// A client anywhere asks the relay for the resource by its name.
func ExampleRelay() {
	ctx := context.Background()
	cnt, err := c2.Connect[Counter](ctx, "counter", c2.Relay("http://127.0.0.1:8080"))
	if err != nil {
		log.Fatal(err)
	}
	defer c2.Close(cnt)
	fmt.Println(cnt.Increment(ctx, 10))
}
