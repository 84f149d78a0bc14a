package codec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"github.com/ctwo-go/c2/codec"
)

// alignedBytes is n bytes that begin at a multiple of 64.
func alignedBytes(n int) []byte {
	b := make([]byte, n+63)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & 63
	return b[skip : skip+uintptr(n)]
}

// within says whether p points into b.
func within(b []byte, p unsafe.Pointer) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return uintptr(p) >= start && uintptr(p) < start+uintptr(len(b))
}

// inPlace says whether numbers can be views here: they travel in little-endian order.
var inPlace = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// aligned is the payload of v in memory that is aligned to 64, behind lead bytes of other things.
func aligned(t *testing.T, v any, lead int) []byte {
	t.Helper()
	c := must(codec.For(reflect.TypeOf(v)))
	size := c.Size(reflect.ValueOf(v))
	const guessed = 64 // by how much Size may be wrong about an unsizedSlab
	out := must(c.Append(alignedBytes(lead + size + guessed)[:lead], reflect.ValueOf(v)))
	if n := len(out) - lead; n > size && !bytes.Contains(out, []byte{0x5b}) {
		t.Errorf("%T: Size is %d, %d bytes were added", v, size, n)
	}
	return out[lead:]
}

func view[T any](t *testing.T, src []byte) (v T, borrowed bool) {
	t.Helper()
	rest, borrowed, err := must(codec.For(reflect.TypeFor[T]())).View(src, reflect.ValueOf(&v).Elem())
	if err != nil || len(rest) != 0 {
		t.Fatalf("%T: %d bytes left, %v", v, len(rest), err)
	}
	return v, borrowed
}

func TestViewOfBytes(t *testing.T) {
	src := aligned(t, struct {
		B []byte
		S string
		E []byte
	}{[]byte("bytes"), "text", []byte{}}, 0)
	got, borrowed := view[struct {
		B []byte
		S string
		E []byte
	}](t, src)
	if !borrowed || !within(src, unsafe.Pointer(unsafe.SliceData(got.B))) || cap(got.B) != 5 {
		t.Errorf("B is no view: borrowed is %v, capacity %d", borrowed, cap(got.B))
	}
	if within(src, unsafe.Pointer(unsafe.StringData(got.S))) {
		t.Error("the string is a view")
	}
	if got.E == nil || within(src, unsafe.Pointer(unsafe.SliceData(got.E))) {
		t.Error("the empty slice is nil or a view")
	}
}

// TestViewAtEveryOffset encodes behind each number of bytes, and expects views each time.
func TestViewAtEveryOffset(t *testing.T) {
	floats, words, slab64 := make([]float64, 50), make([]uint16, 50), slab(bytes.Repeat([]byte{1}, 64))
	for lead := range 130 {
		f := aligned(t, floats, lead)
		if got, borrowed := view[[]float64](t, f); borrowed != inPlace || inPlace != within(f, unsafe.Pointer(unsafe.SliceData(got))) || !reflect.DeepEqual(got, floats) {
			t.Errorf("lead %d: floats are no view", lead)
		}
		w := aligned(t, words, lead)
		if got, borrowed := view[[]uint16](t, w); borrowed != inPlace || inPlace != within(w, unsafe.Pointer(unsafe.SliceData(got))) {
			t.Errorf("lead %d: words are no view", lead)
		}
		for _, v := range []any{slab64, unsizedSlab(slab64), []any{slab64}, []any{unsizedSlab(slab64)}} {
			src := aligned(t, v, lead)
			if err := strict().Wellformed(src); err != nil {
				t.Fatalf("lead %d: %T: %v", lead, v, err)
			}
			got := reflect.New(reflect.TypeOf(v)).Elem()
			_, borrowed, err := must(codec.For(got.Type())).View(src, got)
			if err != nil || !borrowed || !reflect.DeepEqual(got.Interface(), v) {
				t.Fatalf("lead %d: %T: borrowed is %v, %v", lead, v, borrowed, err)
			}
			if got.Kind() == reflect.Slice && got.Type().Elem().Kind() == reflect.Interface {
				got = got.Index(0).Elem()
			}
			if at := uintptr(got.UnsafePointer()); at%64 != 0 || !within(src, got.UnsafePointer()) {
				t.Fatalf("lead %d: %T begins at %#x", lead, v, at)
			}
		}
	}
}

