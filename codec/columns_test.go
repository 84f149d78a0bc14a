package codec_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/race"
	"github.com/fxamacker/cbor/v2"
)

type (
	// survey has a column of each shape.
	survey struct {
		Title   string
		Taken   time.Time
		Took    time.Duration
		Scale   float32
		Origin  vec3
		Box     [2]vec3
		IDs     []uint32
		Heights []float64
		Points  []vec3
		Tensors [][3][3]float32
		Hits    []hit
		Names   []string
		Flags   []bool
		Raw     []byte
		Waves   []complex128
		Cells   []cell `json:"cells"`
		extra
		//lint:ignore U1000 that it is left out is what is tested
		hidden []int
	}
	// survey2 is a survey as another program knows it.
	survey2 struct {
		Names   []string
		Heights []float64
		Other   []int8
		Late    bool
		Points  []vec3
	}
	extra struct{ Note string }
	vec3  struct{ X, Y, Z float64 }
	hit   struct {
		ID    uint8
		At    int64
		Valid bool
		_     uint16
		Near  [2]struct{ K, V uint16 }
	}
	cell  int16
	cloud struct{ Points []vec3 }
	two   struct{ A, B []byte }
)

func surveys() map[string]survey {
	return map[string]survey{
		"zero":  {},
		"empty": {IDs: []uint32{}, Heights: []float64{}, Names: []string{}, Flags: []bool{}, Hits: []hit{}},
		"full": {
			Title: "höhe", Taken: time.Date(2024, 2, 29, 12, 0, 0, 5, time.FixedZone("", -12600)), Took: time.Second, Scale: 1.5, Origin: vec3{1, 2, 3},
			Box: [2]vec3{{1, 2, 3}, {4, 5, 6}}, IDs: []uint32{7, 8}, Heights: []float64{1.5, -2}, Points: []vec3{{1, 2, 3}, {4, 5, 6}},
			Tensors: [][3][3]float32{{{1}, {0, 1}, {0, 0, 1}}}, Hits: []hit{{ID: 1, At: -1, Valid: true, Near: [2]struct{ K, V uint16 }{{1, 2}, {3, 4}}}, {}},
			Names: []string{"a", "", "日本"}, Flags: []bool{true, false, true}, Raw: []byte("raw"), Waves: []complex128{1 + 2i}, Cells: []cell{-1}, extra: extra{"n"},
		},
	}
}

// columnsOf is the columns of v, without the item around them.
func columnsOf(t *testing.T, v any) []byte {
	t.Helper()
	var o codec.Opaque
	data := must(codec.Marshal([]any{v})) // inside any, so that it has its name
	if err := codec.Unmarshal(data[1:], &o); err != nil {
		t.Fatal(err)
	}
	return o.Data
}

// readColumns decodes columns as a T, in both ways, which must agree.
func readColumns[T any](t *testing.T, name string, columns []byte) (T, error) {
	t.Helper()
	item := must(codec.Marshal(codec.Opaque{Name: name, Data: columns}))
	var copied, viewed T
	err := codec.Unmarshal(item, &copied)
	_, _, viewErr := must(codec.For(reflect.TypeFor[T]())).View(item, reflect.ValueOf(&viewed).Elem())
	if fmt.Sprint(err) != fmt.Sprint(viewErr) || err == nil && !reflect.DeepEqual(copied, viewed) {
		t.Errorf("copied %+v, %v\nviewed %+v, %v", copied, err, viewed, viewErr)
	}
	return copied, err
}

func TestColumnsRoundTrip(t *testing.T) {
	for name, want := range surveys() {
		for _, v := range []any{want, []survey{want, want}, map[string]*survey{"k": &want, "nil": nil}, struct{ S survey }{want}} {
			got := reflect.New(reflect.TypeOf(v))
			data := must(codec.Marshal(v))
			if err := strict().Wellformed(data); err != nil {
				t.Errorf("%s: %T: %v", name, v, err)
			}
			if err := codec.Unmarshal(data, got.Interface()); err != nil {
				t.Fatalf("%s: %T: %v", name, v, err)
			}
			if !reflect.DeepEqual(got.Elem().Interface(), v) {
				t.Errorf("%s:\ngot  %+v\nwant %+v", name, got.Elem(), v)
			}
		}
		var got any
		if err := codec.Unmarshal(must(codec.Marshal([]any{want})), &got); err != nil || !reflect.DeepEqual(got, any([]any{want})) {
			t.Errorf("%s: inside any: got %+v, %v", name, got, err)
		}
	}
}

