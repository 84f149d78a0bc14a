package jsonvalue_test

import (
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/jsonvalue"
)

func Example() {
	c, err := codec.For(reflect.TypeFor[[]float32]())
	if err != nil {
		fmt.Println(err)
		return
	}
	schemas := []*codec.Schema{c.Schema()}
	args, err := jsonvalue.AppendArgs(nil, schemas, false, []byte(`[[1.5, "NaN"]]`))
	fmt.Printf("%x %v\n", args, err)
	text, err := jsonvalue.Append(nil, schemas, args)
	fmt.Printf("%s %v\n", text, err)
	_, err = jsonvalue.AppendArgs(nil, schemas, false, []byte(`[[1.5, "x"]]`))
	fmt.Println(err)
	// Output:
	// 81d855480000c03f0000c07f <nil>
	// [[1.5,"NaN"]] <nil>
	// argument 1: [1]: want float32, have "x"
}