// TestPaddingOfEveryLength has each width of heads, up to what memory allows.
func TestPaddingOfEveryLength(t *testing.T) {
	for _, n := range []int{8, 31, 32, 33, 8191, 8192, 8193} {
		want := make([]float64, n)
		for lead := range 64 {
			src := aligned(t, want, lead)
			if got, borrowed := view[[]float64](t, src); borrowed != inPlace || len(got) != n {
				t.Errorf("%d floats behind %d bytes are no view", n, lead)
			}
			var owned any
			if err := codec.Unmarshal(src, &owned); err != nil || !reflect.DeepEqual(owned, any(want)) {
				t.Errorf("%d floats behind %d bytes are not read as any: %v", n, lead, err)
			}
		}
	}
}

func TestAppendWithCountsFromBase(t *testing.T) {
	want := make([]float64, 20)
	c := must(codec.For(reflect.TypeFor[[]float64]()))
	for base := range 9 {
		out := must(c.AppendWith(make([]byte, base, 400), &codec.Encoding{Base: base}, reflect.ValueOf(want)))[base:]
		src := alignedBytes(len(out))
		copy(src, out)
		if got, borrowed := view[[]float64](t, src); borrowed != inPlace || len(got) != len(want) {
			t.Errorf("base %d: no view", base)
		}
	}
}

func TestSmallDataIsNotPadded(t *testing.T) {
	for _, v := range []any{make([]float64, 7), [100]float64{}, slab("small"), make([]int8, 100), mesh{make([]float64, 100)}} {
		c := must(codec.For(reflect.TypeOf(v)))
		for lead := range 9 {
			out := must(c.Append(make([]byte, lead), reflect.ValueOf(v)))
			if n := len(out) - lead; n != len(must(c.Append(nil, reflect.ValueOf(v)))) || n != c.Size(reflect.ValueOf(v)) {
				t.Errorf("%T takes %d bytes behind %d", v, n, lead)
			}
		}
	}
}

func TestViewThatCopies(t *testing.T) {
	want := make([]float64, 20)
	src := aligned(t, want, 0)
	moved := alignedBytes(len(src) + 1)[1:]
	copy(moved, src)
	if got, borrowed := view[[]float64](t, moved); borrowed || within(moved, unsafe.Pointer(unsafe.SliceData(got))) {
		t.Error("floats that are out of place were not copied")
	}
	for _, v := range []any{1, "text", []string{"a"}, map[string]int{"a": 1}, [9]float64{}, []bool{true}, mesh{make([]float64, 9)}, codec.Opaque{Name: "n", Data: []byte("12")}, []float64{}, slab{}} {
		got := reflect.New(reflect.TypeOf(v)).Elem()
		_, borrowed, err := must(codec.For(got.Type())).View(aligned(t, v, 0), got)
		if err != nil || borrowed || !same(got.Interface(), v) {
			t.Errorf("%T: borrowed is %v, %v", v, borrowed, err)
		}
	}
	big := append(unhex(t, "d8525840"), make([]byte, 64)...) // big-endian floats
	if _, borrowed := view[[]float64](t, big); borrowed {
		t.Error("numbers in another order were not copied")
	}
}

