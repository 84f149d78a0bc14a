package gonum_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"

	"github.com/ctwo-go/c2/codec"
	c2gonum "github.com/ctwo-go/c2/codec/gonum"
)

func TestMain(m *testing.M) {
	if err := c2gonum.Register(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// inPlace says whether numbers can be views here: they travel in little-endian order.
var inPlace = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func codecOf[T any]() *codec.Codec { return must(codec.For(reflect.TypeFor[T]())) }

// encode is v as an item in memory that begins at a multiple of 64.
func encode[T any](t testing.TB, v T) []byte {
	t.Helper()
	value := reflect.ValueOf(&v).Elem()
	room := alignedBytes(codecOf[T]().Size(value))
	item, err := codecOf[T]().Append(room[:0], value)
	if err != nil {
		t.Fatal(err)
	}
	if len(item) > len(room) {
		t.Fatalf("Size is %d, %d bytes were added", len(room), len(item))
	}
	return item
}

func decode[T any](item []byte) (v T, err error) {
	_, err = codecOf[T]().Decode(item, reflect.ValueOf(&v).Elem())
	return v, err
}

func view[T any](item []byte) (v T, err error) {
	_, _, err = codecOf[T]().View(item, reflect.ValueOf(&v).Elem())
	return v, err
}

func random(r *rand.Rand, n int) []float64 {
	floats := make([]float64, n)
	for i := range floats {
		floats[i] = r.NormFloat64()
	}
	return floats
}

func sequence(n int) []float64 {
	floats := make([]float64, n)
	for i := range floats {
		floats[i] = float64(i)
	}
	return floats
}

func TestDense(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		rows, columns := 1+r.IntN(20), 1+r.IntN(20)
		whole := mat.NewDense(rows, columns, random(r, rows*columns))
		i, j := r.IntN(rows), r.IntN(columns)
		part := whole.Slice(i, i+1+r.IntN(rows-i), j, j+1+r.IntN(columns-j)).(*mat.Dense)
		for _, want := range []*mat.Dense{whole, part} {
			item := encode(t, want)
			for name, read := range map[string]func([]byte) (*mat.Dense, error){"decode": decode[*mat.Dense], "view": view[*mat.Dense]} {
				got, err := read(item)
				if err != nil {
					t.Fatal(name, err)
				}
				if !mat.Equal(got, want) {
					t.Fatalf("%s: got %v\nwant %v", name, mat.Formatted(got), mat.Formatted(want))
				}
				if _, columns := got.Dims(); got.RawMatrix().Stride != columns {
					t.Fatalf("%s: the stride is %d", name, got.RawMatrix().Stride)
				}
			}
		}
	}
}

func TestVecDense(t *testing.T) {
	m := mat.NewDense(30, 7, sequence(210))
	for _, want := range []*mat.VecDense{
		mat.NewVecDense(1, []float64{5}), mat.NewVecDense(100, sequence(100)),
		m.ColView(3).(*mat.VecDense), m.RowView(29).(*mat.VecDense), m.ColView(6).(*mat.VecDense).SliceVec(2, 9).(*mat.VecDense),
	} {
		item := encode(t, want)
		for name, read := range map[string]func([]byte) (*mat.VecDense, error){"decode": decode[*mat.VecDense], "view": view[*mat.VecDense]} {
			got, err := read(item)
			if err != nil {
				t.Fatal(name, err)
			}
			if !mat.Equal(got, want) || got.RawVector().Inc != 1 {
				t.Errorf("%s: got %v\nwant %v", name, got, want)
			}
		}
	}
}

func TestEmptyAndNil(t *testing.T) {
	if m, err := decode[*mat.Dense](encode(t, new(mat.Dense))); err != nil || m == nil || !m.IsEmpty() {
		t.Errorf("an empty matrix is %v, %v", m, err)
	}
	if v, err := view[*mat.VecDense](encode(t, new(mat.VecDense))); err != nil || v == nil || !v.IsEmpty() {
		t.Errorf("an empty vector is %v, %v", v, err)
	}
	type both struct {
		M *mat.Dense
		V *mat.VecDense
	}
	if b, err := decode[both](encode(t, both{})); err != nil || b.M != nil || b.V != nil {
		t.Errorf("nil pointers are %v, %v", b, err)
	}
}

func TestBitsAreKept(t *testing.T) {
	signalling := math.Float64frombits(0x7ff0000000000001)
	want := []float64{math.NaN(), signalling, math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64}
	got := must(decode[*mat.Dense](encode(t, mat.NewDense(2, 3, want)))).RawMatrix().Data
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Errorf("element %d is %x, want %x", i, math.Float64bits(got[i]), math.Float64bits(want[i]))
		}
	}
}

