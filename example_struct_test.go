package c2_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// ThermostatFuncs is a contract as a struct of funcs. Its tags say what reads, and what a method is called there.
type ThermostatFuncs struct {
	Degrees func(ctx context.Context) (float64, error)  `c2:"read"`
	Warmer  func(ctx context.Context, by float64) error `c2:"write"`
	Heat    func(ctx context.Context, by float64) error `c2:"write,name=Warmer"`
}

// thermostat has the contract's methods; that it does is checked when it is registered.
type thermostat struct{ degrees float64 }

func (t *thermostat) Degrees(context.Context) (float64, error)   { return t.degrees, nil }
func (t *thermostat) Warmer(_ context.Context, by float64) error { t.degrees += by; return nil }

// A contract may be a struct of funcs: on platforms where no interface can be implemented at run time, and wherever
// tags are wanted.
func Example_structOfFuncs() {
	ctx := context.Background()
	if err := c2.RegisterAs[ThermostatFuncs]("hall", &thermostat{19.5}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)

	hall, err := c2.Connect[ThermostatFuncs](ctx, "hall")
	if err != nil {
		log.Fatal(err)
	}
	defer c2.Close(hall)
	if err := hall.Heat(ctx, 1.5); err != nil {
		log.Fatal(err)
	}
	fmt.Println(hall.Degrees(ctx))
	// Output: 21 <nil>
}