func TestViewInsideOthers(t *testing.T) {
	type row struct {
		V []float32
		N string
	}
	want := map[string][]row{"k": {{make([]float32, 40), "n"}, {make([]float32, 17), "m"}}}
	src := aligned(t, want, 3)
	got, borrowed := view[map[string][]row](t, src)
	if borrowed != inPlace || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, borrowed %v", got, borrowed)
	}
	for i, r := range got["k"] {
		if inPlace != within(src, unsafe.Pointer(unsafe.SliceData(r.V))) {
			t.Errorf("row %d is no view", i)
		}
	}
	list := []any{make([]int32, 40), []byte("bytes"), "text", codec.Opaque{Name: "none", Data: []byte("d")}}
	src = aligned(t, list, 5)
	anys, borrowed := view[any](t, src)
	if !borrowed || !reflect.DeepEqual(anys, any(list)) {
		t.Fatalf("got %v, borrowed %v", anys, borrowed)
	}
	a := anys.([]any)
	if inPlace != within(src, unsafe.Pointer(unsafe.SliceData(a[0].([]int32)))) {
		t.Error("the numbers are no view")
	}
	for i, p := range []unsafe.Pointer{unsafe.Pointer(unsafe.SliceData(a[1].([]byte))), unsafe.Pointer(unsafe.SliceData(a[3].(codec.Opaque).Data))} {
		if !within(src, p) {
			t.Errorf("part %d is no view", i)
		}
	}
}

func TestViewAfterAnErrorIsZero(t *testing.T) {
	type two struct {
		A []byte
		B int
	}
	src := must(codec.Marshal(map[string]any{"A": []byte("x")}))
	src[0]++ // a second pair
	src = append(src, 0x61, 'B', 0x61, 'x')
	v := two{B: 5}
	_, borrowed, err := must(codec.For(reflect.TypeFor[two]())).View(src, reflect.ValueOf(&v).Elem())
	wantError(t, err, "B: want an integer, have a text string")
	if borrowed || v.A != nil || v.B != 0 {
		t.Errorf("v is %+v, borrowed is %v", v, borrowed)
	}
}

func TestPaddedTransferablesThatLie(t *testing.T) {
	for src, want := range map[string]string{
		"\xda\x63\x32\x00\x01\x81\x41a":                                     "have an array of 1",
		"\xda\x63\x32\x00\x01\x84\x41a\x41a\x41a\x41a":                      "have an array of 4",
		"\xda\x63\x32\x00\x01\x83\x41a\x41a\x41a":                           "want a transferable's name, have a byte string",
		"\xda\x63\x32\x00\x01\x83\x69test.slab\x05\x41a":                    "want padding, have an integer",
		"\xda\x63\x32\x00\x01\x82\x05\x41a":                                 "want padding, have an integer",
		"\xda\x63\x32\x00\x01\x82\x45a":                                     "5 bytes are declared",
		"\xda\x63\x32\x00\x01\x82\x41a\x61a":                                "want a transferable's bytes, have a text string",
		"\xda\x63\x32\x00\x01\x83\x65other\x41a\x41a":                       `want the transferable "test.slab", have "other"`,
		"\xda\x63\x32\x00\x01\x83\x69test.slab\x41a\x42a":                   "2 bytes are declared",
		"\xda\x63\x32\x00\x01\x83\x69test.slab\x41a":                        "the data ends",
		"\xda\x63\x32\x00\x01\x82\x5b\x7f\xff\xff\xff\xff\xff\xff\xff\x41a": "bytes are declared",
	} {
		wantError(t, codec.Unmarshal([]byte(src), new(slab)), want)
	}
	for _, src := range []string{
		"\xda\x63\x32\x00\x01\x42ok", "\xda\x63\x32\x00\x01\x82\x43pad\x42ok", "\xda\x63\x32\x00\x01\x82\x69test.slab\x42ok", "\xda\x63\x32\x00\x01\x83\x69test.slab\x43pad\x42ok",
	} {
		var got slab
		if err := codec.Unmarshal([]byte(src), &got); err != nil || string(got) != "ok" {
			t.Errorf("%q: got %q, %v", src, got, err)
		}
	}
}

func ExampleCodec_View() {
	type answer struct{ Picture []byte }
	c, err := codec.For(reflect.TypeFor[answer]())
	if err != nil {
		fmt.Println(err)
		return
	}
	v := reflect.ValueOf(answer{make([]byte, 1000)})
	payload, err := c.Append(make([]byte, 0, c.Size(v)), v)
	if err != nil {
		fmt.Println(err)
		return
	}
	var seen answer
	_, borrowed, err := c.View(payload, reflect.ValueOf(&seen).Elem())
	fmt.Println(len(seen.Picture), borrowed, err)
	// Output: 1000 true <nil>
}
