package c2_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/ctwo-go/c2"
)

type Greeter interface {
	Greet(ctx context.Context, names ...string) (string, error)
}

// greeterStub is what Connect gives for a Greeter from now on.
type greeterStub struct{ *c2.Caller }

func (s greeterStub) Greet(ctx context.Context, names ...string) (greeting string, err error) {
	err = s.Call(ctx, "Greet", []any{&greeting}, names)
	return greeting, err
}

var _ = c2.RegisterStub(func(c *c2.Caller) Greeter { return greeterStub{c} })

type greeter struct{}

func (greeter) Greet(_ context.Context, names ...string) (string, error) {
	return "Hello " + strings.Join(names, " and "), nil
}

func ExampleRegisterStub() {
	ctx := context.Background()
	if err := c2.Register[Greeter]("greeter", greeter{}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)

	g, err := c2.Connect[Greeter](ctx, "greeter")
	if err != nil {
		log.Fatal(err)
	}
	defer c2.Close(g)
	greeting, err := g.Greet(ctx, "Ada", "Grace")
	fmt.Printf("%T: %s, %v\n", g, greeting, err)
	// Output: c2_test.greeterStub: Hello Ada and Grace, <nil>
}
