package c2_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ctwo-go/c2"
)

// What is not said here comes from the environment (C2_CALL_TIMEOUT and so on), from .env, or is the default.
func ExampleConfigure() {
	err := c2.Configure(
		c2.Address("ipc://demo"),
		c2.CallTimeout(5*time.Second),
	)
	if err != nil {
		log.Fatal(err)
	}
	node, err := c2.Default()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(node.Address())

	// Once the node is in use it is too late.
	fmt.Println(c2.Configure())

	// A new default node may have other options.
	c2.Shutdown(context.Background())
	fmt.Println(c2.Configure())
	// Output:
	// ipc://demo
	// c2: invalid: Configure: the default node is in use already; call it first in main
	// <nil>
}
