package jsonvalue_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/jsonvalue"
	"github.com/fxamacker/cbor/v2"
)

// plain is a random value of what JSON has.
func plain(r *rand.Rand, depth int) any {
	switch n := r.IntN(9); {
	case n == 0:
		return nil
	case n == 1:
		return r.IntN(2) == 0
	case n == 2:
		return float64(int64(r.Uint64()) >> r.IntN(64))
	case n == 3:
		f := math.Float64frombits(r.Uint64())
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return 0.5
		}
		return f
	case n < 6 || depth > 4:
		return strings.Repeat(string(rune(r.IntN(0x2fff))), r.IntN(20))
	case n == 6:
		list := make([]any, r.IntN(30))
		for i := range list {
			list[i] = plain(r, depth+1)
		}
		return list
	}
	m := map[string]any{}
	for range r.IntN(30) {
		m[fmt.Sprint(r.IntN(1000))] = plain(r, depth+1)
	}
	return m
}

// TestSameAsOthers turns plain values around by this package and by encoding/json and fxamacker/cbor.
func TestSameAsOthers(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := []any{plain(r, 0)}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		item, err := jsonvalue.AppendArgs(nil, []*codec.Schema{schema[any](t)}, false, text)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		var raw any
		if err := cbor.Unmarshal(item, &raw); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := floats(raw); !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("seed %d: got %v, want %v", seed, got, want)
		}
		item, err = cbor.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		out, err := jsonvalue.Append(nil, nil, item)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var got any
		if err := json.Unmarshal(out, &got); err != nil || !reflect.DeepEqual(got, any(want)) {
			t.Fatalf("seed %d: %v: got %v, want %v", seed, err, got, want)
		}
	}
}

// floats is v as encoding/json would have it.
func floats(v any) any {
	switch v := v.(type) {
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case big.Int:
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[any]any:
		m := map[string]any{}
		for k, e := range v {
			m[k.(string)] = floats(e)
		}
		return m
	}
	return v
}

// everything is a type with each kind in it.
type everything struct {
	Any    any
	Tree   *tree
	Floats []float64
	Small  []float32
	Ints   []int16
	Array  [2]uint64
	Texts  map[string]string
	Keys   map[point][]bool
	Ages   map[int8]float64
	Big    *big.Int
	Time   time.Time
	Bytes  []byte
	Raw    [3]byte
	Keyed  keyed
	Triple triple
	Flag   bool
	N      int
	U      uint
	F      float64
}

func TestEverything(t *testing.T) {
	want := everything{
		Any: []any{"a", int64(1), map[string]any{"k": nil}}, Tree: &tree{Name: "t", Kids: []*tree{{Name: "u"}, nil}}, Floats: []float64{1, math.Inf(1)},
		Small: []float32{0.1}, Ints: []int16{-1}, Array: [2]uint64{1, math.MaxUint64}, Texts: map[string]string{"a": "b"}, Keys: map[point][]bool{{1, 2}: {true}},
		Ages: map[int8]float64{-1: 0.5}, Big: new(big.Int).Lsh(big.NewInt(1), 100), Time: time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC), Bytes: []byte{0, 255},
		Raw: [3]byte{1, 2, 3}, Keyed: keyed{1, "b"}, Triple: triple{A: 1, B: []int64{math.MinInt64}}, Flag: true, N: -1, U: 1, F: 1e300,
	}
	item, err := codec.Marshal([]any{want})
	if err != nil {
		t.Fatal(err)
	}
	params := []*codec.Schema{schema[everything](t)}
	text, err := jsonvalue.Append(nil, params, item)
	if err != nil {
		t.Fatal(err)
	}
	args, err := jsonvalue.AppendArgs(nil, params, false, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var got everything
	if err := codec.Unmarshal(args[1:], &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: got  %+v\nwant %+v", err, got, want)
	}
}

// slow keeps count of what it was written.
type slow struct {
	most, all int
}

func (s *slow) Write(p []byte) (int, error) {
	s.most, s.all = max(s.most, len(p)), s.all+len(p)
	return len(p), nil
}

