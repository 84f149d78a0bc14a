package codec_test

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/codec"
)

func TestCyclicValues(t *testing.T) {
	ring := &tree{}
	ring.Left = ring
	self := map[string]any{}
	self["a"], self["b"] = self, self
	list := []any{nil, nil}
	list[0], list[1] = list, list
	var box any
	box = &box
	woods := forest{nil}
	woods[0] = woods
	maps := nested{}
	maps["x"], maps["y"] = maps, maps
	for _, v := range []any{ring, self, list, box, woods, maps, []any{map[string]any{"k": ring}}} {
		c := must(codec.For(reflect.TypeOf(v)))
		if size := c.Size(reflect.ValueOf(v)); size != 0 {
			t.Errorf("%T: Size is %d", v, size)
		}
		dst, err := c.Append([]byte("old"), reflect.ValueOf(v))
		wantError(t, err, "cyclic or nested deeper than 512 levels")
		if string(dst) != "old" {
			t.Errorf("%T: dst became %d bytes", v, len(dst))
		}
	}
}

// TestPathsAreShort: a path through a cyclic value would be as long as the limit is deep.
func TestPathsAreShort(t *testing.T) {
	self := map[string]any{}
	self[strings.Repeat("long", 100)] = self
	_, err := codec.Marshal(self)
	var e *codec.Error
	if !errors.As(err, &e) || len(e.Path) > 300 {
		t.Errorf("error is a %T of %d bytes", err, len(err.Error()))
	}
}

func TestDepth(t *testing.T) {
	deepest := strings.Repeat("\x81", codec.MaxDepth) + "\x01"
	var got any
	if err := codec.Unmarshal([]byte(deepest), &got); err != nil {
		t.Errorf("the deepest allowed: %v", err)
	}
	if again := must(codec.Marshal(got)); string(again) != deepest {
		t.Error("what could be decoded is not encoded again")
	}
	for name, bomb := range map[string][]byte{
		"arrays": bytes.Repeat([]byte{0x81}, 1<<20),
		"maps":   bytes.Repeat([]byte{0xa1, 0x00}, 1<<20),
		"tags":   bytes.Repeat([]byte{0xd9, 0xd9, 0xf7}, 1<<20),
		"mixed":  bytes.Repeat([]byte{0x81, 0xc9, 0xa1, 0x61, 'a'}, 1<<20),
	} {
		if err := codec.Unmarshal(bomb, &got); err == nil {
			t.Errorf("%s: accepted", name)
		}
		var f forest
		if err := codec.Unmarshal(bomb, &f); err == nil {
			t.Errorf("%s: accepted as a recursive slice", name)
		}
		var p point
		if err := codec.Unmarshal(append([]byte{0xa1, 0x61, 'Z'}, bomb...), &p); err == nil {
			t.Errorf("%s: accepted as an unknown field", name)
		}
	}
}

func TestDeclaredLengthsAreNotTrusted(t *testing.T) {
	huge := []string{
		"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\x9a\x7f\xff\xff\xff", // arrays
		"\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", "\xba\x7f\xff\xff\xff", // maps
		"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x7b\xff\xff\xff\xff\xff\xff\xff\xff", // strings
		"\xd8\x56\x5b\x7f\xff\xff\xff\xff\xff\xff\xf8", "\xd8\x56\x9a\x7f\xff\xff\xff", // typed arrays
		"\xda\x63\x32\x00\x01\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "\xda\x63\x32\x00\x01\x82\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
	}
	for _, src := range huge {
		for _, into := range []any{new(any), new([]string), new([]float64), new([]byte), new(string), new(map[string]int), new([]struct{}), new(mesh), new(tree), new(codec.Opaque)} {
			allocated := memoryOf(func() {
				if err := codec.Unmarshal([]byte(src), into); err == nil {
					t.Errorf("%x into %T is accepted", src, into)
				}
			})
			if allocated > 1<<20 {
				t.Errorf("%x into %T allocated %d bytes", src, into, allocated)
			}
		}
	}
}

