package c2_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/ctwo-go/c2"
)

// Ledger is a contract, and LedgerV2 what it has become: a sum means something else there.
type (
	Ledger interface {
		Sum(ctx context.Context) (int, error)
	}
	LedgerV2 interface {
		Sum(ctx context.Context) (int, error)
	}
)

// The major versions of both sides must agree.
var (
	_ = c2.Contract[Ledger]("example.ledger", "1.4.0")
	_ = c2.Contract[LedgerV2]("example.ledger", "2.0.0")
)

type ledger []int

func (l ledger) Sum(context.Context) (sum int, err error) {
	for _, n := range l {
		sum += n
	}
	return sum, nil
}

func ExampleContract() {
	ctx := context.Background()
	if err := c2.Register[Ledger]("ledger", ledger{3, 4}); err != nil {
		log.Fatal(err)
	}
	defer c2.Shutdown(ctx)

	_, err := c2.Connect[LedgerV2](ctx, "ledger")
	fmt.Println(errors.Is(err, c2.ErrMismatch))
	fmt.Println(err)
	// Output:
	// true
	// c2: ledger: mismatch: the client's c2_test.LedgerV2 does not fit the resource's Ledger:
	// 	the client's contract has version 2.0.0, the resource's 1.4.0; the major versions must agree
}
