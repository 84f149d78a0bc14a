package codec_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

// arena is memory that both sides see, in pieces. It finds whatever lies in one of them.
type arena struct {
	pieces [][]byte
	free   []int // where each is free from
}

func newArena(sizes ...int) *arena {
	a := &arena{free: make([]int, len(sizes))}
	for _, n := range sizes {
		a.pieces = append(a.pieces, alignedBytes(n))
	}
	return a
}

func (a *arena) Attach(mem []byte) (index int, offset uint64, ok bool) {
	p := unsafe.Pointer(unsafe.SliceData(mem))
	for i, piece := range a.pieces {
		if within(piece, p) {
			return i, uint64(uintptr(p) - uintptr(unsafe.Pointer(unsafe.SliceData(piece)))), true
		}
	}
	return 0, 0, false
}

// take is n bytes of the i-th piece, which begin skip bytes behind the next multiple of 64.
func (a *arena) take(i, skip, n int) []byte {
	at := (a.free[i]+63)&^63 + skip
	a.free[i] = at + n
	return a.pieces[i][at : at+n : at+n]
}

// lend is n elements in the i-th piece.
func lend[E any](a *arena, i, n int) []E {
	mem := a.take(i, 0, n*int(unsafe.Sizeof(*new(E))))
	return unsafe.Slice((*E)(unsafe.Pointer(unsafe.SliceData(mem))), n)
}

// lendCopy is values in the i-th piece.
func lendCopy[E any](a *arena, i int, values []E) []E {
	s := lend[E](a, i, len(values))
	copy(s, values)
	return s
}

// attach encodes v beside a, and holds Size to its word.
func attach(t *testing.T, a *arena, v any) []byte {
	t.Helper()
	c := must(codec.For(reflect.TypeOf(v)))
	e := &codec.Encoding{Attach: a}
	size := c.SizeWith(e, reflect.ValueOf(v))
	item, err := c.AppendWith(alignedBytes(size)[:0], e, reflect.ValueOf(v))
	if err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	if len(item) > size {
		t.Errorf("%T: Size is %d, %d bytes were added", v, size, len(item))
	}
	if err := strict().Wellformed(item); err != nil {
		t.Fatalf("%T: %v", v, err)
	}
	return item
}

// detach decodes item, and expects it to be all there is.
func detach[T any](t *testing.T, item []byte, in codec.Decoding) (v T, borrowed bool) {
	t.Helper()
	rest, borrowed, err := must(codec.For(reflect.TypeFor[T]())).DecodeWith(item, in, reflect.ValueOf(&v).Elem())
	if err != nil || len(rest) != 0 {
		t.Fatalf("%T: %d bytes left, %v", v, len(rest), err)
	}
	return v, borrowed
}

func ramp(n int) []float64 {
	f := make([]float64, n)
	for i := range f {
		f[i] = float64(i) + 0.5
	}
	return f
}

func TestAttachedOnTheWire(t *testing.T) {
	if !inPlace {
		t.Skip("numbers are turned around here")
	}
	a := newArena(4096, 1<<17)
	a.take(1, 0, 70000)
	for _, c := range []struct {
		v    any
		want string
	}{
		{lend[byte](a, 0, 64), "da63320002" + "83000018" + "40"},
		{lend[byte](a, 0, 63), "583f" + hex.EncodeToString(make([]byte, 63))},
		{lend[float64](a, 1, 8), "d856" + "da63320002" + "83011a00011180" + "1840"},
		{lend[complex64](a, 0, 8), "d855" + "da63320002" + "83001880" + "1840"},
		{cloud{lend[vec3](a, 0, 3)}, "da63320001" + "825831" + strings.Repeat("00", 49) + "da63320002" + "5875" +
			"6332636f6c730100" + "75000000" + "01000000" + "7500000000000000" +
			"5d000000" + "02" + "00" + "0600" + "0300000000000000" + "c000000000000000" + "4800000000000000" + "18000000" + "03000000" + "01000000" + "00000000" +
			"506f696e7473" + "0b0001000100000000000000" + "58" + "0b0001000100000008000000" + "59" + "0b0001000100000010000000" + "5a"},
		{map[string]any{"k": lend[uint16](a, 0, 100)}, "a1616b" + "d845" + "da63320002" + "8300190140" + "18c8"},
	} {
		if got := hex.EncodeToString(attach(t, a, c.v)); got != c.want {
			t.Errorf("%T:\ngot  %s\nwant %s", c.v, got, c.want)
		}
	}
}