func TestInsideAny(t *testing.T) {
	want := mat.NewDense(2, 2, sequence(4))
	got := must(decode[any](encode(t, any(want))))
	if m, ok := got.(*mat.Dense); !ok || !mat.Equal(m, want) {
		t.Errorf("got %#v", got)
	}
}

func TestViewLiesInItem(t *testing.T) {
	item := encode(t, mat.NewDense(40, 5, sequence(200)))
	seen := must(view[*mat.Dense](item)).RawMatrix().Data
	if within(item, seen) != inPlace || cap(seen) != 200 {
		t.Errorf("the view is a copy, or has a capacity of %d", cap(seen))
	}
	if within(item, must(decode[*mat.Dense](item)).RawMatrix().Data) {
		t.Error("what was decoded is no copy")
	}
	item = encode(t, mat.NewVecDense(200, sequence(200)))
	if within(item, must(view[*mat.VecDense](item)).RawVector().Data) != inPlace {
		t.Error("the view of a vector is a copy")
	}
}

func TestViewOutOfPlaceCopies(t *testing.T) {
	want := mat.NewDense(40, 5, sequence(200))
	item := encode(t, want)
	moved := alignedBytes(len(item) + 1)[1:]
	copy(moved, item)
	got := must(view[*mat.Dense](moved))
	if !mat.Equal(got, want) || within(moved, got.RawMatrix().Data) {
		t.Error("the view is wrong, or lies where it can't")
	}
}

// TestLayout pins the bytes: other programs read them.
func TestLayout(t *testing.T) {
	want := "63326d78" + "0100" + "0100" + "0200000000000000" + "0100000000000000" + strings.Repeat("00", 40) +
		"000000000000f03f" + "00000000000000c0"
	item := encode(t, mat.NewDense(2, 1, []float64{1, -2}))
	if got := fmt.Sprintf("%x", item[len(item)-80:]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	item = encode(t, mat.NewVecDense(2, []float64{1, -2}))
	want = want[:12] + "0200" + want[16:]
	if got := fmt.Sprintf("%x", item[len(item)-80:]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// header is a payload that says it has rows and columns, and is size bytes.
func header(version, kind uint16, rows, columns uint64, size int) []byte {
	b := append(make([]byte, 0, max(size, 64)), "c2mx"...)
	b = binary.LittleEndian.AppendUint16(b, version)
	b = binary.LittleEndian.AppendUint16(b, kind)
	b = binary.LittleEndian.AppendUint64(b, rows)
	b = binary.LittleEndian.AppendUint64(b, columns)
	return b[:size]
}

func TestHeadersThatLie(t *testing.T) {
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "there are 0 bytes where a header has 64"},
		{make([]byte, 63), "there are 63 bytes where a header has 64"},
		{make([]byte, 64), `begins with "\x00\x00\x00\x00"`},
		{header(2, 1, 1, 1, 72), "version 2, this program reads 1"},
		{header(1, 2, 1, 1, 72), "it is of kind 2, not 1"},
		{header(1, 1, 1, 2, 72), "1 rows of 2 columns do not have 8 bytes"},
		{header(1, 1, 1, 1, 80), "1 rows of 1 columns do not have 16 bytes"},
		{header(1, 1, 1, 1, 71), "1 rows of 1 columns do not have 7 bytes"},
		{header(1, 1, 0, 0, 72), "0 rows of 0 columns do not have 8 bytes"},
		{header(1, 1, 0, 5, 64), "0 rows of 5 columns"},
		{header(1, 1, 5, 0, 64), "5 rows of 0 columns"},
		{header(1, 1, 1<<32, 1<<32, 64), "4294967296 rows of 4294967296 columns"},       // 2^64 elements
		{header(1, 1, 1<<61, 1, 64), "2305843009213693952 rows of 1 columns"},           // 2^64 bytes
		{header(1, 1, 1<<61+1, 1, 72), "2305843009213693953 rows"},                      // 2^64+8 bytes
		{header(1, 1, math.MaxUint64, math.MaxUint64, 72), "18446744073709551615 rows"}, // -1 times -1
	} {
		item := must(codec.Marshal(codec.Opaque{Name: c2gonum.NameDense, Data: c.data}))
		_, decoded := decode[*mat.Dense](item)
		_, seen := view[*mat.Dense](item)
		for _, err := range []error{decoded, seen} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%x: error is %v\nwant ...%s...", c.data, err, c.want)
			}
		}
	}
	item := must(codec.Marshal(codec.Opaque{Name: c2gonum.NameVecDense, Data: header(1, 2, 1, 2, 80)}))
	if _, err := decode[*mat.VecDense](item); err == nil {
		t.Error("a vector of two columns was accepted")
	}
}