func TestColumnsOfAnotherProgram(t *testing.T) {
	full := surveys()["full"]
	got, err := readColumns[survey2](t, "test.survey2", columnsOf(t, full))
	want := survey2{Names: full.Names, Heights: full.Heights, Points: full.Points}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	back, err := readColumns[survey](t, "codec_test.survey", columnsOf(t, want))
	if err != nil || !reflect.DeepEqual(back, survey{Names: full.Names, Heights: full.Heights, Points: full.Points}) {
		t.Errorf("got  %+v, %v", back, err)
	}
}

// TestColumnsZeroWhatIsFree: neither the memory between fields nor fields named _ leave a process.
func TestColumnsZeroWhatIsFree(t *testing.T) {
	hits := make([]hit, 100)
	memory := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(hits))), len(hits)*int(unsafe.Sizeof(hit{})))
	for i := range memory {
		memory[i] = 0xee
	}
	for i := range hits {
		h := &hits[i]
		h.ID, h.At, h.Valid, h.Near = 0, 0, false, [2]struct{ K, V uint16 }{}
	}
	data := columnsOf(t, survey{Hits: hits})
	if bytes.Contains(data, []byte{0xee}) {
		t.Errorf("what lies between fields was sent: %x", data)
	}
}

const columnsGolden = "testdata/columns.txt"

// TestColumnsGolden holds the bytes that docs/columns.md and other languages rely on.
func TestColumnsGolden(t *testing.T) {
	full := surveys()["full"]
	full.Hits = nil
	var b strings.Builder
	b.WriteString("# Columns of a value: name | Go value | bytes in hex.\n")
	for _, g := range []struct {
		name string
		v    any
	}{{"cloud", cloud{[]vec3{{1, 2, 3}}}}, {"survey2", survey2{Names: []string{"a", "bc"}, Heights: []float64{1.5}, Late: true}}, {"survey", full}} {
		fmt.Fprintf(&b, "%s | %+v | %x\n", g.name, g.v, columnsOf(t, g.v))
	}
	if *update {
		if err := os.WriteFile(columnsGolden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(columnsGolden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the layout changed; if it is to, run with -update\ngot  %s\nwant %s", b.String(), want)
	}
	for line := range strings.Lines(string(want)) {
		if rest, ok := strings.CutPrefix(line, "survey | "); ok {
			data := must(hex.DecodeString(strings.TrimSpace(rest[strings.LastIndex(rest, " ")+1:])))
			if got, err := readColumns[survey](t, "codec_test.survey", data); err != nil || !reflect.DeepEqual(got, full) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, full)
			}
		}
	}
}

// TestColumnsPageIsTrue compares the example of docs/columns.md with what is written.
func TestColumnsPageIsTrue(t *testing.T) {
	page := string(must(os.ReadFile("../docs/columns.md")))
	data := columnsOf(t, cloud{[]vec3{{1, 2, 3}}})
	line := regexp.MustCompile(`(?m)^([0-9a-f]{4})  ((?:[0-9a-f]{2} ?)+)`)
	quoted := 0
	for _, m := range line.FindAllStringSubmatch(page, -1) {
		at := must(strconv.ParseInt(m[1], 16, 32))
		want := unhex(t, strings.ReplaceAll(m[2], " ", ""))
		if got := data[at : int(at)+len(want)]; !bytes.Equal(got, want) {
			t.Errorf("at %s the page has %x, there is %x", m[1], want, got)
		}
		quoted += len(want)
	}
	if quoted != 117+1+24 {
		t.Errorf("%d bytes are quoted of %d", quoted, len(data))
	}
}

func TestColumnsAreAligned(t *testing.T) {
	data := columnsOf(t, surveys()["full"])
	at := 24
	for range binary.LittleEndian.Uint32(data[12:]) {
		d := data[at:]
		name, offset := string(d[48:48+binary.LittleEndian.Uint16(d[6:])]), binary.LittleEndian.Uint64(d[16:])
		want := uint64(8)
		if d[4] == 2 {
			want = 64
		}
		if offset%want != 0 {
			t.Errorf("%s begins at %d, want a multiple of %d", name, offset, want)
		}
		at += int(binary.LittleEndian.Uint32(d))
	}
}