func TestNothingIsAttached(t *testing.T) {
	a := newArena(1 << 16)
	for _, v := range []any{
		ramp(100), "a string of sixty-four bytes and more, which may never be a view, as it is one",
		[100]float64{}, make([]byte, 100), slab(lend[byte](a, 0, 100)), lend[vec3](a, 0, 100), lend[bool](a, 0, 100), lend[float64](a, 0, 7),
	} {
		c := must(codec.For(reflect.TypeOf(v)))
		if with, without := attach(t, a, v), must(c.Append(nil, reflect.ValueOf(v))); !bytes.Equal(with, without) {
			t.Errorf("%T: %x beside an arena, %x without", v, with, without)
		}
	}
}

// noPlace says that it found what it then can't name.
type noPlace int

func (p noPlace) Attach([]byte) (int, uint64, bool) { return int(p), 0, true }

func TestAttachmentsWithoutANumber(t *testing.T) {
	v := reflect.ValueOf(ramp(20))
	c := must(codec.For(v.Type()))
	for _, p := range []noPlace{-1, math.MaxUint32, math.MaxInt64} {
		item := must(c.AppendWith(nil, &codec.Encoding{Attach: p}, v))
		if !bytes.Equal(item, must(c.Append(nil, v))) {
			t.Errorf("number %d is used", p)
		}
	}
}

// undecided finds memory every other time that it is asked, or every but every other.
type undecided struct{ found bool }

func (f *undecided) Attach([]byte) (int, uint64, bool) {
	f.found = !f.found
	return 0, 0, f.found
}

func TestAttachersThatChangeTheirMind(t *testing.T) {
	if !inPlace {
		t.Skip("nobody is asked here")
	}
	v := reflect.ValueOf(cloud{make([]vec3, 50)})
	c := must(codec.For(v.Type()))
	for _, found := range []bool{false, true} {
		dst, err := c.AppendWith([]byte("old"), &codec.Encoding{Attach: &undecided{found}}, v)
		wantError(t, err, "it changed while it was encoded")
		if string(dst) != "old" {
			t.Errorf("dst became %d bytes", len(dst))
		}
	}
}

type lent struct {
	Bytes  []byte
	Floats []float64
	Series series
	Cplx   []complex64
	Any    any
	Map    map[string][]int16
	Table  seedTable
	Points cloud
	Tables []any
}

// makeLent has each thing that can be attached, in both pieces.
func makeLent(a *arena) lent {
	v := lent{
		Bytes: lend[byte](a, 0, 100), Floats: lendCopy(a, 1, ramp(100)), Series: series(lendCopy(a, 0, ramp(9))), Cplx: lend[complex64](a, 1, 9),
		Any: lend[int32](a, 0, 40), Map: map[string][]int16{"k": lend[int16](a, 1, 99)}, Table: lendTable(a, 0, 50),
		Points: cloud{lend[vec3](a, 1, 5)}, Tables: []any{lendTable(a, 1, 20), lend[byte](a, 0, 64)},
	}
	v.Bytes[99], v.Cplx[8], v.Map["k"][98], v.Points.Points[4] = 1, 2i, 3, vec3{4, 5, 6}
	return v
}

func lendTable(a *arena, i, rows int) seedTable {
	s := makeSeedTable(rows)
	return seedTable{lendCopy(a, i, s.RowID), lendCopy(a, i, s.X), lendCopy(a, i, s.Y), lendCopy(a, i, s.Z)}
}

// memories is where the slices of v lie.
func (v *lent) memories() map[string]unsafe.Pointer {
	table := v.Tables[0].(seedTable)
	return map[string]unsafe.Pointer{
		"Bytes": unsafe.Pointer(unsafe.SliceData(v.Bytes)), "Floats": unsafe.Pointer(unsafe.SliceData(v.Floats)), "Series": unsafe.Pointer(unsafe.SliceData(v.Series)),
		"Cplx": unsafe.Pointer(unsafe.SliceData(v.Cplx)), "Any": unsafe.Pointer(unsafe.SliceData(v.Any.([]int32))), "Map": unsafe.Pointer(unsafe.SliceData(v.Map["k"])),
		"Table.RowID": unsafe.Pointer(unsafe.SliceData(v.Table.RowID)), "Table.Z": unsafe.Pointer(unsafe.SliceData(v.Table.Z)),
		"Points": unsafe.Pointer(unsafe.SliceData(v.Points.Points)), "Tables[0]": unsafe.Pointer(unsafe.SliceData(table.X)),
		"Tables[1]": unsafe.Pointer(unsafe.SliceData(v.Tables[1].([]byte))),
	}
}

