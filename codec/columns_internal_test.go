package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// randomElement is a type that an element of a column may have.
func randomElement(r *rand.Rand, depth int) reflect.Type {
	basic := []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](), reflect.TypeFor[int](),
		reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](), reflect.TypeFor[uint](),
		reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[complex64](), reflect.TypeFor[complex128](),
		reflect.TypeFor[time.Duration](), reflect.TypeFor[time.Month](),
	}
	n := r.IntN(len(basic) + 2*depth)
	switch {
	case n < len(basic):
		return basic[n]
	case n%2 == 0:
		return reflect.ArrayOf(1+r.IntN(3), randomElement(r, depth-1))
	}
	return reflect.StructOf(randomFields(r, 1+r.IntN(4), func() reflect.Type { return randomElement(r, depth-1) }))
}

func randomFields(r *rand.Rand, n int, random func() reflect.Type) []reflect.StructField {
	fields := make([]reflect.StructField, n)
	for i := range fields {
		fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: random()}
	}
	return fields
}

// randomColumns is a struct type of columns.
func randomColumns(r *rand.Rand, depth int) reflect.Type {
	return reflect.StructOf(randomFields(r, 1+r.IntN(6), func() reflect.Type {
		switch n := r.IntN(10); {
		case n == 0:
			return reflect.TypeFor[string]()
		case n == 1:
			return reflect.TypeFor[[]string]()
		case n == 2:
			return reflect.TypeFor[time.Time]()
		case n == 3 && depth > 0:
			return randomColumns(r, depth-1)
		case n < 7:
			return randomElement(r, 2)
		}
		return reflect.SliceOf(randomElement(r, 2))
	}))
}

// fillColumns sets v to anything that a value may be, NaN excepted, which does not equal itself.
func fillColumns(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<40)-1<<39, r.Int64N(1e9)).UTC()))
			return
		}
		for i := range v.NumField() {
			fillColumns(r, v.Field(i))
		}
	case reflect.Slice:
		if n := r.IntN(40); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1)) // else nil
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			fillColumns(r, v.Index(i))
		}
	case reflect.String:
		v.SetString([]string{"", "a", "grüße", "世界", "longer than the others"}[r.IntN(5)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(r.NormFloat64())))
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(float64(r.Float32()), math.Inf(1)))
	default:
		if v.CanInt() {
			v.SetInt(int64(r.Uint64()) >> (64 - v.Type().Bits()))
		} else {
			v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
		}
	}
}

// TestRandomColumns sends values of random types through their columns, copied and viewed, at every
// alignment, into memory and out of buffers that were used before.
func TestRandomColumns(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		typ := randomColumns(r, 2)
		x, err := tableOf(typ)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		v := reflect.New(typ).Elem()
		fillColumns(r, v)
		size, _ := x.size(storage(v), enc{})
		offset := r.IntN(16)
		dirty := bytes.Repeat([]byte{0xee}, offset+size)
		out, err := x.append(dirty[:offset], storage(v), enc{})
		if err != nil {
			t.Fatalf("seed %d: %v: %v", seed, typ, err)
		}
		if len(out) != offset+size {
			t.Fatalf("seed %d: %v: size is %d, append added %d", seed, typ, size, len(out)-offset)
		}
		again, _ := x.append(nil, storage(v), enc{})
		if !bytes.Equal(again, out[offset:]) {
			t.Fatalf("seed %d: %v: what the buffer held before shows", seed, typ)
		}
		for _, view := range []bool{false, true} {
			got := reflect.New(typ).Elem()
			if err := x.decode(&dec{}, content{bytes: out[offset:]}, storage(got), view); err != nil {
				t.Fatalf("seed %d: %v: %v", seed, typ, err)
			}
			if !reflect.DeepEqual(got.Interface(), v.Interface()) {
				t.Fatalf("seed %d, view %v: %v:\ngot  %+v\nwant %+v", seed, view, typ, got, v)
			}
		}
	}
}

// everywhere is an Attacher that takes all memory for attachments, one each.
type everywhere struct{ memory [][]byte }