func TestColumnsAreViews(t *testing.T) {
	want := surveys()["full"]
	want.IDs, want.Raw = make([]uint32, 100), make([]byte, 100)
	c := must(codec.For(reflect.TypeFor[survey]()))
	room := alignedBytes(c.Size(reflect.ValueOf(want)) + 8)
	item := must(c.Append(room[:0], reflect.ValueOf(want)))
	var got survey
	v := reflect.ValueOf(&got).Elem()
	_, borrowed, err := c.View(item, v)
	if err != nil || !borrowed || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, borrowed %v, %v", got, borrowed, err)
	}
	for name, views := range map[string]bool{
		"IDs": true, "Heights": true, "Points": true, "Tensors": true, "Raw": true, "Waves": true, "Cells": true, "Hits": false, "Flags": false,
	} {
		if in := within(item, v.FieldByName(name).UnsafePointer()); in != (views && inPlace) {
			t.Errorf("%s lies in the input: %v, want %v", name, in, views)
		}
	}
	for _, s := range []string{got.Title, got.Names[0]} {
		if within(item, unsafe.Pointer(unsafe.StringData(s))) {
			t.Errorf("the string %q lies in the input", s)
		}
	}
	if n := cap(got.Raw); n != len(got.Raw) {
		t.Errorf("a view has capacity %d beyond its %d", n, len(got.Raw))
	}
	var owned survey
	must(c.Decode(item, reflect.ValueOf(&owned).Elem()))
	clear(item)
	if !reflect.DeepEqual(owned, want) {
		t.Error("a decoded value changed with the input")
	}
}

// TestColumnsOutOfPlaceAreCopied moves the columns to where no element is aligned.
func TestColumnsOutOfPlaceAreCopied(t *testing.T) {
	want := cloud{make([]vec3, 20)}
	c := must(codec.For(reflect.TypeFor[cloud]()))
	room := alignedBytes(c.Size(reflect.ValueOf(want)) + 1)
	item := append(room[:1], must(codec.Marshal(want))...)[1:]
	var got cloud
	if _, _, err := c.View(item, reflect.ValueOf(&got).Elem()); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, %v", got, err)
	}
	if within(item, unsafe.Pointer(unsafe.SliceData(got.Points))) {
		t.Error("a column lies where its elements must not")
	}
}

func TestColumnsAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	value := cloud{make([]vec3, 1000)}
	v := reflect.ValueOf(&value).Elem()
	c := must(codec.For(v.Type()))
	room := alignedBytes(c.Size(v))[:0]
	item := must(c.Append(room, v))
	into := reflect.New(v.Type()).Elem()
	for _, m := range []struct {
		name string
		want float64
		f    func()
	}{
		{"Size", 0, func() { c.Size(v) }},
		{"Append", 0, func() { must(c.Append(room, v)) }},
		{"Decode", 1, func() { must(c.Decode(item, into)) }},
		{"View", 0, func() { c.View(item, into) }},
	} {
		if m.name == "View" && !inPlace {
			continue
		}
		if n := testing.AllocsPerRun(100, m.f); n > m.want {
			t.Errorf("%s takes %v allocations, want %v", m.name, n, m.want)
		}
	}
}

type (
	withFaults struct {
		Ptr    *int
		Fine   []int
		Maps   []map[string]int
		Chan   chan int
		Wall   []time.Time
		Inner  struct{ F func() }
		Nested [][]float64
		Elems  []struct {
			Name string
			low  int
			Skip int `json:"-"`
			Any  any
		}
		None []struct{}
		Addr uintptr
		Huge [][2000]vec3
		Free []struct {
			_ *int
			A int
		}
		Opaque struct{ a int }
		*extra
	}
	sameNames struct {
		A struct{ B int }
		C int `cbor:"A.B"`
	}
)

func TestColumnsThatCannotBe(t *testing.T) {
	err := codec.RegisterColumns[withFaults]()
	for _, want := range []string{
		"withFaults can't be columns", "Ptr: *int has no fixed size", "Maps: map[string]int has no fixed size", "Chan: chan int", "Wall: time.Time has no fixed size; use its UnixNano",
		"Inner.F: func()", "Nested: []float64 has no fixed size", "Elems.Name: string has no fixed size", "Elems.low: it is unexported", "Elems.Skip: it can't be left out",
		"Elems.Any: interface {}", "None: struct {} holds nothing", "Addr: uintptr", "Huge: the element has more than 1024 parts", "Free._: *int", "Opaque: struct { a int } has no exported fields",
	} {
		wantError(t, err, want)
	}
	if strings.Contains(err.Error(), "Fine") {
		t.Errorf("a good field is named: %v", err)
	}
	wantError(t, codec.RegisterColumns[sameNames](), "A.B: two columns have this name")
	wantError(t, codec.RegisterColumns[struct{ A int }](), "the type has no name; use RegisterColumnsAs")
	wantError(t, codec.RegisterColumns[[]float64](), "the type has no name; use RegisterColumnsAs")
	wantError(t, codec.RegisterColumnsAs[[]float64]("x"), "[]float64 is not a struct")
	wantError(t, codec.RegisterColumns[time.Time](), "time.Time is not a struct")
	wantError(t, codec.RegisterColumns[survey](), `registered as "codec_test.survey" already`)
}

