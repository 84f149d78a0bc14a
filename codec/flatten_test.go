package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/codec"
)

// flat is item without attachments, as Flatten has it.
func flat(t *testing.T, item []byte, attachments [][]byte) []byte {
	t.Helper()
	pieces, err := codec.Flatten(item, attachments, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join(pieces, nil)
}

func TestFlattenCopiesNothing(t *testing.T) {
	if !inPlace {
		t.Skip("nothing is attached here")
	}
	a := newArena(1<<20, 1<<20)
	v := makeLent(a)
	v.Floats = lend[float64](a, 0, 1<<14)
	v.Table = lendTable(a, 1, 1<<12)
	inside := make([]byte, 1<<16)
	item := attach(t, a, []any{v, inside})
	allocated := memoryOf(func() { flat(t, item, a.pieces) })
	pieces, err := codec.Flatten(item, a.pieces, math.MaxUint64)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, p := range pieces {
		if !slicesOf(p, item) && !slicesOf(p, a.pieces[0]) && !slicesOf(p, a.pieces[1]) {
			own += len(p)
		}
	}
	if own > 8<<10 {
		t.Errorf("%d bytes in %d pieces are new", own, len(pieces))
	}
	if joined := len(bytes.Join(pieces, nil)); allocated > uint64(joined)*2 {
		t.Errorf("%d bytes are allocated for %d", allocated, joined)
	}
}

// slicesOf says whether p lies in whole.
func slicesOf(p, whole []byte) bool {
	for at := range whole {
		if &whole[at] == &p[0] {
			return true
		}
	}
	return false
}

func TestFlattenWithoutAttachments(t *testing.T) {
	item := must(codec.Marshal([]any{"a", make([]float64, 100)}))
	for _, attachments := range [][][]byte{nil, {[]byte("unused")}} {
		pieces, err := codec.Flatten(item, attachments, uint64(len(item)))
		if err != nil || len(pieces) != 1 || &pieces[0][0] != &item[0] || len(pieces[0]) != len(item) {
			t.Errorf("%d pieces, %v", len(pieces), err)
		}
		if _, err := codec.Flatten(item, attachments, uint64(len(item)-1)); !errors.Is(err, codec.ErrTooLarge) {
			t.Errorf("one byte too many: %v", err)
		}
	}
	if pieces, err := codec.Flatten(nil, nil, 0); err != nil || len(bytes.Join(pieces, nil)) != 0 {
		t.Errorf("nothing is %v, %v", pieces, err)
	}
}

// TestFlattenIsBounded refers to the same memory again and again.
func TestFlattenIsBounded(t *testing.T) {
	a := newArena(8 << 20)
	item := append([]byte{0x99, 0x03, 0xe8}, bytes.Repeat(unhex(t, "da633200028300001a00800000"), 1000)...)
	allocated := memoryOf(func() {
		if _, err := codec.Flatten(item, a.pieces, 1<<30); !errors.Is(err, codec.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
	if allocated > 1<<20 {
		t.Errorf("%d bytes are allocated", allocated)
	}
	if !inPlace {
		return
	}
	table := attach(t, a, lendTable(a, 0, 1000))
	size := uint64(len(flat(t, table, a.pieces)))
	if _, err := codec.Flatten(table, a.pieces, size); err != nil {
		t.Errorf("columns of the size that is allowed: %v", err)
	}
	if _, err := codec.Flatten(table, a.pieces, size-1); !errors.Is(err, codec.ErrTooLarge) {
		t.Errorf("columns of a byte more: %v", err)
	}
}

// TestFlattenedColumns are as if they had never been attached.
func TestFlattenedColumns(t *testing.T) {
	a := newArena(1 << 16)
	table := lendTable(a, 0, 333)
	var want, got codec.Opaque
	for _, c := range []struct {
		item []byte
		to   *codec.Opaque
	}{{must(codec.Marshal([]any{table})), &want}, {flat(t, attach(t, a, []any{table}), a.pieces), &got}} {
		if err := codec.Unmarshal(c.item[1:], c.to); err != nil {
			t.Fatal(err)
		}
	}
	if got.Name != want.Name || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("got  %s %x\nwant %s %x", got.Name, got.Data, want.Name, want.Data)
	}
}

func TestFlattenRefuses(t *testing.T) {
	for item, want := range map[string]string{
		"da63320002" + "83014001":           "want a number of a reference",
		"da63320002" + "83010001":           "refers to attachment 1, of 1",
		"da63320002" + "83001841" + "01":    "lie outside the 64 of attachment 0",
		"da63320002" + "820001":             "want the three numbers",
		"da63320002":                        "the data ends inside an item",
		"da63320002" + "43010203":           "these are no columns",
		"da63320002" + "5b7fffffffffffffff": "bytes are declared",
		"9f":                                "indefinite lengths",
		"5bffffffffffffffff":                "bytes are declared",
	} {
		_, err := codec.Flatten(unhex(t, item), [][]byte{make([]byte, 64)}, math.MaxUint64)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", item, err, want)
		}
	}
}

// FuzzFlatten compares what decodes with attachments to what decodes without them.
func FuzzFlatten(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, item, attachment []byte) {
		attachments := [][]byte{attachment, {1, 2, 3}}
		pieces, flatErr := codec.Flatten(item, attachments, 1<<20)
		size := 0
		for _, p := range pieces {
			size += len(p)
		}
		if size > 1<<20 {
			t.Fatalf("%d bytes", size)
		}
		for _, typ := range []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[fuzzed](), reflect.TypeFor[seedTable]()} {
			want := reflect.New(typ).Elem()
			rest, _, err := must(codec.For(typ)).DecodeWith(item, codec.Decoding{Attachments: attachments}, want)
			if err != nil || len(rest) > 0 || errors.Is(flatErr, codec.ErrTooLarge) {
				continue
			}
			if flatErr != nil && bytes.Contains(item, []byte("c2cols")) {
				continue // a column that the type lacks is not looked at
			}
			if flatErr != nil {
				t.Fatalf("%v: %x decodes, and does not flatten: %v", typ, item, flatErr)
			}
			got := reflect.New(typ).Elem()
			rest, err = must(codec.For(typ)).Decode(bytes.Join(pieces, nil), got)
			if err != nil || len(rest) > 0 {
				t.Fatalf("%v: %x becomes %x, of which %d bytes are left: %v", typ, item, bytes.Join(pieces, nil), len(rest), err)
			}
			if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); len(a) != len(b) {
				t.Errorf("%v: %x\ngot  %s\nwant %s", typ, item, a, b) // pointers print as such, of one length
			}
		}
	})
}