// TestWriteIsAStream writes large results in small parts.
func TestWriteIsAStream(t *testing.T) {
	for name, v := range map[string]any{
		"bytes": make([]byte, 8<<20), "text": strings.Repeat("a\n", 4<<20), "floats": make([]float64, 1<<20), "list": make([]any, 1<<20), "tree": make([]tree, 1<<18),
	} {
		item, err := codec.Marshal([]any{v})
		if err != nil {
			t.Fatal(err)
		}
		var out slow
		allocated := testing.AllocsPerRun(1, func() {
			out = slow{}
			if err := jsonvalue.Write(&out, nil, item); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		if out.most > 128<<10 || allocated > 50 {
			t.Errorf("%s: %d bytes are written at once, %v allocations for %d in all", name, out.most, allocated, out.all)
		}
	}
}

// TestPieces writes from pieces of every length.
func TestPieces(t *testing.T) {
	var src []byte
	goldens := goldens(t)
	for _, c := range goldens {
		args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{c.schema}, false, []byte("["+c.json+"]"))
		if err != nil {
			t.Fatal(err)
		}
		src = append(src, args[1:]...)
	}
	head, err := cbor.Marshal(make([]any, len(goldens)))
	if err != nil {
		t.Fatal(err)
	}
	src = append(head[:len(head)-len(goldens)], src...)
	want, err := jsonvalue.Append(nil, nil, src)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 40; n++ {
		var pieces [][]byte
		for rest := src; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			pieces = append(pieces, rest[:min(n, len(rest))], nil)
		}
		if got, err := jsonvalue.Append(nil, nil, pieces...); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("pieces of %d: %v\ngot  %s\nwant %s", n, err, got, want)
		}
	}
}

// TestBombs takes what is much larger than it looks, or deeper.
func TestBombs(t *testing.T) {
	params := []*codec.Schema{schema[any](t)}
	repeat := strings.Repeat
	for name, src := range map[string]string{
		"arrays": repeat("[", 1e6), "closed arrays": repeat("[", 1e6) + repeat("]", 1e6), "objects": repeat(`{"a":`, 1e6), "exponent": "[1e999999999]", "small exponent": "[1e-999999999]",
		"digits": "[" + repeat("9", 3e6) + "]", "fraction": "[0." + repeat("9", 3e6) + "]", "keys in keys": repeat(`{"1":`, 1e6),
	} {
		start := time.Now()
		for _, p := range [][]*codec.Schema{params, {schema[int](t)}, {schema[*big.Int](t)}, {schema[[]int8](t)}, {schema[float64](t)}} {
			jsonvalue.AppendArgs(nil, p, false, []byte(src))
		}
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
	for _, src := range []string{repeat("\x81", 1e6), repeat("\xa1\x01", 1e6), repeat("\xc6", 1e6), repeat("\xda\x63\x32\x00\x01", 1e6), "\x81" + repeat("\xa1", 1e6),
		repeat("\x81", 1000) + "\x80", "\x81" + repeat("\xc6", 1000) + "\x80", "\x81\xa1\x5a\x00\x01\x00\x00" + repeat("a", 1<<16) + "\x01"} {
		if _, err := jsonvalue.Append(nil, nil, []byte(src)); err == nil {
			t.Errorf("%x… is taken", src[:8])
		}
	}
	deep := []byte(repeat("[", codec.MaxDepth+1) + repeat("]", codec.MaxDepth+1))
	if _, err := jsonvalue.AppendArgs(nil, params, false, deep); err == nil {
		t.Error("arrays nested too deep are taken")
	}
	if _, err := jsonvalue.AppendArgs(nil, params, false, deep[1:len(deep)-1]); err != nil {
		t.Errorf("arrays nested as deep as may be: %v", err)
	}
	list := []byte("[" + repeat("9,", 1<<20) + "9]")
	args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{schema[[]float64](t)}, true, list)
	if err != nil || len(args) > 5*len(list) {
		t.Errorf("%d bytes became %d, %v", len(list), len(args), err)
	}
}

// TestPeersSchemas goes by schemas that no Go type has.
func TestPeersSchemas(t *testing.T) {
	loop := &codec.Schema{Kind: codec.KindList, ID: 1}
	loop.Elem = &codec.Schema{Kind: codec.KindRef, ID: 1}
	self := &codec.Schema{Kind: codec.KindRef, ID: 1}
	for _, s := range []*codec.Schema{
		nil, self, loop, {}, {Kind: "x"}, {Kind: codec.KindList}, {Kind: codec.KindMap}, {Kind: codec.KindMap, Key: self}, {Kind: codec.KindStruct, Fields: []codec.Field{{Name: "a"}}},
		{Kind: codec.KindStruct, Fields: []codec.Field{{Name: "a", IntKey: true, Type: schema[int](t)}}}, {Kind: codec.KindTuple, Fields: []codec.Field{{Name: "a"}}},
		{Kind: codec.KindVector}, {Kind: codec.KindColumn}, {Kind: codec.KindVector, Of: "int8", Len: -1},
	} {
		for _, src := range []string{`[null]`, `[1]`, `["a"]`, `[[]]`, `[[[]]]`, `[[1]]`, `[{}]`, `[{"a":1}]`} {
			args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{s}, false, []byte(src))
			if err == nil {
				if _, err := jsonvalue.Append(nil, []*codec.Schema{s}, args); err != nil {
					t.Errorf("%v: %x: %v", s, args, err)
				}
			}
		}
	}
	args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{loop}, false, []byte(`[[[],[[]],null]]`))
	if err != nil || !bytes.Equal(args, []byte{0x81, 0x83, 0x80, 0x81, 0x80, 0xf6}) {
		t.Errorf("%x, %v", args, err)
	}
}