// embeddedPointer lies apart, as fieldsOf refuses it before it sees the rest.
func TestColumnsOfEmbeddedPointers(t *testing.T) {
	type Base struct{ A int }
	type outer struct{ *Base }
	wantError(t, codec.RegisterColumns[outer](), "A: it lies in the embedded pointer")
}

func TestColumnsAppendFaults(t *testing.T) {
	_, err := codec.Marshal(survey{Names: []string{"ok", "\xff"}})
	wantError(t, err, "Names[1]: text is not valid UTF-8")
	_, err = codec.Marshal(struct{ S survey }{survey{Title: "\xff"}})
	wantError(t, err, `S: transferable "codec_test.survey" (codec_test.survey): Title: text is not valid UTF-8`)
}

// patch is data with the bytes at the offset replaced.
func patch(data []byte, at int, with ...byte) []byte {
	data = bytes.Clone(data)
	copy(data[at:], with)
	return data
}

func TestColumnsThatLie(t *testing.T) {
	list := columnsOf(t, cloud{[]vec3{{1, 2, 3}, {4, 5, 6}}})
	texts := columnsOf(t, survey2{Names: []string{"ä", "b"}, Late: true})
	late := bytes.Index(texts, []byte("Late")) - 48
	lateAt := int(binary.LittleEndian.Uint64(texts[late+16:]))
	namesAt := int(binary.LittleEndian.Uint64(texts[24+16:]))
	flags := columnsOf(t, survey{Flags: make([]bool, 20), Hits: make([]hit, 2), Taken: time.Unix(1, 0)})
	dataOf := func(name string) int {
		at := bytes.Index(flags, []byte(name)) - 48
		return int(binary.LittleEndian.Uint64(flags[at+16:]))
	}
	flagsAt, hitsAt, takenAt := dataOf("Flags"), dataOf("Hits"), dataOf("Taken")
	for _, c := range []struct {
		data []byte
		want string
	}{
		{nil, "these are no columns"},
		{list[:20], "these are no columns"},
		{patch(list, 0, 'x'), "these are no columns"},
		{patch(list, 6, 2), "columns have version 2, want 1"},
		{list[:len(list)-1], "arrived as"},
		{append(bytes.Clone(list), 0), "arrived as"},
		{patch(list, 8, 23, 0), "a header of 23 bytes"},
		{patch(list, 8, 0xff, 0xff, 0xff, 0xff), "a header of 4294967295 bytes"},
		{patch(list, 12, 2), "the header of the columns is cut"},
		{patch(list, 24, 47, 0, 0, 0), "the header of the columns is cut"},
		{patch(list, 24, 0xff, 0xff, 0xff, 0xff), "the header of the columns is cut"},
		{patch(list, 24+6, 0xff, 0xff), "the header of the columns is cut"},
		{patch(list, 24+5, 1), "Points: it is nil, and has elements"},
		{patch(list, 24+8, 3), "Points: 3 elements of 24 bytes do not take 48"},
		{patch(list, 24+8, bytes.Repeat([]byte{0xff}, 8)...), "do not take 48"},
		// 2^64/24 rounded up: the product with the element's size overflows to 8.
		{patch(patch(list, 24+8, 0xab, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0x0a), 24+24, 8), "do not take 8"},
		{patch(list, 24+16, 0xff, 0xff), "Points: 48 bytes at 65535 lie outside"},
		{patch(list, 24+16, bytes.Repeat([]byte{0xff}, 8)...), "lie outside"},
		{patch(list, 24+16, 0, 0), "Points: 48 bytes at 0 lie in the header"},
		{patch(patch(list, 24+8, 0, 0, 0, 0, 0, 0, 0, 0x08), 24+24, 0, 0, 0, 0, 0, 0, 0, 0xc0), "needs far more memory"},
		{patch(list, 24+32, 25), "laid out as this program has it in 24 bytes"},
		{patch(list, 24+48+6, 99), "want []struct{X float64; Y float64; Z float64}, have []struct{X kind 99"},
		{patch(list, 24+4, 1), "want []struct{X float64; Y float64; Z float64}, have struct{X"},
		{patch(list, 24+4, 9), "have shape 9"},
		{patch(texts, lateAt, 2), "Late: a bool is neither 0 nor 1"},
		{patch(flags, flagsAt, 3), "Flags: a bool is neither 0 nor 1"},
		{patch(flags, flagsAt+19, 3), "Flags: a bool is neither 0 nor 1"},
		{patch(flags, hitsAt+16, 3), "Hits: a bool is neither 0 nor 1"},
		{patch(flags, takenAt+8, 0, 0xca, 0x9a, 0x3b), "Taken: 1000000000 nanoseconds"},
		{patch(flags, takenAt+12, 0x80, 0x51, 1, 0), "86400 seconds east of UTC"},
		{patch(texts, late+8, 0), "Late: 0 elements of 1 bytes do not take 1"},
		{patch(texts, 24+8, 9), "Names: 15 bytes do not hold 9 offsets"},
		{patch(texts, 24+8, bytes.Repeat([]byte{0xff}, 8)...), "do not hold"},
		{patch(texts, 24+32, 0), "offsets of 0 bytes"},
		{patch(texts, namesAt+4, 1), "Names[1]: text is not valid UTF-8"},
		{patch(texts, namesAt+8, 1), "Names[1]: text from 2 to 1 lies outside"},
		{patch(texts, namesAt+8, 9), "Names[1]: text from 2 to 9 lies outside"},
		{patch(texts, namesAt+12, 0xff), "Names: text is not valid UTF-8"},
	} {
		var err error
		if bytes.Contains(c.data, []byte("Taken")) {
			_, err = readColumns[survey](t, "codec_test.survey", c.data)
		} else if bytes.Contains(c.data, []byte("Names")) {
			_, err = readColumns[survey2](t, "test.survey2", c.data)
		} else {
			_, err = readColumns[cloud](t, "test.cloud", c.data)
		}
		wantError(t, err, c.want)
	}
}

