package codec_test

import (
	"bytes"
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/codec"
)

// What refers to memory that both sides see goes on to somebody who does not.
func ExampleFlatten() {
	shared := make(block, 1<<20)
	v := reflect.ValueOf([]byte(shared))
	c, err := codec.For(v.Type())
	if err != nil {
		fmt.Println(err)
		return
	}
	payload, err := c.AppendWith(nil, &codec.Encoding{Attach: shared}, v)
	if err != nil {
		fmt.Println(err)
		return
	}
	pieces, err := codec.Flatten(payload, [][]byte{shared}, 1<<30)
	fmt.Printf("%x, and then the memory itself: %v, %v\n", pieces[0], &pieces[1][0] == &shared[0], err)
	var seen []byte
	fmt.Println(codec.Unmarshal(bytes.Join(pieces, nil), &seen), len(seen))
	// Output:
	// 5a00100000, and then the memory itself: true, <nil>
	// <nil> 1048576
}
