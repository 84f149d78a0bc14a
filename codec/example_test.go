package codec_test

import (
	"fmt"
	"reflect"

	"github.com/ctwo-go/c2/codec"
)

type Reading struct {
	Station string
	Values  []float32
}

func Example() {
	data, err := codec.Marshal(Reading{"north", []float32{1, 2.5}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", data)

	var r Reading
	if err := codec.Unmarshal(data, &r); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(r.Station, r.Values)
	// Output:
	// a26753746174696f6e656e6f7274686656616c756573d855480000803f00002040
	// north [1 2.5]
}

func ExampleFor() {
	_, err := codec.For(reflect.TypeFor[struct {
		Points []struct{ Callback func() }
		Done   chan bool
	}]())
	fmt.Println(err)
	// Output:
	// Points[].Callback: func() can't be encoded: a function can't leave its process
	// Done: chan bool can't be encoded: a channel ends in its process
}

// Route is kept as text by its own package, and sent so.
type Route struct{ from, to string }

func ExampleRegister() {
	err := codec.Register(codec.Transferable[Route]{
		Name: "example.route",
		Size: func(r Route) int { return len(r.from) + 1 + len(r.to) },
		Append: func(dst []byte, r Route) ([]byte, error) {
			return append(append(append(dst, r.from...), '>'), r.to...), nil
		},
		Decode: func(src []byte) (r Route, err error) {
			for i, b := range src {
				if b == '>' {
					return Route{string(src[:i]), string(src[i+1:])}, nil
				}
			}
			return r, fmt.Errorf("no > in %q", src)
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	data, err := codec.Marshal([]Route{{"a", "b"}, {"b", "c"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var routes []Route
	fmt.Println(codec.Unmarshal(data, &routes), routes)
	// Output: <nil> [{a b} {b c}]
}

// Points has a column per field.
type Points struct {
	Name    string
	X, Y, Z []float64
	Color   [][4]uint8
}

func ExampleRegisterColumns() {
	if err := codec.RegisterColumns[Points](); err != nil {
		fmt.Println(err)
		return
	}
	item, err := codec.Marshal(Points{Name: "bunny", X: []float64{1}, Y: []float64{2}, Z: []float64{3}, Color: [][4]uint8{{255, 0, 0, 255}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var p Points
	err = codec.Unmarshal(item, &p)
	fmt.Println(p, err)
	// Output: {bunny [1] [2] [3] [[255 0 0 255]]} <nil>
}

func ExampleSchema_Append() {
	c, err := codec.For(reflect.TypeFor[Reading]())
	if err != nil {
		fmt.Println(err)
		return
	}
	s := c.Schema()
	fmt.Println(s)

	// A script has numbers, lists and maps, and no Go type.
	data, err := s.Append(nil, map[string]any{"Station": "north", "Values": []any{1, 2.5}})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, _, err := s.Decode(data)
	fmt.Println(v, err)

	_, err = s.Append(nil, map[string]any{"Values": []any{1, "two"}})
	fmt.Println(err)
	// Output:
	// codec_test.Reading{Station string; Values []float32}
	// map[Station:north Values:[1 2.5]] <nil>
	// Values[1]: want float32, have two (string)
}

func ExampleCompatible() {
	type client struct{ Values []float64 }
	ours, _ := codec.For(reflect.TypeFor[client]())
	theirs, _ := codec.For(reflect.TypeFor[Reading]())
	fmt.Println(codec.Compatible(ours.Schema(), theirs.Schema()))
	// Output: Values: the client has []float64, the server has []float32
}
