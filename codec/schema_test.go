package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
)

func schemaOf[T any]() *codec.Schema { return must(codec.For(reflect.TypeFor[T]())).Schema() }

func TestSchemaString(t *testing.T) {
	for want, s := range map[string]*codec.Schema{
		"int":                                    schemaOf[int](),
		"int8":                                   schemaOf[int8](),
		"float32":                                schemaOf[float32](),
		"codec_test.celsius(float64)":            schemaOf[celsius](),
		"time.Duration(int)":                     schemaOf[time.Duration](),
		"string":                                 schemaOf[string](),
		"codec_test.lower(string)":               schemaOf[lower](),
		"codec_test.blobby([]byte)":              schemaOf[blobby](),
		"[]byte":                                 schemaOf[[]byte](),
		"codec_test.identity([16]byte)":          schemaOf[identity](),
		"[]float64":                              schemaOf[[]float64](),
		"[3]int16":                               schemaOf[[3]int16](),
		"codec_test.series([]float64)":           schemaOf[series](),
		"complex128":                             schemaOf[complex128](),
		"[]string":                               schemaOf[[]string](),
		"[2]bool":                                schemaOf[[2]bool](),
		"map[string]int":                         schemaOf[map[string]int](),
		"*[]*int":                                schemaOf[*[]*int](),
		"struct{X float64; Y float64}":           schemaOf[struct{ X, Y float64 }](),
		"codec_test.point{X float64; Y float64}": schemaOf[point](),
		"codec_test.triple{A int; B []int64; C *string}":  schemaOf[triple](),
		"codec_test.nested(map[string]codec_test.nested)": schemaOf[nested](),
		"time.Time": schemaOf[time.Time](),
		"*big.Int":  schemaOf[*big.Int](),
		"any":       schemaOf[any](),
		"codec_test.mesh(transferable \"test.mesh\")": schemaOf[mesh](),
		"codec_test.tree{Value []float64; Left *codec_test.tree; Right *codec_test.tree; Named map[string]*codec_test.tree}": schemaOf[tree](),
	} {
		if got := s.String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestSchemasTravel sends schemas by this codec and by JSON.
func TestSchemasTravel(t *testing.T) {
	for _, s := range []*codec.Schema{
		schemaOf[int](), schemaOf[tree](), schemaOf[map[string][]*triple](), schemaOf[keyed](), schemaOf[codec.Schema](), schemaOf[[3]float64](), schemaOf[scene](),
	} {
		var byCBOR, byJSON codec.Schema
		if err := codec.Unmarshal(must(codec.Marshal(s)), &byCBOR); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(must(json.Marshal(s)), &byJSON); err != nil {
			t.Fatal(err)
		}
		for way, got := range map[string]*codec.Schema{"CBOR": &byCBOR, "JSON": &byJSON} {
			if !reflect.DeepEqual(got, s) {
				t.Errorf("%v by %s is %+v", s, way, got)
			}
			if err := codec.Compatible(got, s); err != nil {
				t.Errorf("%v by %s: %v", s, way, err)
			}
		}
	}
}

func TestSchemaSizeIsLinear(t *testing.T) {
	type (
		t0 struct{ A, B int }
		t1 struct{ A, B, C t0 }
		t2 struct{ A, B, C t1 }
		t3 struct{ A, B, C t2 }
		t4 struct{ A, B, C t3 }
	)
	if n := len(must(json.Marshal(schemaOf[t4]()))); n > 2500 {
		t.Errorf("five small types take %d bytes", n)
	}
}

func TestCompatible(t *testing.T) {
	type (
		pointPlus struct {
			Y, X float64
			Z    string
		}
		tree2 struct {
			Value []float64
			Left  *tree2
			Extra int
		}
		badTree struct {
			Value []float64
			Left  *struct{ Value []float32 }
		}
		endless  struct{ Next *endless }
		endless2 struct{ Next *struct{ Next *endless2 } }
	)
	for _, c := range []struct {
		client, server *codec.Schema
		want           string // "" is compatible, else the error
	}{
		{schemaOf[int](), schemaOf[int64](), ""},
		{schemaOf[int8](), schemaOf[time.Duration](), ""},
		{schemaOf[uint8](), schemaOf[uint64](), ""},
		{schemaOf[float32](), schemaOf[celsius](), ""},
		{schemaOf[*int](), schemaOf[int](), ""},
		{schemaOf[label](), schemaOf[lower](), ""},
		{schemaOf[[]int](), schemaOf[[]int64](), ""},
		{schemaOf[[]float64](), schemaOf[[3]float64](), ""},
		{schemaOf[[]byte](), schemaOf[blobby](), ""},
		{schemaOf[[]any](), schemaOf[[]string](), ""},
		{schemaOf[any](), schemaOf[tree](), ""},
		{schemaOf[map[string]*point](), schemaOf[map[label]pointPlus](), ""},
		{schemaOf[struct{ X float64 }](), schemaOf[point](), ""},
		{schemaOf[struct{}](), schemaOf[point](), ""},
		{schemaOf[tree](), schemaOf[tree2](), ""},
		{schemaOf[endless](), schemaOf[endless2](), ""},
		{schemaOf[mesh](), schemaOf[*mesh](), ""},
		{schemaOf[triple](), schemaOf[struct {
			_       struct{} `cbor:",toarray"`
			One     int8
			Two     []int64
			NameIII string
		}](), ""},

		{schemaOf[int](), schemaOf[uint](), "the client has int, the server has uint"},
		{schemaOf[string](), schemaOf[[]byte](), "the client has string, the server has []byte"},
		{schemaOf[[]float64](), schemaOf[[]float32](), "the client has []float64, the server has []float32"},
		{schemaOf[[2]float64](), schemaOf[[3]float64](), "the client has [2]float64, the server has [3]float64"},
		{schemaOf[[]any](), schemaOf[[]int](), "the client has []any, the server has []int64"},
		{schemaOf[mesh](), schemaOf[unsized](), `the client has codec_test.mesh(transferable "test.mesh"), the server has`},
		{schemaOf[point](), schemaOf[map[string]float64](), "the client has codec_test.point{"},
		{schemaOf[struct{ P []point }](), schemaOf[struct{ P []struct{ X string } }](), "P[].X: the client has float64, the server has string"},
		{schemaOf[map[string]int](), schemaOf[map[int]int](), "[key]: the client has string, the server has int"},
		{schemaOf[map[string][]string](), schemaOf[map[string][]bool](), "[][]: the client has string, the server has bool"},
		{schemaOf[tree](), schemaOf[badTree](), "Left.Value: the client has []float64, the server has []float32"},
		{schemaOf[triple](), schemaOf[optionalTuple](), "the client has codec_test.triple{"},
		{schemaOf[keyed](), schemaOf[struct {
			A string `cbor:"1,keyasint"`
		}](), "1: the client has int, the server has string"},
	} {
		err := codec.Compatible(c.client, c.server)
		if c.want == "" {
			if err != nil {
				t.Errorf("%v and %v: %v", c.client, c.server, err)
			}
			continue
		}
		wantError(t, err, c.want)
		var m *codec.SchemaMismatch
		if !errors.As(err, &m) {
			t.Errorf("error is a %T", err)
		}
	}
}

// TestCompatibleTellsAll: who mends one difference is not to meet the next one only then.
func TestCompatibleTellsAll(t *testing.T) {
	type inner struct{ A, B int }
	type innerText struct{ A, B string }
	type pair struct {
		_ struct{} `cbor:",toarray"`
		L int
		R bool
	}
	type pairText struct {
		_ struct{} `cbor:",toarray"`
		L string
		R []byte
	}
	type client struct {
		X string
		Y []inner
		Z map[string]int
		P pair
		S bool
	}
	type server struct {
		X float64
		Y []innerText
		Z map[int]string
		P pairText
		S bool
	}
	err := codec.Compatible(schemaOf[client](), schemaOf[server]())
	want := `X: the client has string, the server has float64
Y[].A: the client has int, the server has string
Y[].B: the client has int, the server has string
Z[key]: the client has string, the server has int
Z[]: the client has int, the server has string
P[0]: the client has int, the server has string
P[1]: the client has bool, the server has []byte`
	if err == nil || err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
	var first *codec.SchemaMismatch
	if !errors.As(err, &first) || first.Path != "X" {
		t.Errorf("the first mismatch is %+v", first)
	}
}

// TestCompatibleIsBounded: a peer's type may differ in as many places as it likes.
func TestCompatibleIsBounded(t *testing.T) {
	lists := func(kind codec.Kind, n int) *codec.Schema {
		s := &codec.Schema{Kind: codec.KindStruct}
		for i := range n {
			s.Fields = append(s.Fields, codec.Field{Name: fmt.Sprintf("F%05d", i), Type: &codec.Schema{Kind: kind}})
		}
		return s
	}
	const most, rest = 16, "and there is more that differs"
	for n, lines := range map[int]int{most - 1: most - 1, most: most, most + 1: most + 1, 5000: most + 1} {
		err := codec.Compatible(lists(codec.KindInt, n), lists(codec.KindText, n))
		if err == nil {
			t.Fatalf("%d fields: no error", n)
		}
		if got := strings.Count(err.Error(), "\n") + 1; got != lines {
			t.Errorf("%d fields: %d lines, want %d", n, got, lines)
		}
		if got := strings.HasSuffix(err.Error(), rest); got != (n > most) {
			t.Errorf("%d fields: the error ends with %q: %v", n, rest, got)
		}
	}
}

func TestBrokenSchemas(t *testing.T) {
	deep := &codec.Schema{Kind: codec.KindAny}
	for range 600 {
		deep = &codec.Schema{Kind: codec.KindList, Elem: deep}
	}
	loop := &codec.Schema{Kind: codec.KindList}
	loop.Elem = loop
	for want, s := range map[string]*codec.Schema{
		"a part is missing":            nil,
		"schema: a part is missing":    {Kind: codec.KindList},
		`unknown kind "nonsense"`:      {Kind: "nonsense"},
		`there is no vector of "bool"`: {Kind: codec.KindVector, Of: "bool"},
		"reference to 3":               {Kind: codec.KindRef, ID: 3},
		"two parts have the ID 1":      {Kind: codec.KindList, ID: 1, Elem: &codec.Schema{Kind: codec.KindInt, ID: 1}},
		"deeper than":                  deep,
		"nested deeper than 512":       loop,
		"schema: reference to 0":       {Kind: codec.KindMap, Key: &codec.Schema{Kind: codec.KindInt}, Elem: &codec.Schema{Kind: codec.KindRef}},
	} {
		wantError(t, codec.Compatible(s, schemaOf[int]()), want)
		wantError(t, codec.Compatible(schemaOf[int](), s), want)
		_, err := s.Append(nil, 1)
		wantError(t, err, want)
		_, _, err = s.Decode([]byte{1})
		wantError(t, err, want)
		if text := s.String(); len(text) > 10000 || text == "" {
			t.Errorf("String has %d bytes", len(text))
		}
	}
}

func TestSchemaStringIsBounded(t *testing.T) {
	wide := &codec.Schema{Kind: codec.KindStruct}
	for range 100000 {
		wide.Fields = append(wide.Fields, codec.Field{Name: strings.Repeat("n", 100), Type: &codec.Schema{Kind: codec.KindInt}})
	}
	if n := len(wide.String()); n > 10000 {
		t.Errorf("String has %d bytes", n)
	}
}

// TestCompatibleHints: who forgot to register a type is told so.
func TestCompatibleHints(t *testing.T) {
	type plain struct{ X []float64 }
	registered := must(codec.For(reflect.TypeFor[slab]())).Schema()
	other := must(codec.For(reflect.TypeFor[plain]())).Schema()
	for _, test := range []struct {
		client, server *codec.Schema
		want           string
	}{
		{registered, other, `register the type at the server, too, as "test.slab"`},
		{other, registered, `register the type at the client, too, as "test.slab"`},
	} {
		wantError(t, codec.Compatible(test.client, test.server), test.want)
	}
}
