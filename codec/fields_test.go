package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
)

type (
	A1 struct{ X, Only1 int }
	A2 struct{ X, Only2 int }
	// Both embed an X at one depth: neither is seen.
	ambiguous struct {
		A1
		A2
	}
	B1 struct {
		X int `json:"X"`
	}
	// The tagged one wins.
	taggedWins struct {
		A1
		B1
	}
	twice1 struct{ A1 }
	twice2 struct{ A1 }
	// A1 is there twice at one depth.
	diamond struct {
		twice1
		twice2
		Z int
	}
	// A tag makes an embedded struct an ordinary field.
	labelled struct {
		A1 `json:"a"`
		*A2
	}
	recursive struct {
		*recursive
		N int
	}
	scalarInside struct {
		celsius
		label `json:"l"`
		Label
	}
	Label string
)

// TestFieldsAreThoseOfJSON compares the keys of embedded and tagged structs with encoding/json's.
func TestFieldsAreThoseOfJSON(t *testing.T) {
	for _, v := range []any{
		ambiguous{}, taggedWins{}, diamond{}, labelled{A2: &A2{}}, labelled{}, recursive{nil, 1}, scalarInside{1, "l", "L"}, shadow{}, derived{}, derived{Extra: &Extra{}},
	} {
		var want map[string]json.RawMessage
		if err := json.Unmarshal(must(json.Marshal(v)), &want); err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := codec.Unmarshal(must(codec.Marshal(v)), &got); err != nil {
			t.Fatal(err)
		}
		if a, b := sortedKeys(got), sortedKeys(want); !slices.Equal(a, b) {
			t.Errorf("%T has %q, in JSON %q", v, a, b)
		}
	}
}

func sortedKeys[V any](m map[string]V) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestFieldsAreThoseOfReference compares bytes with fxamacker/cbor's where JSON has no say.
func TestFieldsAreThoseOfReference(t *testing.T) {
	e, _ := reference()
	for _, v := range []any{ambiguous{}, taggedWins{}, labelled{A2: &A2{}}, keyed{A: 1}, recursive{}} {
		if got, want := must(codec.Marshal(v)), must(e.Marshal(v)); !bytes.Equal(got, want) {
			t.Errorf("%T: %x, want %x", v, got, want)
		}
	}
}

// TestManyFields has more fields than fit one word of the set that finds duplicates.
func TestManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 300 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int]()})
	}
	v := reflect.New(reflect.StructOf(fields))
	for i := range 300 {
		v.Elem().Field(i).SetInt(int64(i))
	}
	data := must(codec.Marshal(v.Interface()))
	got := reflect.New(v.Type().Elem())
	if err := codec.Unmarshal(data, got.Interface()); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Interface(), v.Interface()) {
		t.Error("the values differ")
	}
	data[2]++ // one pair more
	wantError(t, codec.Unmarshal(append(data, "\x64F299\x01"...), got.Interface()), `key "F299" occurs twice`)
}

type neverZero struct{ A int }

func (neverZero) IsZero() bool { return false }

type pointerZero struct{ A int }

func (p *pointerZero) IsZero() bool { return p.A == 7 }

func TestOmitZero(t *testing.T) {
	v := struct {
		Time    time.Time    `json:",omitzero"`
		Never   neverZero    `json:",omitzero"`
		Pointer pointerZero  `json:",omitzero"`
		Nil     *neverZero   `json:",omitzero"`
		Any     any          `json:",omitzero"`
		Array   [2]int       `json:",omitzero"`
		Set     *pointerZero `json:",omitzero"`
	}{Time: time.Time{}.In(aZone), Pointer: pointerZero{7}, Set: &pointerZero{7}}
	var got map[string]any
	if err := codec.Unmarshal(must(codec.Marshal(&v)), &got); err != nil {
		t.Fatal(err)
	}
	if keys := sortedKeys(got); !slices.Equal(keys, []string{"Never"}) {
		t.Errorf("written are %q", keys)
	}
}

// fickle changes its mind about being zero, as a value does that another goroutine changes.
type fickle struct{ asked *int }

func (f fickle) IsZero() bool {
	*f.asked++
	return *f.asked%2 == 0
}

func (fickle) MarshalText() ([]byte, error) { return nil, nil }
func (fickle) UnmarshalText([]byte) error   { return nil }

func TestValueThatChanges(t *testing.T) {
	_, err := codec.Marshal(struct {
		F fickle `json:",omitzero"`
	}{fickle{new(int)}})
	wantError(t, err, "it changed while it was encoded")
}