// TestColumnsThatShareMemory are no fault, but take no more than they send.
func TestColumnsThatShareMemory(t *testing.T) {
	data := columnsOf(t, two{make([]byte, 1000), []byte{1}})
	b := bytes.Index(data, []byte{'B'}) - 48
	if b < 0 || data[b+48] != 'B' {
		t.Fatal("there is no column B")
	}
	shared := patch(data, b+16, data[24+16:24+24]...)
	if got, err := readColumns[two](t, "test.two", shared); err != nil || got.B[0] != 0 {
		t.Errorf("got %v, %v", got.B, err)
	}
	all := patch(patch(shared, b+8, data[24+8:24+16]...), b+24, data[24+24:24+32]...)
	_, err := readColumns[two](t, "test.two", all)
	wantError(t, err, "B: needs far more memory than its encoding")
}

func TestColumnsTwice(t *testing.T) {
	data := columnsOf(t, two{})
	second := 24 + int(binary.LittleEndian.Uint32(data[24:]))
	_, err := readColumns[two](t, "test.two", patch(data, second+48, 'A'))
	wantError(t, err, "A: the column occurs twice")
}

func TestColumnsOfOtherTypes(t *testing.T) {
	data := columnsOf(t, survey2{})
	_, err := readColumns[survey2](t, "test.survey2", bytes.Replace(data, []byte("Names"), []byte("Other"), 1))
	wantError(t, err, "Other: want []int8, have []string")
	unknown := bytes.ReplaceAll(data, []byte("Heights"), []byte("Heighty"))
	if _, err := readColumns[survey2](t, "test.survey2", unknown); err != nil {
		t.Errorf("an unknown column: %v", err)
	}
}

// TestColumnsTimes: an offset that no clock shows is dropped, the instant is kept.
func TestColumnsTimes(t *testing.T) {
	for _, want := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<40, 999999999), time.Unix(5, 0).In(time.FixedZone("", 100000)), time.Unix(5, 0).In(time.FixedZone("X", 3601))} {
		got, err := readColumns[survey](t, "codec_test.survey", columnsOf(t, survey{Taken: want}))
		if err != nil || !got.Taken.Equal(want) {
			t.Errorf("got %v, %v, want %v", got.Taken, err, want)
		}
	}
}

