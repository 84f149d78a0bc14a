package arrow_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ctwo-go/c2/codec"
	c2arrow "github.com/ctwo-go/c2/codec/arrow"
)

// Flights is a contract whose results are record batches.
type Flights interface {
	Delayed(ctx context.Context, byMinutes int) (arrow.RecordBatch, error)
}

func ExampleRegister() {
	if err := c2arrow.Register(); err != nil { // before Flights is registered or connected to
		fmt.Println(err)
		return
	}
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "flight", Type: arrow.BinaryTypes.String},
		{Name: "delay", Type: arrow.PrimitiveTypes.Int16},
	}, nil)
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(
		`[{"flight": "LH 456", "delay": 35}, {"flight": "UA 901", "delay": 52}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer batch.Release()

	// What c2 does with the result of a call.
	item, err := codec.Marshal(struct{ Result arrow.RecordBatch }{batch})
	if err != nil {
		fmt.Println(err)
		return
	}
	var answer struct{ Result arrow.RecordBatch }
	if err := codec.Unmarshal(item, &answer); err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Result.Release()
	fmt.Println(answer.Result.NumRows(), answer.Result.Column(0), answer.Result.Column(1))
	// Output: 2 ["LH 456" "UA 901"] [35 52]
}