// TestAttachedAreNotCopied sends everything that can be attached. As views, all of it lies where it
// was made; the payload has nothing of it.
func TestAttachedAreNotCopied(t *testing.T) {
	if !inPlace {
		t.Skip("numbers are turned around here")
	}
	a := newArena(1<<14, 1<<14)
	want := makeLent(a)
	item := attach(t, a, want)
	if len(item) > 1800 {
		t.Errorf("the payload has %d bytes", len(item))
	}
	got, borrowed := detach[lent](t, item, codec.Decoding{Attachments: a.pieces, View: true})
	if !borrowed || !reflect.DeepEqual(got, want) {
		t.Fatalf("borrowed is %v\ngot  %+v\nwant %+v", borrowed, got, want)
	}
	sent := want.memories()
	for name, p := range got.memories() {
		if p != sent[name] {
			t.Errorf("%s lies at %p, was sent from %p", name, p, sent[name])
		}
	}
	if n := cap(got.Floats); n != len(got.Floats) {
		t.Errorf("a view has capacity %d beyond its %d", n, len(got.Floats))
	}

	for name, in := range map[string]codec.Decoding{"owned": {Attachments: a.pieces}, "own": {Attachments: a.pieces, Own: true}} {
		owned, borrowed := detach[lent](t, item, in)
		if borrowed || !reflect.DeepEqual(owned, want) {
			t.Fatalf("%s: borrowed is %v\ngot  %+v\nwant %+v", name, borrowed, owned, want)
		}
		for field, p := range owned.memories() {
			if within(a.pieces[0], p) || within(a.pieces[1], p) {
				t.Errorf("%s: %s lies in an attachment", name, field)
			}
		}
	}
}

func TestAttachedColumnsHaveNoData(t *testing.T) {
	a := newArena(1 << 16)
	table := lendTable(a, 0, 1000)
	header := len(columnsOf(t, seedTable{}))
	c := must(codec.For(reflect.TypeFor[seedTable]()))
	v := reflect.ValueOf(table)
	if item := attach(t, a, table); inPlace && len(item) > header+80 {
		t.Errorf("the payload has %d bytes, the header %d", len(item), header)
	}
	// One column is the encoder's own.
	table.Y = makeSeedTable(1000).Y
	item := attach(t, a, table)
	if n := c.Size(v) - 20*1000; inPlace && len(item) > n {
		t.Errorf("the payload with a column in it has %d bytes, want %d", len(item), n)
	}
	for _, view := range []bool{false, true} {
		if got, _ := detach[seedTable](t, item, codec.Decoding{Attachments: a.pieces, View: view}); !reflect.DeepEqual(got, table) {
			t.Errorf("view %v: another table arrived", view)
		}
	}
}

// TestAttachedOutOfPlace: a writer in another language may lend memory that is not aligned.
func TestAttachedOutOfPlace(t *testing.T) {
	want := ramp(40)
	a := newArena(1024)
	lendCopy(a, 0, want)
	item := attach(t, a, lend[float64](a, 0, 40))
	copy(a.pieces[0][321:], a.pieces[0][:320])
	item = bytes.Replace(item, []byte{0x19, 0x01, 0x40, 0x19, 0x01, 0x40}, []byte{0x19, 0x01, 0x41, 0x19, 0x01, 0x40}, 1)
	got, borrowed := detach[[]float64](t, item, codec.Decoding{Attachments: a.pieces, View: true})
	if borrowed || !reflect.DeepEqual(got, want) || within(a.pieces[0], unsafe.Pointer(unsafe.SliceData(got))) {
		t.Errorf("borrowed is %v, got %v", borrowed, got)
	}
}

// TestAttachedInOtherOrder swaps big-endian numbers in the copy, never in place.
func TestAttachedInOtherOrder(t *testing.T) {
	a := newArena(128)
	mem := a.take(0, 0, 128)
	for i := range 16 {
		binary.BigEndian.PutUint64(mem[8*i:], uint64(i))
	}
	before := bytes.Clone(mem)
	item := unhex(t, "d843da63320002830000"+"1880") // uint64, big-endian
	for _, view := range []bool{false, true} {
		got, borrowed := detach[[]uint64](t, item, codec.Decoding{Attachments: a.pieces, View: view})
		if borrowed == inPlace || len(got) != 16 || got[15] != 15 {
			t.Errorf("view %v: borrowed is %v, got %v", view, borrowed, got)
		}
	}
	if !bytes.Equal(mem, before) {
		t.Error("the attachment changed")
	}
}

// selfish keeps what it is given, as CBOR.
type selfish struct{ item []byte }

func (s selfish) MarshalCBOR() ([]byte, error) { return s.item, nil }
func (s *selfish) UnmarshalCBOR(item []byte) error {
	s.item = bytes.Clone(item)
	return nil
}

