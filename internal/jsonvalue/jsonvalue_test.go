package jsonvalue_test

import (
	"encoding/hex"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/jsonvalue"
)

type point struct{ X, Y float64 }

type tree struct {
	Name string  `json:"name"`
	Kids []*tree `json:"kids,omitempty"`
}

type keyed struct {
	A int    `cbor:"1,keyasint"`
	B string `cbor:"-2,keyasint"`
}

type triple struct {
	_ struct{} `cbor:",toarray"`
	A int
	B []int64
}

// schema is the wire type of T.
func schema[T any](t testing.TB) *codec.Schema {
	t.Helper()
	c, err := codec.For(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	return c.Schema()
}

// transferable is the schema of a transferable that this program does not have.
var transferable = &codec.Schema{Kind: codec.KindTransferable, Type: "geo.Mesh", Name: "geo.mesh"}

// case_ is JSON, and the CBOR that it is.
type case_ struct {
	name   string
	schema *codec.Schema
	json   string
	cbor   string
}

// goldens are values that are the same in both directions.
func goldens(t testing.TB) []case_ {
	return []case_{
		{"true", schema[bool](t), `true`, "f5"},
		{"false", schema[bool](t), `false`, "f4"},
		{"int", schema[int](t), `-500`, "3901f3"},
		{"int beyond 2^53", schema[int64](t), `9007199254740993`, "1b0020000000000001"},
		{"largest int64", schema[int64](t), `9223372036854775807`, "1b7fffffffffffffff"},
		{"smallest int64", schema[int64](t), `-9223372036854775808`, "3b7fffffffffffffff"},
		{"largest uint64", schema[uint64](t), `18446744073709551615`, "1bffffffffffffffff"},
		{"big", schema[*big.Int](t), `18446744073709551616`, "c249010000000000000000"},
		{"negative big", schema[*big.Int](t), `-18446744073709551617`, "c349010000000000000000"},
		{"least negative integer", schema[*big.Int](t), `-18446744073709551616`, "3bffffffffffffffff"},
		{"null big", schema[*big.Int](t), `null`, "f6"},
		{"float", schema[float64](t), `1.1`, "fb3ff199999999999a"},
		{"large float", schema[float64](t), `1e+300`, "fb7e37e43c8800759c"},
		{"NaN", schema[float64](t), `"NaN"`, "fb7ff8000000000001"},
		{"infinity", schema[float64](t), `"Infinity"`, "fb7ff0000000000000"},
		{"negative infinity", schema[float64](t), `"-Infinity"`, "fbfff0000000000000"},
		{"text", schema[string](t), `"grüße\n\"\\\u0001😀"`, "6f" + hex.EncodeToString([]byte("grüße\n\"\\\x01😀"))},
		{"bytes", schema[[]byte](t), `"AQID"`, "43010203"},
		{"byte array", schema[[2]byte](t), `"yv4="`, "42cafe"},
		{"empty bytes", schema[[]byte](t), `""`, "40"},
		{"null bytes", schema[[]byte](t), `null`, "f6"},
		{"time", schema[time.Time](t), `"2024-02-29T12:30:00.123456789-03:30"`, "c07823323032342d30322d32395431323a33303a30302e3132333435363738392d30333a3330"},
		{"int8s", schema[[]int8](t), `[-128,127]`, "d848" + "42807f"},
		{"int16s", schema[[]int16](t), `[-1,2]`, "d84d44ffff0200"},
		{"int32s", schema[[]int32](t), `[-1,2]`, "d84e48ffffffff02000000"},
		{"ints", schema[[]int](t), `[-1,9223372036854775807]`, "d84f50ffffffffffffffffffffffffffffff7f"},
		{"uint16s", schema[[]uint16](t), `[1,65535]`, "d845440100ffff"},
		{"uint32s", schema[[]uint32](t), `[1,258]`, "d846480100000002010000"},
		{"uint64s", schema[[]uint64](t), `[1,18446744073709551615]`, "d847500100000000000000ffffffffffffffff"},
		{"float32s", schema[[]float32](t), `[1.5,-2,0.1]`, "d8554c0000c03f000000c0cdcccc3d"},
		{"float64s", schema[[]float64](t), `[1.5,"NaN"]`, "d85650000000000000f83f010000000000f87f"},
		{"float64 array", schema[[2]float64](t), `[1.5,-2]`, "d85650000000000000f83f00000000000000c0"},
		{"complex", schema[complex128](t), `[1,-2]`, "d85650000000000000f03f00000000000000c0"},
		{"empty vector", schema[[]float64](t), `[]`, "d85640"},
		{"null vector", schema[[]float64](t), `null`, "f6"},
		{"list", schema[[]string](t), `["a","b"]`, "8261616162"},
		{"list of vectors", schema[[][]int16](t), `[[1],null]`, "82d84d420100f6"},
		{"map", schema[map[string]int](t), `{"a":1}`, "a1616101"},
		{"map with integer keys", schema[map[int]string](t), `{"-1":"x","7":"y"}`, "a22061780761" + "79"},
		{"map with bool keys", schema[map[bool]int](t), `{"true":1}`, "a1f501"},
		{"map with float keys", schema[map[float64]int](t), `{"1.5":1,"NaN":2}`, "a2fb3ff800000000000001fb7ff800000000000102"},
		{"map with struct keys", schema[map[point]bool](t), `{"{\"X\":1,\"Y\":2}":true}`, "a1a26158fb3ff00000000000006159fb4000000000000000f5"},
		{"map with time keys", schema[map[time.Time]int](t), `{"1970-01-01T00:00:00Z":1}`, "a1c074313937302d30312d30315430303a30303a30305a01"},
		{"struct", schema[point](t), `{"X":1,"Y":2.5}`, "a26158fb3ff00000000000006159fb4004000000000000"},
		{"part of a struct", schema[point](t), `{"Y":2.5}`, "a16159fb4004000000000000"},
		{"tree", schema[tree](t), `{"name":"a","kids":[{"name":"b"},null]}`, "a2646e616d656161646b69647382a1646e616d656162f6"},
		{"integer keys", schema[keyed](t), `{"1":1,"-2":"b"}`, "a20101216162"},
		{"tuple", schema[triple](t), `[1,[2]]`, "8201d84f480200000000000000"},
		{"null pointer", schema[*int](t), `null`, "f6"},
		{"any", schema[any](t), `[null,1,"x",[1.5],{"k":true},18446744073709551616]`, "86f601617881fb3ff8000000000000a1616bf5c249010000000000000000"},
		{"transferable", transferable, `{"transferable":"geo.mesh","data":"AQID"}`, "da6332000143010203"},
		{"transferable inside any", schema[any](t), `{"transferable":"geo.mesh","data":"AQID"}`, "da63320001826867656f2e6d65736843010203"},
		{"list of transferables", &codec.Schema{Kind: codec.KindList, Elem: transferable}, `[{"transferable":"geo.mesh","data":""},null]`, "82da6332000140f6"},
	}
}

func TestGoldens(t *testing.T) {
	for _, c := range goldens(t) {
		params := []*codec.Schema{c.schema}
		args, err := jsonvalue.AppendArgs(nil, params, false, []byte("["+c.json+"]"))
		if got := hex.EncodeToString(args); err != nil || got != "81"+c.cbor {
			t.Errorf("%s: %s is %s, want 81%s (%v)", c.name, c.json, got, c.cbor, err)
		}
		item, err := hex.DecodeString("81" + c.cbor)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		out, err := jsonvalue.Append(nil, params, item)
		if string(out) != "["+c.json+"]" || err != nil {
			t.Errorf("%s: %s is %s, want [%s] (%v)", c.name, c.cbor, out, c.json, err)
		}
	}
}

// TestTakes has what is read and never written.
func TestTakes(t *testing.T) {
	for _, c := range []case_{
		{"fraction for an integer", schema[int](t), ` 3.0 `, "03"},
		{"exponent for an integer", schema[int](t), `9.007199254740993e15`, "1b0020000000000001"},
		{"exponent for a big integer", schema[*big.Int](t), `1e20`, "c249056bc75e2d63100000"},
		{"exponent in a vector", schema[[]uint8](t), `[1e2, 255]`, "4264ff"},
		{"exponent in a signed vector", schema[[]int64](t), `[-1e2]`, "d84f489cffffffffffffff"},
		{"integer for a float", schema[float64](t), `-0`, "fb8000000000000000"},
		{"base64 without padding", schema[[]byte](t), `"AQ"`, "4101"},
		{"escaped base64", schema[[]byte](t), `"\u0041Q=="`, "4101"},
		{"escapes", schema[string](t), `"\/\b\f\r\t\u00e4\ud83d\ude00"`, "6b2f080c0d09c3a4f09f9880"},
		{"fields in another order", schema[point](t), `{"Y":1,"X":2}`, "a26159fb3ff00000000000006158fb4000000000000000"},
		{"transferable without its name", transferable, `{"data":"AQ"}`, "da633200014101"},
		{"data before the name", schema[any](t), `{"data":"AQ","transferable":"x"}`, "da633200018261784101"},
		{"no transferable", schema[any](t), `{"data":"AQ"}`, "a16464617461624151"},
		{"no transferable either", schema[any](t), `{"data":[]}`, "a1646461746180"},
		{"empty object", schema[any](t), ` { } `, "a0"},
	} {
		args, err := jsonvalue.AppendArgs(nil, []*codec.Schema{c.schema}, false, []byte("["+c.json+"]"))
		if got := hex.EncodeToString(args); err != nil || got != "81"+c.cbor {
			t.Errorf("%s: %s is %s, want 81%s (%v)", c.name, c.json, got, c.cbor, err)
		}
	}
}

// TestShows has what is written and never read.
func TestShows(t *testing.T) {
	for _, c := range []case_{
		{"undefined", nil, `null`, "f7"},
		{"half", nil, `1.5`, "f93e00"},
		{"smallest half", nil, `5.9604645e-8`, "f90001"},
		{"negative zero", nil, `-0`, "f98000"},
		{"half infinity", nil, `"-Infinity"`, "f9fc00"},
		{"half NaN", nil, `"NaN"`, "f97e00"},
		{"float32", nil, `0.1`, "fa3dcccccd"},
		{"epoch", nil, `"1970-01-01T00:00:01Z"`, "c101"},
		{"epoch before", nil, `"1969-12-31T23:59:58.5Z"`, "c1fbbff8000000000000"},
		{"epoch without a tag", schema[time.Time](t), `"1970-01-01T00:00:01Z"`, "01"},
		{"epoch beyond years", nil, `9007199254740992`, "c11b0020000000000000"},
		{"epoch that is none", nil, `"NaN"`, "c1f97e00"},
		{"big-endian uint16", nil, `[258]`, "d841420102"},
		{"big-endian uint32", nil, `[258]`, "d8424400000102"},
		{"big-endian uint64", nil, `[258]`, "d843480000000000000102"},
		{"big-endian int16", nil, `[-2]`, "d84942fffe"},
		{"big-endian int32", nil, `[-2]`, "d84a44fffffffe"},
		{"big-endian int64", nil, `[-2]`, "d84b48fffffffffffffffe"},
		{"big-endian float32", nil, `[1.5]`, "d851443fc00000"},
		{"big-endian float64", nil, `[1.5]`, "d852483ff8000000000000"},
		{"aligned vector", nil, `[1.5]`, "d9d9f7d85648000000000000f83f"},
		{"typed array as a list", nil, `[1,2]`, "d856820102"},
		{"other typed array", nil, `"PgA="`, "d850423e00"},
		{"unknown tag", nil, `1`, "d9ffff01"},
		{"embedded CBOR", nil, `"AQ=="`, "d8184101"},
		{"long heads", nil, `[1,"a"]`, "9b00000000000000021b0000000000000001790001" + "61"},
		{"bytes for a key", nil, `{"AQ==":1}`, "a1410101"},
		{"null for a key", nil, `{"null":1}`, "a1f601"},
		{"list for a key", nil, `{"[1,\"a\\\"\"]":1}`, "a18201626122" + "01"},
		{"padded transferable", transferable, `{"transferable":"geo.mesh","data":"AQ=="}`, "da633200018242000041" + "01"},
		{"padded transferable with a name", nil, `{"transferable":"x","data":"AQ=="}`, "da633200018361784200004101"},
		{"transferable without a name", nil, `{"transferable":"","data":"AQ=="}`, "da633200014101"},
		{"field that the schema lacks", schema[point](t), `{"Z":{"transferable":"","data":""}}`, "a1615ada6332000140"},
	} {
		item, err := hex.DecodeString("81" + c.cbor)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		out, err := jsonvalue.Append(nil, []*codec.Schema{c.schema}, item)
		if string(out) != "["+c.json+"]" || err != nil {
			t.Errorf("%s: %s is %s, want [%s] (%v)", c.name, c.cbor, out, c.json, err)
		}
	}
}

func TestArguments(t *testing.T) {
	ints, text, floats := schema[int](t), schema[string](t), schema[[]float64](t)
	list, bytes := schema[[]string](t), schema[[]byte](t)
	for _, c := range []struct {
		params   []*codec.Schema
		variadic bool
		json     string
		cbor     string // or the error
	}{
		{nil, false, ``, "80"},
		{nil, false, ` [ ] `, "80"},
		{nil, false, `{}`, "80"},
		{nil, false, `[1]`, "arguments: have 1, want 0"},
		{[]*codec.Schema{ints, text}, false, `[1,"a"]`, "82016161"},
		{[]*codec.Schema{ints, text}, false, `{"2":"a","1":1}`, "82016161"},
		{[]*codec.Schema{ints, text}, false, ``, "arguments: have 0, want 2"},
		{[]*codec.Schema{ints, text}, false, `[1]`, "arguments: have 1, want 2"},
		{[]*codec.Schema{ints, text}, false, `[1,"a",[],{"a":1.5}]`, "arguments: have 4, want 2"},
		{[]*codec.Schema{ints, text}, false, `{"1":1,"3":1}`, "argument 2 is missing"},
		{[]*codec.Schema{ints, text}, false, `{"1":1,"1":1}`, "argument 1 is there twice"},
		{[]*codec.Schema{ints, text}, false, `{"01":1}`, `key "01": want an argument's position`},
		{[]*codec.Schema{ints, text}, false, `{"a":1}`, `key "a": want an argument's position`},
		{[]*codec.Schema{ints, text}, false, `"a"`, "want an array of arguments"},
		{[]*codec.Schema{ints, text}, false, `[1,"a"],`, "want nothing more"},
		{[]*codec.Schema{ints, text}, false, `{"1":1,"2":"a"}[]`, "want nothing more"},
		{[]*codec.Schema{ints, text}, false, `[1,2]`, "argument 2: want string, have 2"},
		{[]*codec.Schema{ints, list}, true, `[1]`, "820180"},
		{[]*codec.Schema{ints, list}, true, `[1,"a","b"]`, "82018261616162"},
		{[]*codec.Schema{ints, list}, true, `[]`, "arguments: have 0, want 1 or more"},
		{[]*codec.Schema{list}, true, `{"1":"a"}`, "81816161"},
		{[]*codec.Schema{floats}, true, `[1.5]`, "81d85648000000000000f83f"},
		{[]*codec.Schema{floats}, true, `[]`, "81d85640"},
		{[]*codec.Schema{bytes}, true, `[1,255]`, "814201ff"},
		{[]*codec.Schema{floats}, true, `[1.5,"a"]`, `argument 2: want float64, have "a"`},
		{[]*codec.Schema{ints, list}, true, `[1,"a","b",3]`, "argument 4: want string, have 3"},
		{[]*codec.Schema{ints, list}, true, `[1,"a",oops]`, "argument 3: at byte 7: want a value"},
		{[]*codec.Schema{ints, schema[[]point](t)}, true, `[1,{"X":1},{"X":"a"}]`, `argument 3: X: want float64, have "a"`},
		{[]*codec.Schema{ints, schema[[][]float64](t)}, true, `[1,[2],[1,"a"]]`, `argument 3: [1]: want float64, have "a"`},
		{nil, true, `[]`, "the descriptor is wrong"},
		{[]*codec.Schema{ints}, true, `[]`, "the descriptor is wrong"},
		{[]*codec.Schema{nil}, false, `[1]`, "the schema lacks a part"},
	} {
		args, err := jsonvalue.AppendArgs(nil, c.params, c.variadic, []byte(c.json))
		if got := hex.EncodeToString(args); got != c.cbor && (err == nil || !strings.Contains(err.Error(), c.cbor)) {
			t.Errorf("%s: %s, %v; want %s", c.json, got, err, c.cbor)
		}
	}
}

func TestRefusesJSON(t *testing.T) {
	for _, c := range []struct {
		schema *codec.Schema
		json   string
		want   string
	}{
		{schema[int](t), `1.5`, "argument 1: want int, have 1.5"},
		{schema[int](t), `"1"`, `want int, have "1"`},
		{schema[int](t), `9223372036854775808`, "want int, have 9223372036854775808"},
		{schema[int](t), `1e999999999`, "want int, have 1e999999999"},
		{schema[uint](t), `-1`, "want uint, have -1"},
		{schema[*big.Int](t), `1e999`, "have 1e999"},
		{schema[float64](t), `1e999`, "want float64, have 1e999"},
		{schema[float64](t), `"nan"`, `want float64, have "nan"`},
		{schema[int](t), `null`, "want int, have null"},
		{schema[any](t), `1e999`, "want a number that float64 can hold"},
		{schema[any](t), `01`, "want a comma or ]"},
		{schema[any](t), `-`, "want a digit"},
		{schema[any](t), `1.`, "want a digit"},
		{schema[any](t), `1e`, "want a digit"},
		{schema[any](t), `nul`, "want null"},
		{schema[any](t), `+1`, "want a value"},
		{schema[any](t), `,`, "want a value, have"},
		{schema[any](t), `NaN`, "want a value (NaN and Infinity are written in quotes), have \"NaN"},
		{schema[float64](t), `Infinity`, "want a value (NaN and Infinity are written in quotes), have \"Infinity"},
		{schema[any](t), `[1,]`, "want a value"},
		{schema[any](t), `{"a":1,}`, "want a key in quotes"},
		{schema[any](t), `{"a" 1}`, "want a colon"},
		{schema[any](t), `{"a":1,"b":2,"\u0061":3}`, `["a"]: the key occurs twice`},
		{schema[any](t), `"\x"`, "want an escape that JSON has"},
		{schema[any](t), `"\ud800"`, "half of a surrogate pair"},
		{schema[any](t), `"\ud800\u0041"`, "half of a surrogate pair"},
		{schema[any](t), "\"\x01\"", "want text without control characters"},
		{schema[any](t), "\"\xff\"", "not valid UTF-8"},
		{schema[any](t), "\"\\n\xff\"", "not valid UTF-8"},
		{schema[[]byte](t), `"A"`, "want base64"},
		{schema[[]byte](t), `"AQ="`, "want base64"},
		{schema[[]byte](t), `"AQ==="`, "want base64"},
		{schema[[]byte](t), `"A\nAA"`, "want base64"},
		{schema[[]byte](t), `"A-_A"`, "want base64"},
		{schema[[2]byte](t), `"AQ"`, "want 2 bytes for [2]byte, have 1"},
		{schema[[]byte](t), `[256]`, "[0]: want uint8, have 256"},
		{schema[[]int8](t), `[1,128]`, "[1]: want int8, have 128"},
		{schema[[]uint64](t), `[18446744073709551616]`, "[0]: want uint64, have 18446744073709551616"},
		{schema[[]int64](t), `[9223372036854775808]`, "[0]: want int64"},
		{schema[[]float32](t), `[1e39]`, "[0]: want float32, have 1e39"},
		{schema[[]float64](t), `[true]`, "[0]: want float64, have true"},
		{schema[[2]float64](t), `[1]`, "want 2 elements for [2]float64, have 1"},
		{schema[[]float64](t), `1`, "want []float64, have 1"},
		{schema[time.Time](t), `"2024"`, `want a time such as 2006-01-02T15:04:05.999Z, have "2024"`},
		{schema[point](t), `{"Z":1}`, `there is no field "Z"; it has X, Y`},
		{schema[point](t), `{"X":1,"X":1}`, "X: the key occurs twice"},
		{schema[point](t), `{"X":true}`, "X: want float64, have true"},
		{schema[[]point](t), `[{"X":1},{"X":"a"}]`, `[1].X: want float64, have "a"`},
		{schema[point](t), `[1,2]`, "want jsonvalue_test.point{X float64; Y float64}, have [1,2]"},
		{schema[triple](t), `[1]`, "want 2 elements"},
		{schema[triple](t), `[1,[],3]`, "have more"},
		{schema[triple](t), `[1,{}]`, "B: want []int64, have {}"},
		{schema[map[int]int](t), `{"a":1}`, `["a"]: key: want int, have "a"`},
		{schema[map[int]int](t), `{"1.5":1}`, `["1.5"]: key: want int, have "1.5"`},
		{schema[map[int]int](t), `{"1 2":1}`, `["1 2"]: key: want int, have "1 2"`},
		{schema[map[int]int](t), `{"1":1,"1.0":1}`, `["1"]: the key occurs twice`},
		{schema[map[int]int](t), `{"1":"x"}`, `["1"]: want int, have "x"`},
		{schema[map[string]point](t), `{"a":{"X":[]}}`, `["a"].X: want float64, have []`},
		{transferable, `{"transferable":"geo.other","data":""}`, `want the transferable "geo.mesh", have "geo.other"`},
		{transferable, `{"transferable":"geo.mesh"}`, `want the transferable "geo.mesh" as {`},
		{transferable, `{"transferable":"geo.mesh","data":"A"}`, "data: want base64"},
		{schema[any](t), `{"transferable":"geo.mesh","data":"A"}`, "data: want base64"},
	} {
		args, err := jsonvalue.AppendArgs([]byte("before"), []*codec.Schema{c.schema}, false, []byte("["+c.json+"]"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %x, %v; want %s", c.json, args, err, c.want)
		}
		if string(args) != "before" {
			t.Errorf("%s: after the error there is %q", c.json, args)
		}
	}
}

func TestRefusesCBOR(t *testing.T) {
	for item, want := range map[string]string{
		"":                                  "the data ends inside an item",
		"01":                                "want an array of results",
		"80":                                "results: have 0, want 1",
		"8101" + "02":                       "1 bytes follow the results",
		"81":                                "1 elements are declared, 0 bytes are left",
		"819f01ff":                          "indefinite lengths are not accepted",
		"81" + "9a7fffffff":                 "2147483647 elements are declared",
		"81bb7fffffffffffffff":              "elements are declared",
		"815bffffffffffffffff":              "bytes are declared",
		"817bffffffffffffffff":              "bytes are declared",
		"81c25bffffffffffffff" + "ff":       "too long to be written in decimal",
		"81c24201":                          "2 bytes are declared, 1 are left",
		"81d856" + "5bffffffffffffffff":     "no whole number of 8 each",
		"81d856" + "5bfffffffffffffff8":     "bytes are declared",
		"81d8564101":                        "1 bytes are no whole number of 8 each",
		"816180":                            "text is not valid UTF-8",
		"81f0":                              "simple value 16 has no form",
		"81f818":                            "simple values below 32",
		"811c":                              "does not begin a CBOR item",
		"81da6332000283000000":              "a reference to an attachment",
		"81da63320001da6332000283000000":    "a reference to an attachment",
		"81da6332000180":                    "a transferable of 0 parts",
		"81da63320001820102":                "a transferable's padding is missing",
		"81da6332000183014040":              "a transferable's name is missing",
		"81da6332000101":                    "a transferable's bytes are missing",
		"81a1" + "a1" + "a1000000" + "0000": "a key has a key that is neither text nor an integer",
		"82" + "01":                         "results: have 2, want 1",
	} {
		if strings.HasPrefix(item, "81a1a1a1") {
			item = "81a1a1a100000000"
		}
		src, err := hex.DecodeString(item)
		if err != nil {
			t.Fatal(item)
		}
		out, err := jsonvalue.Append([]byte("before"), []*codec.Schema{nil}, src)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v; want %s", item, out, err, want)
		}
		if string(out) != "before" {
			t.Errorf("%s: after the error there is %q", item, out)
		}
	}
}