func TestRawShapesThatLie(t *testing.T) {
	var m mat.Dense
	m.SetRawMatrix(blas64.General{Rows: 3, Cols: 2, Stride: 2, Data: make([]float64, 5)})
	if _, err := codec.Marshal(&m); err == nil || !strings.Contains(err.Error(), "3 rows of 2 elements, 2 apart, do not lie in 5") {
		t.Errorf("error is %v", err)
	}
	var v mat.VecDense
	v.SetRawVector(blas64.Vector{N: 3, Inc: 2, Data: make([]float64, 4)})
	if _, err := codec.Marshal(&v); err == nil || !strings.Contains(err.Error(), "3 elements, 2 apart, do not lie in 4") {
		t.Errorf("error is %v", err)
	}
}

func TestRegisterTwice(t *testing.T) {
	if err := c2gonum.Register(); err != nil {
		t.Error(err)
	}
}

func FuzzDense(f *testing.F) {
	for _, b := range [][]byte{
		header(1, 1, 0, 0, 64), header(1, 1, 1, 1, 72), header(1, 1, 2, 3, 112), header(1, 2, 3, 1, 88), header(1, 1, 1<<61+1, 1, 72), header(1, 1, 1<<32, 1<<32, 64),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		item := must(codec.Marshal(codec.Opaque{Name: c2gonum.NameDense, Data: data}))
		m, err := decode[*mat.Dense](item)
		seen, seenErr := view[*mat.Dense](item)
		if (err == nil) != (seenErr == nil) {
			t.Fatalf("decoded: %v\nviewed: %v", err, seenErr)
		}
		if err == nil {
			rows, columns := m.Dims()
			if 64+8*rows*columns != len(data) {
				t.Fatalf("%d rows of %d columns come from %d bytes", rows, columns, len(data))
			}
			if r, c := seen.Dims(); r != rows || c != columns {
				t.Fatalf("the view has %d rows of %d", r, c)
			}
			if again := encode(t, m); string(again[len(again)-len(data)+64:]) != string(data[64:]) {
				t.Fatal("the elements changed")
			}
		}
		if v, err := decode[*mat.VecDense](must(codec.Marshal(codec.Opaque{Name: c2gonum.NameVecDense, Data: data}))); err == nil && 64+8*v.Len() != len(data) {
			t.Fatalf("%d elements come from %d bytes", v.Len(), len(data))
		}
	})
}
