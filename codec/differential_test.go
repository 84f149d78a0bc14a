package codec_test

import (
	"bytes"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/fxamacker/cbor/v2"
)

// The types that random types are made of: all that fxamacker/cbor and this package write alike.
var leaves = []reflect.Type{
	reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int64](), reflect.TypeFor[uint8](),
	reflect.TypeFor[uint64](), reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[label](),
	reflect.TypeFor[[]byte](), reflect.TypeFor[[4]byte](), reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Time](),
	reflect.TypeFor[big.Int](), reflect.TypeFor[*big.Int](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[native](), reflect.TypeFor[any](),
	reflect.TypeFor[point](), reflect.TypeFor[derived](), reflect.TypeFor[shadow](), reflect.TypeFor[tree2](), reflect.TypeFor[pairOf](),
}

// tree2 is recursive without numeric slices.
type tree2 struct {
	Name string
	Next *tree2 `json:"next,omitempty"`
}

// pairOf is an array on the wire. An embedded pointer in such a struct is left out on purpose:
// a nil one stays nil here and becomes a zero value there.
type pairOf struct {
	_ struct{} `cbor:",toarray"`
	A string
	B *bool
}

var (
	keys = []reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[uint16](), reflect.TypeFor[bool](), reflect.TypeFor[point](), reflect.TypeFor[label]()}
	tags = []reflect.StructTag{"", `json:"j%d"`, `json:"j%d,omitempty"`, `cbor:"c%d,omitempty"`, `cbor:"%d,keyasint"`, `json:",omitempty"`, `json:",omitzero"`, `json:"-"`}
)

func randomType(r *rand.Rand, depth int) reflect.Type {
	if depth == 0 {
		return leaves[r.IntN(len(leaves))]
	}
	switch r.IntN(6) {
	case 0:
		return reflect.PointerTo(randomType(r, depth-1))
	case 1:
		return reflect.MapOf(keys[r.IntN(len(keys))], randomType(r, depth-1))
	case 2, 3:
		e := randomType(r, depth-1)
		for k := e.Kind(); k >= reflect.Int && k <= reflect.Complex128 && k != reflect.Uint8; k = e.Kind() {
			e = randomType(r, depth-1) // those are typed arrays here and plain ones there
		}
		if r.IntN(2) == 0 {
			return reflect.ArrayOf(r.IntN(3), e)
		}
		return reflect.SliceOf(e)
	}
	var fields []reflect.StructField
	for i := range r.IntN(5) {
		tag := string(tags[r.IntN(len(tags))])
		if strings.Contains(tag, "%d") {
			tag = fmt.Sprintf(tag, i)
		}
		typ := randomType(r, depth-1)
		if typ == reflect.TypeFor[pairOf]() && strings.Contains(tag, "omitzero") {
			tag = "" // there, an array is zero only if it has no fields
		}
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: typ, Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(fields)
}

// fill gives v a random value. Maps have at most one pair, since their order is random.
func fill(r *rand.Rand, v reflect.Value, depth int) {
	// A zero value, but for zero times: they are text here and null there, which would turn a
	// pointer to one into nil.
	if holds := v.Kind() == reflect.Struct || v.Kind() == reflect.Array; !holds && (r.IntN(5) == 0 || depth > 8) {
		return
	}
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).In(time.FixedZone("", 60*(r.IntN(1000)-500)))
		return
	case *big.Int:
		x.Exp(big.NewInt(r.Int64N(1000)-500), big.NewInt(r.Int64N(30)), nil)
		return
	case *netip.Addr:
		*x = netip.AddrFrom4([4]byte{1, 2, 3, byte(r.IntN(256))})
		return
	case *native:
		x.n = r.IntN(1000)
		return
	case *any:
		*x = []any{int64(r.IntN(1000)), "text", 1.5, []any{true, nil}, map[string]any{"k": "v"}}[r.IntN(5)]
		return
	}
	fillKind(r, v, depth)
}

func fillKind(r *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int64:
		v.SetInt((r.Int64() - r.Int64()) >> r.IntN(64))
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(r.NormFloat64() * 100)))
	case reflect.String:
		v.SetString(string([]rune("aé世🎈z"))[:r.IntN(2)*6])
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem(), depth+1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 4))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fill(r, v.Index(i), depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(r, key, depth+1)
		fill(r, elem, depth+1)
		v.SetMapIndex(key, elem)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(r, v.Field(i), depth+1)
			}
		}
	}
}

// reference is fxamacker/cbor with the options that this package's rules correspond to.
func reference() (cbor.EncMode, cbor.DecMode) {
	e := must(cbor.EncOptions{
		Time: cbor.TimeRFC3339Nano, TimeTag: cbor.EncTagRequired, TextMarshaler: cbor.TextMarshalerTextString,
		NaNConvert: cbor.NaNConvertNone, InfConvert: cbor.InfConvertNone,
	}.EncMode())
	d := must(cbor.DecOptions{
		TextUnmarshaler: cbor.TextUnmarshalerTextString, IntDec: cbor.IntDecConvertSignedOrBigInt,
		DefaultMapType: reflect.TypeFor[map[string]any](), BigIntDec: cbor.BigIntDecodePointer,
	}.DecMode())
	return e, d
}

// TestSameAsReference writes and reads random values of random types with this package and with
// fxamacker/cbor: the bytes are the same, and so is what both make of them.
func TestSameAsReference(t *testing.T) {
	encoder, decoder := reference()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		typ := randomType(r, r.IntN(4))
		v := reflect.New(typ)
		fill(r, v.Elem(), 0)

		want, err := encoder.Marshal(v.Interface())
		if err != nil {
			t.Fatalf("seed %d: %v: reference: %v", seed, typ, err)
		}
		c, err := codec.For(typ)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := c.Append(nil, v.Elem())
		if err != nil {
			t.Fatalf("seed %d: %v: %v", seed, typ, err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("seed %d: %v\n%+v\ngot  %x\nwant %x", seed, typ, v.Elem(), got, want)
		}

		theirs, ours := reflect.New(typ), reflect.New(typ)
		if err := decoder.Unmarshal(want, theirs.Interface()); err != nil {
			t.Fatalf("seed %d: %v: reference: %v", seed, typ, err)
		}
		if err := codec.Unmarshal(want, ours.Interface()); err != nil {
			t.Fatalf("seed %d: %v: %v", seed, typ, err)
		}
		if !reflect.DeepEqual(ours.Interface(), theirs.Interface()) {
			t.Fatalf("seed %d: %v: from %x\ngot  %+v\nwant %+v", seed, typ, want, ours.Elem(), theirs.Elem())
		}
	}
}