// TestNothingKeptRefers reads attached values into types that keep bytes: none has a reference.
func TestNothingKeptRefers(t *testing.T) {
	a := newArena(1<<14, 1<<14)
	v := makeLent(a)
	v.Tables = append(v.Tables, slab("small"), surveys()["full"])
	item := attach(t, a, v)
	in := codec.Decoding{Attachments: a.pieces}
	plain := func(name string, kept []byte) {
		t.Helper()
		if bytes.Contains(kept, []byte{0x63, 0x32, 0x00, 0x02}) {
			t.Errorf("%s keeps a reference", name)
		}
		var got lent
		if err := codec.Unmarshal(kept, &got); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for _, view := range []bool{false, true} {
		in.View = view
		raw, _ := detach[cbor.RawMessage](t, item, in)
		plain("cbor.RawMessage", raw)
		own, _ := detach[selfish](t, item, in)
		plain("a cbor.Marshaler", own.item)
		blob, _ := detach[blobby](t, attach(t, a, lend[byte](a, 0, 64)), in)
		if len(blob.b) != 63 {
			t.Errorf("the binary unmarshaler got %d bytes", len(blob.b))
		}
	}
	table := lendTable(a, 1, 30)
	opaque, _ := detach[codec.Opaque](t, attach(t, a, []any{table})[1:], in)
	if got, err := readColumns[seedTable](t, opaque.Name, opaque.Data); err != nil || !reflect.DeepEqual(got, table) {
		t.Errorf("opaque: got %+v, %v", got, err)
	}
}

func TestAttachedBigIntegers(t *testing.T) {
	a := newArena(64)
	lend[byte](a, 0, 64)[63] = 7
	got, _ := detach[big.Int](t, unhex(t, "c2da6332000283000018"+"40"), codec.Decoding{Attachments: a.pieces})
	if got.Int64() != 7 {
		t.Errorf("got %v", &got)
	}
}

func TestAttachedWithoutTypes(t *testing.T) {
	a := newArena(1<<14, 1<<14)
	v := makeLent(a)
	item := attach(t, a, v)
	plain, _, err := schemaOf[lent]().Decode(must(codec.Marshal(v)))
	if err != nil {
		t.Fatal(err)
	}
	for _, view := range []bool{false, true} {
		got, rest, borrowed, err := schemaOf[lent]().DecodeWith(item, codec.Decoding{Attachments: a.pieces, View: view})
		if err != nil || len(rest) != 0 || borrowed != view {
			t.Fatalf("view %v: borrowed is %v, %d bytes left, %v", view, borrowed, len(rest), err)
		}
		fields, want := got.(map[string]any), plain.(map[string]any)
		for _, name := range []string{"Bytes", "Floats", "Series", "Cplx", "Any", "Map", "Tables"} {
			if !reflect.DeepEqual(fields[name], want[name]) {
				t.Errorf("view %v: %s: got %v, want %v", view, name, fields[name], want[name])
			}
		}
		// Columns that were put in lie behind the others.
		table, err := readColumns[seedTable](t, "codec_test.seedTable", fields["Table"].(codec.Opaque).Data)
		if err != nil || !reflect.DeepEqual(table, v.Table) {
			t.Errorf("view %v: got %+v, %v", view, table, err)
		}
	}
	_, _, _, err = schemaOf[lent]().DecodeWith(item, codec.Decoding{})
	wantError(t, err, "of which the payload has none")
}

func TestReferencesThatLie(t *testing.T) {
	const ref = "da63320002"
	a := newArena(64, 128)
	for item, want := range map[string]string{
		ref + "83020000":                     "refers to attachment 2, of 2 that the payload has",
		ref + "831bffffffffffffffff0000":     "refers to attachment 18446744073709551615, of 2",
		ref + "83001841" + "00":              "0 bytes at 65 lie outside the 64 of attachment 0",
		ref + "8300001841":                   "65 bytes at 0 lie outside the 64 of attachment 0",
		ref + "830018401bffffffffffffffc0":   "lie outside the 64",
		ref + "83001bffffffffffffffff01":     "1 bytes at 18446744073709551615 lie outside",
		ref + "820000":                       "want the three numbers of a reference to an attachment, have an array",
		ref + "8400000000":                   "want the three numbers",
		ref + "a0":                           "want the three numbers of a reference to an attachment, have a map",
		ref + "4161":                         "want the three numbers of a reference to an attachment, have a byte string",
		ref + ref + "83000000":               "want the three numbers of a reference to an attachment, have a reference",
		ref + "d9d9f783000000":               "want the three numbers of a reference to an attachment, have tag 55799",
		ref + "83002000":                     "want a number of a reference to an attachment, have a negative integer",
		ref + "8300" + ref + "8300000000":    "want a number of a reference to an attachment, have a reference",
		ref + "830000":                       "the data ends inside an item",
		ref + "8300001b00":                   "the data ends inside an item",
		ref:                                  "the data ends inside an item",
		"d856" + ref + "83000007":            "7 bytes are no whole number of elements",
		"d855" + ref + "83000008":            "want []float64, have a typed array of float32",
		"da63320001" + ref + "83000000":      "want a transferable's bytes, have an array",
		"da63320001" + ref + "4161":          "these are no columns",
		"da6332000182" + ref + "4161" + "41": "want padding, have a reference to an attachment",
	} {
		data := unhex(t, item)
		into := []any{new([]byte), new([]float64), new(any), new(cbor.RawMessage), new(blobby)}
		switch {
		case bytes.HasPrefix(data, []byte{0xd8}):
			into = []any{new([]float64)}
		case bytes.HasPrefix(data, []byte{0xda, 0x63, 0x32, 0x00, 0x01}):
			into = []any{new(slab), new(seedTable)}
		case item == ref+"4161":
			into = []any{new([]byte), new(any)}
		}
		for _, v := range into {
			rv := reflect.ValueOf(v).Elem()
			_, isFloats := v.(*[]float64)
			for _, view := range []bool{false, true} {
				_, borrowed, err := must(codec.For(rv.Type())).DecodeWith(data, codec.Decoding{Attachments: a.pieces, View: view}, rv)
				if err == nil || borrowed || !rv.IsZero() {
					t.Errorf("%s into %T: borrowed is %v, %v, %v", item, v, borrowed, rv, err)
				} else if !isFloats || data[0] == 0xd8 {
					wantError(t, err, want)
				}
			}
		}
	}
	for _, v := range []any{new([]byte), new(any), new(cbor.RawMessage)} {
		wantError(t, codec.Unmarshal(unhex(t, ref+"83050000"), v), "refers to attachment 5, of which the payload has none")
	}
}

// TestReferencesStandForBytesOnly: without its tag, a reference is a list of numbers, so no type
// that is not bytes may pass the tag over.
func TestReferencesStandForBytesOnly(t *testing.T) {
	item := unhex(t, "da63320002830000"+"1840")
	a := newArena(64)
	for _, v := range []any{
		new([]any), new([]int), new([3]int), new([]string), new(triple), new(int), new(uint8), new(float64), new(bool), new(string), new(point),
		new(map[string]int), new(lower), new(cbor.Tag), new(tree), new(slab), new(codec.Opaque), new([3]byte), new([]bool), new(*[]any),
	} {
		rv := reflect.ValueOf(v).Elem()
		_, _, err := must(codec.For(rv.Type())).DecodeWith(item, codec.Decoding{Attachments: a.pieces}, rv)
		if err == nil {
			t.Errorf("%T: got %v", v, rv)
		}
	}
	var zone struct{ A int }
	skipped := append(unhex(t, "a26158"), append(item, 0x61, 'A', 5)...) // an unknown key's value is a reference
	if err := codec.Unmarshal(skipped, &zone); err != nil || zone.A != 5 {
		t.Errorf("got %v, %v", zone, err)
	}
}

func TestTagsOfUsersDoNotRefer(t *testing.T) {
	for _, v := range []any{cbor.Tag{Number: 0x63320002, Content: []any{0, 0, 0}}, []any{cbor.Tag{Number: 0x63320002, Content: []byte{1}}}} {
		_, err := codec.Marshal(v)
		wantError(t, err, "tag 1664221186 refers to memory beside the payload")
	}
}

// TestColumnsReferOnlyIfMarked takes the tag off columns with references, as somebody would who
// kept them as bytes and sent them beside other attachments.
func TestColumnsReferOnlyIfMarked(t *testing.T) {
	if !inPlace {
		t.Skip("nothing is attached here")
	}
	a := newArena(1 << 12)
	item := attach(t, a, lendTable(a, 0, 20))
	unmarked := bytes.Replace(item, []byte{0xda, 0x63, 0x32, 0x00, 0x02}, []byte{0xd9, 0xd9, 0xf7, 0xd8, 0x18}, 1)
	_, _, err := must(codec.For(reflect.TypeFor[seedTable]())).DecodeWith(unmarked, codec.Decoding{Attachments: a.pieces}, reflect.New(reflect.TypeFor[seedTable]()).Elem())
	wantError(t, err, "RowID: refers to attachment 0, of which the payload has none")
}

func TestAttachedColumnsThatLie(t *testing.T) {
	if !inPlace {
		t.Skip("nothing is attached here")
	}
	a := newArena(1 << 12)
	item := attach(t, a, lendTable(a, 0, 20))
	first := bytes.Index(item, []byte("c2cols")) + 24
	for _, c := range []struct {
		item []byte
		want string
	}{
		{patch(item, first+40, 2), "RowID: refers to attachment 1, of 1 that the payload has"},
		{patch(item, first+40, 0xff, 0xff, 0xff, 0xff), "RowID: refers to attachment 4294967294, of 1"},
		{patch(item, first+16, 0xf1, 0x0f), "RowID: 80 bytes at 4081 lie outside the 4096 of attachment 0"},
		{patch(item, first+16, bytes.Repeat([]byte{0xff}, 8)...), "RowID: 80 bytes at 18446744073709551615 lie outside"},
		{patch(item, first+24, 84), "20 elements of 4 bytes do not take 84"},
		{patch(item, first+5, 1), "only a list that is not nil can be"},
	} {
		for _, in := range []codec.Decoding{{Attachments: a.pieces}, {Attachments: a.pieces, View: true}} {
			_, _, err := must(codec.For(reflect.TypeFor[seedTable]())).DecodeWith(c.item, in, reflect.New(reflect.TypeFor[seedTable]()).Elem())
			wantError(t, err, c.want)
		}
	}
	full := columnsOf(t, surveys()["full"])
	text := bytes.Index(full, []byte("Title")) - 48
	_, err := readColumns[survey](t, "codec_test.survey", patch(full, text+40, 1))
	wantError(t, err, "Title: it is attached; only a list that is not nil can be")
}

// TestAttachedColumnsThatLieAreNotKept has the faults that matter when columns are put in.
func TestAttachedColumnsThatLieAreNotKept(t *testing.T) {
	if !inPlace {
		t.Skip("nothing is attached here")
	}
	a := newArena(1 << 12)
	item := attach(t, a, lendTable(a, 0, 20))
	start := bytes.Index(item, []byte("c2cols"))
	for _, c := range []struct {
		item []byte
		want string
	}{
		{patch(item, start, 'x'), "these are no columns"},
		{patch(item, start+12, 5), "the header of the columns is cut"},
		{patch(item, start+24, 47, 0), "the header of the columns is cut"},
		{patch(item, start+24+40, 2), "RowID: refers to attachment 1, of 1 that the payload has"},
		{patch(item, start+24+24, bytes.Repeat([]byte{0xff}, 8)...), "RowID: 18446744073709551615 bytes at 0 lie outside"},
	} {
		for _, typ := range []reflect.Type{reflect.TypeFor[cbor.RawMessage](), reflect.TypeFor[codec.Opaque]()} {
			v := reflect.New(typ).Elem()
			_, _, err := must(codec.For(typ)).DecodeWith(c.item, codec.Decoding{Attachments: a.pieces}, v)
			wantError(t, err, c.want)
		}
	}
	// What is inside must be so before other columns are put in.
	table := lendTable(a, 0, 20)
	table.Z = make([]float64, 20)
	item = attach(t, a, table)
	z := bytes.Index(item, []byte("Z\x0b")) - 48
	var raw cbor.RawMessage
	_, _, err := must(codec.For(reflect.TypeFor[cbor.RawMessage]())).DecodeWith(patch(item, z+16, 0xc0, 2), codec.Decoding{Attachments: a.pieces}, reflect.ValueOf(&raw).Elem())
	wantError(t, err, "Z: 160 bytes at 704 lie outside")
}

// TestAttachedAmplification refers to the same memory again and again.
func TestAttachedAmplification(t *testing.T) {
	a := newArena(8 << 20)
	ref := unhex(t, "da633200028300001a00800000")
	item := append([]byte{0x99, 0x03, 0xe8}, bytes.Repeat(ref, 1000)...)
	for _, v := range []any{new([][]byte), new(any), new([]blobby), new([]cbor.RawMessage), new(cbor.RawMessage)} {
		rv := reflect.ValueOf(v).Elem()
		c := must(codec.For(rv.Type()))
		allocated := memoryOf(func() {
			_, _, err := c.DecodeWith(item, codec.Decoding{Attachments: a.pieces}, rv)
			wantError(t, err, "needs far more memory")
		})
		if allocated > 1<<30 {
			t.Errorf("%T: %d MiB are allocated", v, allocated>>20)
		}
	}
	views, _ := detach[[][]byte](t, item, codec.Decoding{Attachments: a.pieces, View: true})
	if len(views) != 1000 || &views[0][0] != &views[999][0] {
		t.Error("views are not free to overlap")
	}
}

// TestMemoryAttachedTwiceCountsOnce attaches the same memory in many ways: what may be copied of it does not grow.
func TestMemoryAttachedTwiceCountsOnce(t *testing.T) {
	const size = 1 << 20
	lot := make([]byte, 2*size)
	fits, tooMany := (64+2*4)<<20/size-1, (64+2*4)<<20/size+1
	for name, attachments := range map[string][][]byte{
		"once":         {lot},
		"in pieces":    {lot[:size], {}, lot[size:], nil},
		"again":        slices.Repeat([][]byte{lot}, 255),
		"overlapping":  {lot[1000:], lot[:size], lot[size/2 : size], lot[size-1:]},
		"out of order": {lot[size:], lot[:size], lot[size/2 : 3*size/2]},
	} {
		// What is copied is the beginning of the first that is long enough.
		index := slices.IndexFunc(attachments, func(a []byte) bool { return len(a) >= size })
		ref := unhex(t, fmt.Sprintf("da6332000283%02x001a00100000", index))
		var got [][]byte
		for n, want := range map[int]string{fits: "", tooMany: "needs far more memory"} {
			item := append([]byte{0x98, byte(n)}, bytes.Repeat(ref, n)...)
			_, _, err := must(codec.For(reflect.TypeOf(got))).DecodeWith(item, codec.Decoding{Attachments: attachments}, reflect.ValueOf(&got).Elem())
			if want != "" {
				wantError(t, err, want)
			} else if err != nil {
				t.Errorf("%s: %d copies of a MiB: %v", name, n, err)
			}
		}
	}
}

func TestOwnIsLeftWhereItIs(t *testing.T) {
	type value struct {
		Floats []float64
		Bytes  []byte
		Small  []float64
		Any    any
		Cplx   []complex128
		Table  seedTable
		Array  [10000]float64
	}
	const large = 64 << 10
	want := value{ramp(large / 8), bytes.Repeat([]byte{1}, large), ramp(large/8 - 1), bytes.Repeat([]byte{2}, large), make([]complex128, large/16), makeSeedTable(large), [10000]float64{}}
	c := must(codec.For(reflect.TypeFor[value]()))
	item := must(c.Append(alignedBytes(4 << 20)[:0], reflect.ValueOf(want)))
	got, borrowed := detach[value](t, item, codec.Decoding{Own: true})
	if borrowed || !reflect.DeepEqual(got, want) {
		t.Fatalf("borrowed is %v", borrowed)
	}
	for _, c := range []struct {
		name     string
		p        unsafe.Pointer
		len, cap int
		stays    bool
	}{
		{"Floats", unsafe.Pointer(unsafe.SliceData(got.Floats)), len(got.Floats), cap(got.Floats), inPlace},
		{"Bytes", unsafe.Pointer(unsafe.SliceData(got.Bytes)), len(got.Bytes), cap(got.Bytes), true},
		{"Small", unsafe.Pointer(unsafe.SliceData(got.Small)), 0, 0, false},
		{"Any", unsafe.Pointer(unsafe.SliceData(got.Any.([]byte))), large, cap(got.Any.([]byte)), true},
		{"Cplx", unsafe.Pointer(unsafe.SliceData(got.Cplx)), len(got.Cplx), cap(got.Cplx), inPlace},
		{"Table", unsafe.Pointer(unsafe.SliceData(got.Table.X)), 0, 0, false},
	} {
		if within(item, c.p) != c.stays {
			t.Errorf("%s lies in the payload: want %v", c.name, c.stays)
		}
		if c.stays && c.len != c.cap {
			t.Errorf("%s has capacity %d beyond its %d", c.name, c.cap, c.len)
		}
	}
}

// TestOwnAttachmentsDoNotAlias: two references to one memory make two values.
func TestOwnAttachmentsDoNotAlias(t *testing.T) {
	a := newArena(1 << 17)
	s := lend[float64](a, 0, 1<<13)
	got, borrowed := detach[[2][]float64](t, attach(t, a, [2][]float64{s, s}), codec.Decoding{Attachments: a.pieces, Own: true})
	got[0][0] = 5
	if borrowed || got[1][0] != 0 || s[0] != 0 {
		t.Errorf("borrowed is %v; a change of one shows in the others", borrowed)
	}
}

// shared are the types whose slices are worth attaching.
var shared = []reflect.Type{
	reflect.TypeFor[[]byte](), reflect.TypeFor[[]float64](), reflect.TypeFor[series](), reflect.TypeFor[[]int16](), reflect.TypeFor[[]uint32](), reflect.TypeFor[[]complex64](),
	reflect.TypeFor[json.RawMessage](), reflect.TypeFor[map[string][]int64](), reflect.TypeFor[[][]float32](), reflect.TypeFor[*[]int8](), reflect.TypeFor[seedTable](),
	reflect.TypeFor[cloud](), reflect.TypeFor[two](), reflect.TypeFor[[]seedTable](), reflect.TypeFor[any](), reflect.TypeFor[lent](), reflect.TypeFor[[]any](),
}

// fillShared is fill, and then each slice of numbers, anywhere in v, is of any length and lies in a
// or not.
func fillShared(r *rand.Rand, a *arena, v reflect.Value) {
	t := v.Type()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if t.Field(i).IsExported() {
				fillShared(r, a, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		fillShared(r, a, v.Elem())
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		elem := reflect.New(t.Elem()).Elem()
		fillShared(r, a, elem)
		v.SetMapIndex(reflect.ValueOf("key"), elem)
	case reflect.Interface:
		elem := reflect.New(shared[r.IntN(12)]).Elem() // none with any in it
		fillShared(r, a, elem)
		if elem.Kind() != reflect.Slice && elem.Kind() != reflect.Struct || elem.Type() == reflect.TypeFor[series]() || elem.Type() == reflect.TypeFor[json.RawMessage]() ||
			elem.Type() == reflect.TypeFor[[][]float32]() || elem.Type() == reflect.TypeFor[[]complex64]() {
			elem = reflect.ValueOf(float64(r.IntN(100))) // any has types of its own for these
		}
		v.Set(elem)
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Slice, reflect.Interface, reflect.Struct:
			if t.Elem() != reflect.TypeFor[vec3]() {
				v.Set(reflect.MakeSlice(t, r.IntN(4), 4))
				for i := range v.Len() {
					fillShared(r, a, v.Index(i))
				}
				return
			}
		}
		fillNumbers(r, a, v)
	}
}

// fillNumbers makes the slice v one of numbers, none of them NaN.
func fillNumbers(r *rand.Rand, a *arena, v reflect.Value) {
	elem := v.Type().Elem()
	size, n := int(elem.Size()), r.IntN(40)
	mem := alignedBytes(size * n)
	if r.IntN(3) > 0 {
		mem = a.take(r.IntN(len(a.pieces)), r.IntN(3)*elem.Align(), size*n)
	}
	for i := range mem {
		mem[i] = byte(r.Uint32()) & 0x3f
	}
	v.Set(reflect.NewAt(reflect.ArrayOf(n, elem), unsafe.Pointer(unsafe.SliceData(mem))).Elem().Slice(0, n))
}

// TestRandomAttached sends random values beside an arena, as views and as values of their own, and
// then with every number of every reference changed.
func TestRandomAttached(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		var fields []reflect.StructField
		for i := range 1 + r.IntN(5) {
			typ := shared[r.IntN(len(shared))]
			if r.IntN(3) == 0 {
				typ = randomType(r, 2)
			}
			fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: typ})
		}
		typ := reflect.StructOf(fields)
		a := newArena(1<<17, 1<<17, 1<<17)
		v := reflect.New(typ).Elem()
		for i := range fields {
			if field := v.Field(i); slices.Contains(shared, field.Type()) {
				fillShared(r, a, field)
			} else {
				fill(r, field, 0)
			}
		}
		c := must(codec.For(typ))
		item := must(c.AppendWith(nil, &codec.Encoding{Attach: a}, v))
		want := reflect.New(typ).Elem() // what arrives without attachments
		must(c.Decode(must(c.Append(nil, v)), want))
		for _, in := range []codec.Decoding{{Attachments: a.pieces}, {Attachments: a.pieces, View: true}, {Attachments: a.pieces, Own: true}} {
			got := reflect.New(typ).Elem()
			if rest, _, err := c.DecodeWith(item, in, got); err != nil || len(rest) != 0 {
				t.Fatalf("seed %d, %+v: %v: %v", seed, in.View, typ, err)
			}
			if !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Fatalf("seed %d, view %v: %v:\ngot  %+v\nwant %+v", seed, in.View, typ, got, want)
			}
			mutate(r, item, func() { c.DecodeWith(item, in, got) })
		}
		got := reflect.New(typ).Elem()
		if rest, err := c.Decode(flat(t, item, a.pieces), got); err != nil || len(rest) != 0 || !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Fatalf("seed %d, flattened: %v: %v:\ngot  %+v\nwant %+v", seed, err, typ, got, want)
		}
		mutate(r, item, func() { codec.Flatten(item, a.pieces, 1<<20) })
	}
}

