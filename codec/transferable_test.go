package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/codec"
)

type (
	mesh     struct{ points []float64 }
	unsized  struct{ text string }
	liar     struct{ claims int }
	fussy    struct{}
	shape    interface{ Area() float64 }
	square   float64
	scene    struct{ Meshes []mesh }
	unnamedT struct{}

	slab        []byte // has a View
	unsizedSlab []byte
)

func (s square) Area() float64 { return float64(s * s) }

var errFussy = errors.New("not today")

// TestMain registers the transferables, before any type is used.
func TestMain(m *testing.M) {
	for _, err := range []error{
		codec.Register(codec.Transferable[mesh]{
			Name: "test.mesh",
			Size: func(m mesh) int { return 8 * len(m.points) },
			Append: func(dst []byte, m mesh) ([]byte, error) {
				for _, p := range m.points {
					dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(p))
				}
				return dst, nil
			},
			Decode: func(src []byte) (m mesh, err error) {
				for ; len(src) >= 8; src = src[8:] {
					m.points = append(m.points, math.Float64frombits(binary.LittleEndian.Uint64(src)))
				}
				return m, nil
			},
		}),
		codec.Register(codec.Transferable[unsized]{
			Name:   "test.unsized",
			Append: func(dst []byte, u unsized) ([]byte, error) { return append(dst, u.text...), nil },
			Decode: func(src []byte) (unsized, error) { return unsized{string(src)}, nil },
		}),
		codec.Register(codec.Transferable[liar]{
			Name:   "test.liar",
			Size:   func(l liar) int { return l.claims },
			Append: func(dst []byte, _ liar) ([]byte, error) { return append(dst, 1, 2), nil },
			Decode: func([]byte) (liar, error) { return liar{}, nil },
		}),
		codec.Register(codec.Transferable[fussy]{
			Name:   "test.fussy",
			Append: func(dst []byte, _ fussy) ([]byte, error) { return dst, errFussy },
			Decode: func([]byte) (fussy, error) { return fussy{}, errFussy },
		}),
		codec.Register(codec.Transferable[shape]{
			Name:   "test.shape",
			Append: func(dst []byte, s shape) ([]byte, error) { return append(dst, byte(s.(square))), nil },
			Decode: func(src []byte) (shape, error) { return square(src[0]), nil },
		}),
		codec.Register(codec.Transferable[*unnamedT]{
			Name:   "test.pointer",
			Append: func(dst []byte, _ *unnamedT) ([]byte, error) { return dst, nil },
			Decode: func([]byte) (*unnamedT, error) { return &unnamedT{}, nil },
		}),
		codec.Register(codec.Transferable[slab]{
			Name:   "test.slab",
			Size:   func(s slab) int { return len(s) },
			Append: func(dst []byte, s slab) ([]byte, error) { return append(dst, s...), nil },
			Decode: func(src []byte) (slab, error) { return bytes.Clone(src), nil },
			View:   func(src []byte) (slab, error) { return src, nil },
		}),
		codec.Register(codec.Transferable[unsizedSlab]{
			Name:   "test.unsized-slab",
			Append: func(dst []byte, s unsizedSlab) ([]byte, error) { return append(dst, s...), nil },
			Decode: func(src []byte) (unsizedSlab, error) { return bytes.Clone(src), nil },
			View:   func(src []byte) (unsizedSlab, error) { return src, nil },
		}),
		codec.RegisterColumns[survey](),
		codec.RegisterColumnsAs[survey2]("test.survey2"),
		codec.RegisterColumnsAs[cloud]("test.cloud"),
		codec.RegisterColumns[seedTable](),
		codec.RegisterColumnsAs[two]("test.two"),
		codec.RegisterColumnsAs[cloudLike]("test.cloud-like"),
		codec.RegisterColumnsAs[cloudUnlike]("test.cloud-unlike"),
	} {
		if err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func TestTransferableRoundTrip(t *testing.T) {
	long := unsized{strings.Repeat("x", 70000)}
	for _, want := range []any{
		mesh{[]float64{1, 2}}, mesh{}, &mesh{[]float64{3}}, (*mesh)(nil), []mesh{{[]float64{1}}, {}}, map[string]*mesh{"a": {[]float64{1}}},
		scene{[]mesh{{[]float64{1}}}}, unsized{"x"}, unsized{}, long, []unsized{{"a"}, {"b"}},
		struct{ S shape }{square(3)}, struct{ S shape }{}, &unnamedT{}, (*unnamedT)(nil), []*unnamedT{nil, {}},
	} {
		got := reflect.New(reflect.TypeOf(want))
		data := must(codec.Marshal(want))
		if err := strict().Wellformed(data); err != nil {
			t.Errorf("%T: %x: %v", want, data, err)
		}
		if err := codec.Unmarshal(data, got.Interface()); err != nil {
			t.Errorf("%T: %v", want, err)
		} else if !reflect.DeepEqual(got.Elem().Interface(), want) {
			t.Errorf("%T: got %v, want %v", want, got.Elem(), want)
		}
	}
}

func TestTransferableSizeIsExact(t *testing.T) {
	for _, v := range []any{mesh{make([]float64, 1000)}, scene{[]mesh{{make([]float64, 5)}, {}}}, []any{mesh{make([]float64, 40)}}} {
		c := must(codec.For(reflect.TypeOf(v)))
		if size, got := c.Size(reflect.ValueOf(v)), len(must(codec.Marshal(v))); size != got {
			t.Errorf("%T: Size is %d, Append adds %d", v, size, got)
		}
	}
}

func TestTransferableInsideAny(t *testing.T) {
	want := map[string]any{"m": mesh{[]float64{1}}, "l": []any{unsized{"u"}}}
	var got any
	if err := codec.Unmarshal(must(codec.Marshal(want)), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, any(want)) {
		t.Errorf("got %#v", got)
	}
}

func TestUnknownTransferableInsideAnyIsOpaque(t *testing.T) {
	want := codec.Opaque{Name: "somebody.else", Data: []byte{1, 2}}
	var got any
	if err := codec.Unmarshal(must(codec.Marshal([]any{want})), &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, any([]any{want})) {
		t.Errorf("got %#v", got)
	}
}

func TestNamedTransferableIsChecked(t *testing.T) {
	var got mesh
	named := must(codec.Marshal(codec.Opaque{Name: "test.mesh", Data: make([]byte, 8)}))
	if err := codec.Unmarshal(named, &got); err != nil || len(got.points) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
	other := must(codec.Marshal(codec.Opaque{Name: "other", Data: make([]byte, 8)}))
	wantError(t, codec.Unmarshal(other, &got), `want the transferable "test.mesh", have "other"`)
}

func TestTransferableFaults(t *testing.T) {
	_, err := codec.Marshal([]liar{{2}, {3}})
	wantError(t, err, `[1]: transferable "test.liar" (codec_test.liar): its Size is 3, but Append added 2 bytes`)
	_, err = codec.Marshal(liar{-1})
	wantError(t, err, "its Size is -1")
	if _, err = codec.Marshal(struct{ F fussy }{}); !errors.Is(err, errFussy) {
		t.Errorf("Append's error is lost: %v", err)
	}
	if err := codec.Unmarshal(must(codec.Marshal(codec.Opaque{Name: "test.fussy"})), &fussy{}); !errors.Is(err, errFussy) {
		t.Errorf("Decode's error is lost: %v", err)
	}
}

func TestRegisterRefuses(t *testing.T) {
	type used struct{ A int }
	type inner struct{ B int }
	type outer struct{ inner }
	type fresh struct{}
	must(codec.Marshal([]used{}))
	must(codec.Marshal(outer{}))
	wantError(t, codec.Register(of[used]("test.used")), "in use by a codec already")
	wantError(t, codec.Register(of[inner]("test.inner")), "in use by a codec already")
	wantError(t, codec.Register(of[mesh]("test.again")), `registered as "test.mesh" already`)
	wantError(t, codec.Register(of[fresh]("test.mesh")), "the name is taken by codec_test.mesh")
	wantError(t, codec.Register(of[fresh]("")), "it needs a Name")
	wantError(t, codec.Register(of[fresh]("\xff")), "it needs a Name, in UTF-8")
	wantError(t, codec.Register(of[int]("test.int")), "define a type of your own")
	wantError(t, codec.Register(of[any]("test.any")), "define a type of your own")
	wantError(t, codec.Register(codec.Transferable[fresh]{Name: "test.fresh"}), "it needs Append and Decode")
}

// TestRegisterAfterAFailedFor follows the advice of For's own error.
func TestRegisterAfterAFailedFor(t *testing.T) {
	type handle struct{ C chan int }
	if _, err := codec.For(reflect.TypeFor[handle]()); err == nil {
		t.Fatal("a channel was accepted")
	}
	if err := codec.Register(of[handle]("test.handle")); err != nil {
		t.Error(err)
	}
	if _, err := codec.For(reflect.TypeFor[[]handle]()); err != nil {
		t.Error(err)
	}
}

func of[T any](name string) codec.Transferable[T] {
	return codec.Transferable[T]{
		Name:   name,
		Append: func(dst []byte, _ T) ([]byte, error) { return dst, nil },
		Decode: func([]byte) (v T, err error) { return v, nil },
	}
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error is %v\nwant ...%s...", err, text)
	}
}