func FuzzColumns(f *testing.F) {
	for _, s := range surveys() {
		var o codec.Opaque
		must(0, codec.Unmarshal(must(codec.Marshal([]any{s}))[1:], &o))
		f.Add(o.Data, []byte("attachment"), false)
	}
	a := newArena(1 << 12)
	full := surveys()["full"]
	full.IDs, full.Points, full.Hits, full.Flags, full.Raw = lend[uint32](a, 0, 17), lend[vec3](a, 0, 3), lend[hit](a, 0, 2), lend[bool](a, 0, 65), lend[byte](a, 0, 64)
	c := must(codec.For(reflect.TypeFor[survey]()))
	attached := must(c.AppendWith(nil, &codec.Encoding{Attach: a}, reflect.ValueOf(full)))
	f.Add(attached[bytes.Index(attached, []byte("c2cols")):], a.pieces[0], true)
	f.Fuzz(func(t *testing.T, data, attachment []byte, marked bool) {
		item := must(codec.Marshal(codec.Opaque{Name: "codec_test.survey", Data: data}))
		if marked {
			item = append([]byte{0xda, 0x63, 0x32, 0x00, 0x01, 0xda, 0x63, 0x32, 0x00, 0x02}, must(codec.Marshal(data))...)
		}
		attachment = attachment[:min(len(attachment), 1<<12)] // so that no input asks for too much memory
		in := codec.Decoding{Attachments: [][]byte{attachment, attachment[len(attachment)/2:]}}
		var copied, viewed, inlined survey
		_, _, err := c.DecodeWith(item, in, reflect.ValueOf(&copied).Elem())
		in.View = true
		_, _, viewErr := c.DecodeWith(item, in, reflect.ValueOf(&viewed).Elem())
		if (err == nil) != (viewErr == nil) {
			t.Fatalf("copied: %v, viewed: %v", err, viewErr)
		}
		var raw cbor.RawMessage
		_, _, rawErr := must(codec.For(reflect.TypeFor[cbor.RawMessage]())).DecodeWith(item, in, reflect.ValueOf(&raw).Elem())
		if inErr := cmp.Or(rawErr, codec.Unmarshal(raw, &inlined)); marked && inErr == nil && err != nil {
			t.Fatalf("copied: %v, but read with the columns in it", err)
		}
		if err != nil {
			return
		}
		if rawErr == nil && !bytes.Equal(must(codec.Marshal(copied)), must(codec.Marshal(inlined))) {
			t.Fatalf("copied %+v\ninlined %+v", copied, inlined)
		}
		again := must(codec.Marshal(copied))
		if !bytes.Equal(again, must(codec.Marshal(viewed))) {
			t.Fatalf("copied %+v\nviewed %+v", copied, viewed)
		}
		var back survey
		if err := codec.Unmarshal(again, &back); err != nil {
			t.Fatalf("what was read is written as what can't be: %v", err)
		}
	})
}

type (
	cloudLike struct {
		Points []vec3
		Color  string
	}
	cloudUnlike struct{ Points [][3]float64 }
)

// TestColumnsInSchemas: whoever connects learns of columns that do not match before the first call.
func TestColumnsInSchemas(t *testing.T) {
	named := func(s *codec.Schema) *codec.Schema {
		c := *s
		c.Name = "test.cloud"
		return &c
	}
	ours := schemaOf[cloud]()
	if err := codec.Compatible(named(schemaOf[cloudLike]()), ours); err != nil {
		t.Errorf("a column more: %v", err)
	}
	err := codec.Compatible(named(schemaOf[cloudUnlike]()), ours)
	wantError(t, err, "Points: the client has [][3]float64, the server has []struct{X float64; Y float64; Z float64}")
	if err := codec.Compatible(schemaOf[survey](), schemaOf[survey]()); err != nil {
		t.Error(err)
	}
	plain := &codec.Schema{Kind: codec.KindTransferable, Name: "test.cloud"}
	if err := codec.Compatible(plain, ours); err != nil {
		t.Errorf("a transferable of that name that tells no columns: %v", err)
	}
	var back codec.Schema
	if err := codec.Unmarshal(must(codec.Marshal(schemaOf[survey]())), &back); err != nil || codec.Compatible(&back, schemaOf[survey]()) != nil {
		t.Errorf("the schema does not travel: %v", err)
	}
	column := ours.Fields[0].Type
	_, err = column.Append(nil, []float64{1})
	wantError(t, err, "want []struct{X float64; Y float64; Z float64}")
	_, _, err = column.Decode([]byte{1})
	wantError(t, err, "want []struct{X float64; Y float64; Z float64}")
}