func wellformed(item []byte) error {
	mode, err := cbor.DecOptions{MaxNestedLevels: 2 * codec.MaxDepth}.DecMode()
	if err != nil {
		return err
	}
	return mode.Wellformed(item)
}

// TestManyFields reads and writes a struct of many fields in the worst order.
func TestManyFields(t *testing.T) {
	const n = 100_000
	s := &codec.Schema{Kind: codec.KindStruct}
	src := []byte("[{")
	for i := range n {
		s.Fields = append(s.Fields, codec.Field{Name: fmt.Sprint(i), Type: &codec.Schema{Kind: codec.KindInt}})
		src = fmt.Appendf(src, `"%d":%d,`, n-1-i, i)
	}
	src = append(src[:len(src)-1], "}]"...)
	start := time.Now()
	args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{s}, false, src)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonvalue.Append(nil, []*codec.Schema{s}, args)
	if err != nil || !bytes.Equal(out, src) {
		t.Errorf("%d bytes came back as %d: %v", len(src), len(out), err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func FuzzAppendArgs(f *testing.F) {
	for _, c := range goldens(f) {
		f.Add([]byte("["+c.json+"]"), false)
	}
	f.Add([]byte(`{"1":{"N":1,"Big":18446744073709551616,"Keys":{"{\"X\":1}":[]},"Any":{"data":"AQ"}}}`), true)
	f.Fuzz(func(t *testing.T, src []byte, any bool) {
		params := []*codec.Schema{schema[everything](t)}
		if any {
			params = []*codec.Schema{{Kind: codec.KindAny}}
		}
		args, err := jsonvalue.AppendArgs(nil, params, false, src)
		if err != nil {
			return
		}
		if !json.Valid(src) {
			t.Errorf("%q is no JSON, and taken", src)
		}
		if len(args) > 16*len(src)+64 {
			t.Errorf("%d bytes become %d", len(src), len(args))
		}
		if err := wellformed(args); err != nil {
			t.Errorf("%q became %x: %v", src, args, err)
		}
		// Whole floats in any come back as integers, and then stay so.
		for range 2 {
			if src, err = jsonvalue.Append(nil, params, args); err != nil {
				t.Fatalf("%x: %v", args, err)
			}
			if args, err = jsonvalue.AppendArgs(nil, params, false, src); err != nil {
				t.Fatalf("%s: %v", src, err)
			}
		}
		if again, err := jsonvalue.Append(nil, params, args); err != nil || !bytes.Equal(again, src) {
			t.Errorf("%v: got %s, want %s", err, again, src)
		}
	})
}

func FuzzAppend(f *testing.F) {
	for _, c := range goldens(f) {
		args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{c.schema}, false, []byte("["+c.json+"]"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(args, 3)
	}
	for _, bomb := range []string{"\x81\x9b\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\xd8\x56\x5b\xff\xff\xff\xff\xff\xff\xff\xff", "\x81\xf9\x7c\x00", "\x81\xa1\xa1\x01\x02\x03", "\x81\xc1\x01"} {
		f.Add([]byte(bomb), 1)
	}
	f.Fuzz(func(t *testing.T, src []byte, n int) {
		results := []*codec.Schema{schema[everything](t)}
		out, err := jsonvalue.Append(nil, results, src)
		if n > 0 {
			var pieces [][]byte
			for rest := src; len(rest) > 0; rest = rest[min(n, len(rest)):] {
				pieces = append(pieces, rest[:min(n, len(rest))])
			}
			var streamed bytes.Buffer
			if pieced := jsonvalue.Write(&streamed, results, pieces...); (pieced == nil) != (err == nil) || err == nil && !bytes.Equal(streamed.Bytes(), out) {
				t.Errorf("in pieces of %d: %s, %v; in one: %s, %v", n, &streamed, pieced, out, err)
			}
		}
		if err == nil && !json.Valid(out) {
			t.Errorf("%x became %s, which is no JSON", src, out)
		}
		if len(out) > 64*len(src) {
			t.Errorf("%d bytes become %d", len(src), len(out))
		}
	})
}
