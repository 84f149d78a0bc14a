package codec_test

import (
	"reflect"
	"testing"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/race"
)

// TestAllocations holds what small arguments cost, apart from the value itself.
func TestAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range []struct {
		v              any
		encode, decode float64
	}{
		{ptr(123456), 0, 0},
		{ptr(1.5), 0, 0},
		{ptr(true), 0, 0},
		{ptr("a string"), 0, 1},
		{&[]byte{1, 2, 3}, 0, 1},
		{&point{1, 2}, 0, 0},
		{&[]float64{1, 2, 3}, 0, 1},
		{ptr(ramp(20)), 0, 1},
		{&[3]float64{1, 2, 3}, 0, 0},
		{&[]point{{1, 2}, {3, 4}}, 0, 1},
	} {
		v := reflect.ValueOf(c.v).Elem()
		codec := must(codec.For(v.Type()))
		room := make([]byte, 0, 256)
		item := must(codec.Append(room, v))
		if n := testing.AllocsPerRun(100, func() { must(codec.Append(room, v)) }); n > c.encode {
			t.Errorf("%v: encoding takes %v allocations, want %v", v.Type(), n, c.encode)
		}
		if n := testing.AllocsPerRun(100, func() { codec.Size(v) }); n > 0 {
			t.Errorf("%v: Size takes %v allocations", v.Type(), n)
		}
		into := reflect.New(v.Type()).Elem()
		if n := testing.AllocsPerRun(100, func() { must(codec.Decode(item, into)) }); n > c.decode {
			t.Errorf("%v: decoding takes %v allocations, want %v", v.Type(), n, c.decode)
		}
	}
}

// TestAttachingAllocatesNothing: neither do references on their way out, nor views on their way in.
func TestAttachingAllocatesNothing(t *testing.T) {
	if race.Enabled || !inPlace {
		t.Skip("the race detector allocates, and numbers that are turned around are not attached")
	}
	a := newArena(1 << 16)
	e, in := &codec.Encoding{Attach: a}, codec.Decoding{Attachments: a.pieces, View: true}
	for _, x := range []any{ptr(lend[float64](a, 0, 100)), ptr(lend[byte](a, 0, 100)), ptr(lendTable(a, 0, 100))} {
		v := reflect.ValueOf(x).Elem()
		c := must(codec.For(v.Type()))
		room := make([]byte, 0, c.SizeWith(e, v))
		item := must(c.AppendWith(room, e, v))
		into := reflect.New(v.Type()).Elem()
		for name, f := range map[string]func(){
			"Size": func() { c.SizeWith(e, v) }, "Append": func() { must(c.AppendWith(room, e, v)) }, "View": func() { c.DecodeWith(item, in, into) },
		} {
			if n := testing.AllocsPerRun(100, f); n > 0 {
				t.Errorf("%v: %s takes %v allocations", v.Type(), name, n)
			}
		}
	}
}
