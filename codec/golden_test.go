package codec_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
)

var update = flag.Bool("update", false, "write testdata/golden.txt anew")

const goldenFile = "testdata/golden.txt"

// golden is one of each thing that there is on the wire. Maps have one pair, as their order is
// not fixed.
func golden() []struct {
	name string
	v    any
} {
	return []struct {
		name string
		v    any
	}{
		{"nil", (*int)(nil)},
		{"bool", true},
		{"int small", 5},
		{"int negative", -500},
		{"int64 largest", int64(math.MaxInt64)},
		{"uint64 largest", uint64(math.MaxUint64)},
		{"float32", float32(1.5)},
		{"float64", 1.1},
		{"complex128", complex(1, -2)},
		{"string", "grüße"},
		{"bytes", []byte{1, 2, 3}},
		{"byte array", [2]byte{0xca, 0xfe}},
		{"nil bytes", []byte(nil)},
		{"int8 vector", []int8{-1, 2}},
		{"int16 vector", []int16{-1, 2}},
		{"int32 vector", []int32{-1, 2}},
		{"int64 vector", []int64{-1, 2}},
		{"int vector", []int{-1, 2}},
		{"uint16 vector", []uint16{1, 258}},
		{"uint32 vector", []uint32{1, 258}},
		{"uint64 vector", []uint64{1, 258}},
		{"float32 vector", []float32{1.5, -2}},
		{"float64 vector", []float64{1.5, -2}},
		{"float64 array", [2]float64{1.5, -2}},
		{"complex64 vector", []complex64{1 + 2i}},
		{"empty vector", []float64{}},
		{"nil vector", []float64(nil)},
		{"list of strings", []string{"a", "b"}},
		{"list of vectors", [][]int16{{1}, nil}},
		{"list of bools", []bool{true, false}},
		{"map", map[string]int{"a": 1}},
		{"map with integer keys", map[int]string{-1: "x"}},
		{"map with struct keys", map[point]bool{{1, 2}: true}},
		{"empty struct", struct{}{}},
		{"struct", point{1, 2}},
		{"struct with vector", struct{ V []float32 }{[]float32{1}}},
		{"struct with tags", tagged{A: 1, B: "x", Dash: 2, F: time.Unix(0, 0).UTC()}},
		{"struct with embedded fields", derived{base: base{1, "n"}, Name: "d"}},
		{"struct with integer keys", keyed{A: 1, B: "b"}},
		{"struct as array", triple{A: 1, B: []int64{2}}},
		{"pointer", ptr(7)},
		{"time", time.Date(2024, 2, 29, 12, 30, 0, 123456789, aZone)},
		{"duration", 1500 * time.Millisecond},
		{"big integer", must2(new(big.Int).SetString("-18446744073709551617", 10))},
		{"binary marshaler", netip.MustParseAddr("10.0.0.1")},
		{"text marshaler", lower{"text"}},
		{"any", []any{nil, int64(1), "x", []float64{1}, map[string]any{"k": true}}},
		{"transferable", mesh{[]float64{1, 2}}},
		{"transferable without size", unsized{"x"}},
		{"transferable inside any", []any{mesh{[]float64{1}}}},
	}
}

// TestGolden holds the bytes that docs and other languages rely on.
func TestGolden(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What each value is on the wire: name | Go type | Go value | bytes in hex.\n")
	for _, g := range golden() {
		data, err := codec.Marshal(g.v)
		if err != nil {
			t.Fatalf("%s: %v", g.name, err)
		}
		fmt.Fprintf(&b, "%s | %T | %s | %x\n", g.name, g.v, show(g.v), data)
	}
	if *update {
		if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(got), len(lines)) {
		if i >= len(got) || i >= len(lines) || got[i] != lines[i] {
			t.Fatalf("line %d differs; if the wire format is to change, run with -update\ngot  %s\nwant %s", i+1, got[min(i, len(got)-1)], lines[min(i, len(lines)-1)])
		}
	}
}

func show(v any) string {
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && !rv.IsNil() {
		return fmt.Sprintf("&%v", rv.Elem())
	}
	if s, ok := v.(fmt.Stringer); ok && reflect.ValueOf(v).Kind() != reflect.Pointer {
		return s.String()
	}
	return fmt.Sprintf("%+v", v)
}

// TestGoldenDecodes reads the committed bytes back, whatever this version writes.
func TestGoldenDecodes(t *testing.T) {
	file, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(file)), "\n")[1:]
	for i, g := range golden() {
		data, err := hex.DecodeString(lines[i][strings.LastIndex(lines[i], " ")+1:])
		if err != nil {
			t.Fatal(err)
		}
		got := reflect.New(reflect.TypeOf(g.v))
		if err := codec.Unmarshal(data, got.Interface()); err != nil {
			t.Errorf("%s: %v", g.name, err)
		} else if !same(got.Elem().Interface(), g.v) {
			t.Errorf("%s: got %v, want %v", g.name, got.Elem(), g.v)
		}
	}
}