// memoryOf is how many bytes f allocates.
func memoryOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestAmplification feeds a megabyte that would become gigabytes.
func TestAmplification(t *testing.T) {
	type large struct{ A [4096]uint64 }
	array := func(n int, item string) []byte {
		head := []byte{0x9a, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
		return append(head, bytes.Repeat([]byte(item), n)...)
	}
	const n = 1 << 20
	for name, c := range map[string]struct {
		src  []byte
		into any
	}{
		"empty maps into large structs": {array(n, "\xa0"), new([]large)},
		"empty maps into pointers":      {array(n, "\xa0"), new([]*large)},
		"pairs into a map of structs":   {append([]byte{0xba, 0, 15, 0, 0}, bytes.Repeat([]byte{0}, 1<<21)...), new(map[int]large)},
		"many empty maps":               {array(4*n, "\xa0"), new([]map[string]large)},
		"many empty maps into any":      {array(4*n, "\xa0"), new(any)},
		"nulls into large structs":      {array(n, "\xf6"), new([][4096]string)},
	} {
		allocated := memoryOf(func() {
			if err := codec.Unmarshal(c.src, c.into); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if limit := uint64(64<<20 + 33*len(c.src)); allocated > limit {
			t.Errorf("%s: allocated %d bytes for %d", name, allocated, len(c.src))
		}
	}
}

func TestLargePlainDataIsNotTakenForABomb(t *testing.T) {
	words := make([]string, 1<<20)
	numbers := make([]any, 1<<20)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	for _, v := range []any{words, make([]bool, 4<<20), numbers, make([]struct{}, 1<<20), make([]point, 1<<18)} {
		got := reflect.New(reflect.TypeOf(v))
		if err := codec.Unmarshal(must(codec.Marshal(v)), got.Interface()); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestDuplicateKeys(t *testing.T) {
	text, mixed := "\xa2\x61a\x01\x61a\x02", "\xa3\x61a\x01\x05\x01\x05\x02"
	wantError(t, codec.Unmarshal([]byte(text), new(map[string]int)), `["a"]: the key occurs twice`)
	wantError(t, codec.Unmarshal([]byte(text), new(any)), `["a"]: the key occurs twice`)
	wantError(t, codec.Unmarshal([]byte(mixed), new(any)), `[5]: the key occurs twice`)
	wantError(t, codec.Unmarshal([]byte("\xa2\x61X\x01\x61X\x02"), new(point)), `key "X" occurs twice`)
	wantError(t, codec.Unmarshal([]byte("\xa2\x61X\x01\x78\x01X\x02"), new(point)), `key "X" occurs twice`)
	_, _, err := must(codec.For(reflect.TypeFor[point]())).Schema().Decode([]byte("\xa2\x61X\x01\x61X\x02"))
	wantError(t, err, `["X"]: the key occurs twice`)
}

func TestUnhashableKeys(t *testing.T) {
	for _, src := range []string{"\xa1\x80\x01", "\xa1\x41x\x01", "\xa1\xa0\x01", "\xa1\xd8\x56\x40\x01", "\xa2\x61a\x01\x80\x01"} {
		for _, into := range []any{new(any), new(map[any]int)} {
			wantError(t, codec.Unmarshal([]byte(src), into), "a map key must be")
		}
	}
}

func TestInvalidUTF8(t *testing.T) {
	bad := "\x63a\xffb"
	for _, into := range []any{new(string), new(any), new(lower)} {
		wantError(t, codec.Unmarshal([]byte(bad), into), "not valid UTF-8")
	}
	wantError(t, codec.Unmarshal([]byte("\xa1"+bad+"\x01"), new(point)), "not valid UTF-8")
	_, err := codec.Marshal(struct{ Names []string }{[]string{"ok", "\xff"}})
	wantError(t, err, "Names[1]: text is not valid UTF-8; use []byte")
	_, err = codec.Marshal(map[string]any{"a": "\xff"})
	wantError(t, err, `["a"]: text is not valid UTF-8`)
}

func TestMalformed(t *testing.T) {
	for src, want := range map[string]string{
		"":              "ends inside an item",
		"\x18":          "ends inside an item",
		"\x1c":          "does not begin a CBOR item",
		"\x9f\x01\xff":  "indefinite lengths are not accepted",
		"\x5f\x41a\xff": "indefinite lengths are not accepted",
		"\xff":          "indefinite lengths are not accepted",
		"\xf8\x10":      "simple values below 32",
		"\x83\x01\x02":  "elements are declared",
		"\x82\x01\x18":  "[1]: the data ends",
		"\x63ab":        "3 bytes are declared, 2 are left",
		"\xc0\x63abc":   `"abc" is no RFC 3339 time`,
		"\xc1\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00": "epoch time is out of range",
		"\xc2\x01":        "cbor",
		"\xd8\x56\x43abc": "3 bytes are no whole number of elements",
	} {
		wantError(t, codec.Unmarshal([]byte(src), new(any)), want)
	}
	if err := codec.Unmarshal([]byte("\x83\x01"), new(any)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut item is %v, want io.ErrUnexpectedEOF", err)
	}
}

// TestEveryCut decodes every beginning of every golden value: an error each time, never a panic.
func TestEveryCut(t *testing.T) {
	for _, g := range golden() {
		data := must(codec.Marshal(g.v))
		for n := range data {
			cut := data[:n:n]
			if err := codec.Unmarshal(cut, reflect.New(reflect.TypeOf(g.v)).Interface()); err == nil {
				t.Errorf("%s: %x of %x is accepted", g.name, cut, data)
			}
			if err := codec.Unmarshal(cut, new(any)); err == nil {
				t.Errorf("%s: %x of %x is accepted as any", g.name, cut, data)
			}
		}
	}
}

func TestWrongKinds(t *testing.T) {
	items := map[string]string{
		"bool": "\xf5", "int": "\x05", "negative": "\x24", "big": "\x1b\xff\xff\xff\xff\xff\xff\xff\xff", "float": "\xf9\x3c\x00", "text": "\x61x",
		"bytes": "\x41x", "array": "\x81\x05", "map": "\xa1\x61k\x05", "vector": "\xd8\x4d\x42\x01\x00", "simple": "\xf8\x63",
	}
	for _, c := range []struct {
		into any
		ok   string
	}{
		{new(bool), "bool"}, {new(int), "int negative"}, {new(int8), "int negative"}, {new(uint), "int big"}, {new(uint8), "int"},
		{new(float64), "int negative big float"}, {new(float32), "int negative big float"}, {new(string), "text"}, {new([]byte), "bytes array vector"},
		{new([]int16), "array vector"}, {new([]float64), "array"}, {new([]string), ""}, {new([]bool), ""}, {new([1]int64), "array"}, {new([1]byte), "bytes array"},
		{new(map[string]int), "map"}, {new(point), "map"}, {new(triple), ""}, {new(mesh), "bytes vector"}, {new(lower), "text"}, {new(blobby), "bytes vector"},
		{new(*int), "int negative"}, {new(complex128), ""},
	} {
		for kind, src := range items {
			err := codec.Unmarshal([]byte(src), c.into)
			if want := strings.Contains(" "+c.ok+" ", " "+kind+" "); want != (err == nil) {
				t.Errorf("%s into %T: error is %v", kind, c.into, err)
			}
		}
	}
}

func TestOverflow(t *testing.T) {
	for _, c := range []struct {
		v, into any
		want    string
	}{
		{300, new(int8), "300 overflows int8"},
		{-1, new(uint), "want uint, have a negative integer"},
		{256, new(uint8), "256 overflows uint8"},
		{uint64(1 << 63), new(int64), "beyond 64 bits"},
		{1e300, new(float32), "overflows float32"},
		{[]any{1, 70000}, new([]int16), "[1]: 70000 overflows int16"},
		{[]float64{1, 2}, new([3]float64), "want 24 bytes for [3]float64, have 16"},
		{[]any{1.5, 2.5}, new([3]float64), "want 3 elements for [3]float64, have 2"},
		{[]byte{1}, new([2]byte), "want 2 bytes for [2]uint8, have 1"},
		{[]string{"a"}, new([2]string), "want 2 elements for [2]string, have 1"},
		{[]any{1}, new(triple), "want 3 elements for codec_test.triple, have 1"},
		{[]float32{1}, new([]float64), "want []float64, have a typed array of float32"},
		{map[string]any{"X": "no"}, new(point), "X: want float64, have a text string"},
		{map[string]any{"Cells": map[string]any{"k": []any{map[string]any{"V": true}}}}, new(grid), `Cells["k"][0].V: want []float64, have a bool`},
	} {
		wantError(t, codec.Unmarshal(must(codec.Marshal(c.v)), c.into), c.want)
	}
}