func (a *everywhere) Attach(mem []byte) (index int, offset uint64, ok bool) {
	for i, m := range a.memory {
		if &m[0] == &mem[0] && len(m) == len(mem) {
			return i, 0, true
		}
	}
	a.memory = append(a.memory, mem)
	return len(a.memory) - 1, 0, true
}

// TestRandomAttachedColumns sends what TestRandomColumns does with all that can be attached, read as
// it is and with the columns put in.
func TestRandomAttachedColumns(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		typ := randomColumns(r, 2)
		x, err := tableOf(typ)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		v := reflect.New(typ).Elem()
		fillColumns(r, v)
		a := &everywhere{}
		e := enc{Encoding: &Encoding{Attach: a}}
		size, attached := x.size(storage(v), e)
		out, err := x.append(nil, storage(v), e)
		if err != nil || len(out) != size || attached != (len(a.memory) > 0) {
			t.Fatalf("seed %d: %v: size is %d and %v, append added %d with %d attachments: %v", seed, typ, size, attached, len(out), len(a.memory), err)
		}
		d := dec{attachments: a.memory, memory: memoryBase}
		inlined, err := d.inlineColumns(out)
		if err != nil {
			t.Fatalf("seed %d: %v: %v", seed, typ, err)
		}
		for _, view := range []bool{false, true} {
			for _, c := range []content{{out, true}, {inlined, false}} {
				got := reflect.New(typ).Elem()
				if err := x.decode(&d, c, storage(got), view); err != nil {
					t.Fatalf("seed %d: %v: %v", seed, typ, err)
				}
				if !reflect.DeepEqual(got.Interface(), v.Interface()) {
					t.Fatalf("seed %d, view %v, attached %v: %v:\ngot  %+v\nwant %+v", seed, view, c.attached, typ, got, v)
				}
			}
		}
	}
}

// TestTypedHeads tries every place before data of every class of size.
func TestTypedHeads(t *testing.T) {
	for _, n := range []int{alignFrom, 1 << 8, 1 << 16, 1 << 32} {
		for _, align := range []int{2, 4, 8} {
			for at := range 2 * align {
				e := enc{Encoding: &Encoding{Base: 3}}
				dst := appendTypedHeads(make([]byte, 3+at), e, 86, n, align)
				if e.offset(dst)%align != 0 {
					t.Errorf("%d bytes behind %d lie at %d", n, at, e.offset(dst))
				}
				if pad := len(dst) - 3 - at - cborhead.Size(86) - cborhead.Size(uint64(n)); pad > maxTypedPad {
					t.Errorf("%d bytes behind %d take %d bytes of padding", n, at, pad)
				}
			}
		}
	}
}

// TestPadding tries every place before a transferable, and every head.
func TestPadding(t *testing.T) {
	for at := range 2 * transferAlign {
		for _, skip := range []int{1, 2, 3, 5, 9} {
			n, head := padding(at, skip)
			if (at+head+n+skip)%transferAlign != 0 || n > 63 || n > 23 && head == 1 || 1+head+n > maxTransferPad {
				t.Errorf("at %d before %d bytes: %d bytes behind a head of %d", at, skip, n, head)
			}
		}
	}
}

// TestSwapElements checks what only a big-endian machine needs.
func TestSwapElements(t *testing.T) {
	type pair struct {
		A uint16
		_ uint16
		B [2]uint32
	}
	x, errs := elementOf(reflect.TypeFor[pair]())
	if errs != nil {
		t.Fatal(errs)
	}
	b := []byte{1, 2, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 3, 4, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8}
	x.swap(b)
	if want := []byte{2, 1, 9, 9, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 9, 9, 4, 3, 2, 1, 8, 7, 6, 5}; !bytes.Equal(b, want) {
		t.Errorf("got  %v\nwant %v", b, want)
	}
}

// TestWideTextOffsets reads offsets of eight bytes, which are written for 4 GiB and more.
func TestWideTextOffsets(t *testing.T) {
	b := append(bytes.Repeat([]byte{0}, 24), "abc"...)
	b[8], b[16] = 1, 3
	got, err := (&description{shape: shapeTexts, count: 2, elemSize: 8}).texts(b)
	if err != nil || !reflect.DeepEqual(got, []string{"a", "bc"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