// mutate changes each byte near a reference, and each near the beginning of columns, for a call of
// f each.
func mutate(r *rand.Rand, item []byte, f func()) {
	for _, mark := range []string{"\x63\x32\x00\x02", "c2cols"} {
		for at := 0; ; at++ {
			next := bytes.Index(item[at:], []byte(mark))
			if next < 0 {
				break
			}
			at += next
			for i := at - 2; i < min(len(item), at+24+len(mark)*8); i++ {
				old := item[i]
				item[i] = []byte{0, 1, 0x7f, 0xff, 0x1b, old + 1, old - 1, byte(r.Uint32())}[r.IntN(8)]
				f()
				item[i] = old
			}
		}
	}
}

// block is a piece of memory that both sides see. (This one finds only its beginning.)
type block []byte

func (b block) Attach(mem []byte) (index int, offset uint64, ok bool) {
	return 0, 0, &mem[0] == &b[0]
}

func ExampleCodec_AppendWith() {
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
	var seen []byte
	_, borrowed, err := c.DecodeWith(payload, codec.Decoding{Attachments: [][]byte{shared}, View: true}, reflect.ValueOf(&seen).Elem())
	fmt.Println(len(payload), len(seen), &seen[0] == &shared[0], borrowed, err)
	// Output: 13 1048576 true true <nil>
}
