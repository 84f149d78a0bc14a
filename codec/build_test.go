package codec_test

import (
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/ctwo-go/c2/codec"
)

type (
	selfPointer *selfPointer
	hidden      struct{ a, b int }
	secret      struct{ A int }
	half        struct{ n int }
	badKey      struct {
		A int `cbor:"one,keyasint"`
	}
	indef struct {
		_ struct{} `cbor:",toindefarray"`
		A int
	}
	embedsSecret struct {
		*secret
		B int
	}
	loop struct {
		Next *loop
		C    chan int
	}
)

func (half) MarshalText() ([]byte, error) { return nil, nil }

func TestForRefuses(t *testing.T) {
	for _, c := range []struct {
		v    any
		want []string // one line each, in this order
	}{
		{make(chan int), []string{"chan int can't be encoded: a channel ends in its process"}},
		{func() {}, []string{"func() can't be encoded: a function can't leave its process"}},
		{uintptr(1), []string{"uintptr can't be encoded: it stands for an address"}},
		{unsafe.Pointer(nil), []string{"unsafe.Pointer can't be encoded: a pointer means nothing to another process"}},
		{selfPointer(nil), []string{"codec_test.selfPointer can't be encoded: it points to nothing but itself"}},
		{hidden{1, 2}, []string{"codec_test.hidden can't be encoded: it has no exported fields"}},
		{half{1}, []string{"codec_test.half can't be encoded: it has no exported fields"}},
		{sync.Mutex{}, []string{"sync.Mutex can't be encoded: it has no exported fields"}},
		{badKey{}, []string{`codec_test.badKey can't be encoded: field A: keyasint needs an integer as the name, not "one"`}},
		{indef{}, []string{"codec_test.indef can't be encoded: toindefarray is not supported; use toarray"}},
		{embedsSecret{}, []string{"codec_test.embedsSecret can't be encoded: field A lies in the embedded pointer *codec_test.secret"}},
		{map[*int]string{}, []string{"map[*int]string can't be encoded: a pointer that was sent as a key"}},
		{loop{}, []string{"C: chan int can't be encoded"}},
		{struct {
			Points []struct{ Callback func() }
			Log    io.Writer `json:"log"`
			M      map[string]map[io.Reader]chan int
			Fine   int
			Array  [2]uintptr
		}{}, []string{
			"Points[].Callback: func() can't be encoded",
			"log: io.Writer can't be encoded: a reader could not know which type to make",
			"M[][key]: io.Reader can't be encoded",
			"M[][]: chan int can't be encoded",
			"Array[]: uintptr can't be encoded",
		}},
	} {
		_, err := codec.For(reflect.TypeOf(c.v))
		if err == nil {
			t.Errorf("%T is accepted", c.v)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%T: %d faults, want %d:\n%v", c.v, len(lines), len(c.want), err)
			continue
		}
		for i, want := range c.want {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%T: %q\nwant %q...", c.v, lines[i], want)
			}
		}
	}
	if _, err := codec.For(nil); err == nil {
		t.Error("a nil type is accepted")
	}
}

func TestForAcceptsWhatTagsExclude(t *testing.T) {
	for _, v := range []any{
		struct {
			C chan int `json:"-"`
		}{},
		struct{ _ [4]byte }{},
		struct {
			A  int
			mu sync.Mutex
		}{},
	} {
		if _, err := codec.For(reflect.TypeOf(v)); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestForIsOnePerType(t *testing.T) {
	type fresh struct{ Next *fresh }
	found := make([]*codec.Codec, 8)
	var wg sync.WaitGroup
	for i := range found {
		wg.Go(func() { found[i] = must(codec.For(reflect.TypeFor[fresh]())) })
	}
	wg.Wait()
	for _, c := range found {
		if c != found[0] {
			t.Fatal("there are two codecs of one type")
		}
	}
	if found[0].Type() != reflect.TypeFor[fresh]() {
		t.Errorf("Type is %v", found[0].Type())
	}
}

func TestWrongUse(t *testing.T) {
	c := must(codec.For(reflect.TypeFor[int]()))
	dst := []byte("old")
	got, err := c.Append(dst, reflect.ValueOf("text"))
	wantError(t, err, "value is string where int is wanted")
	if string(got) != "old" {
		t.Errorf("dst became %q", got)
	}
	_, err = c.Append(nil, reflect.Value{})
	wantError(t, err, "there is no value")
	_, err = c.Decode([]byte{1}, reflect.ValueOf(1))
	wantError(t, err, "can't be set")
	wantError(t, codec.Unmarshal([]byte{1}, 5), "needs a pointer")
	wantError(t, codec.Unmarshal([]byte{1}, (*int)(nil)), "needs a pointer")
	wantError(t, codec.Unmarshal([]byte{1}, nil), "needs a pointer")
	wantError(t, codec.Unmarshal([]byte{1, 2, 3}, new(int)), "2 bytes follow")
	if c.Size(reflect.ValueOf("text")) != 0 {
		t.Error("Size of a wrong type is not 0")
	}
}

// TestConcurrentUse encodes and decodes with one codec from many goroutines, under the race
// detector.
func TestConcurrentUse(t *testing.T) {
	want := tree{Value: []float64{1, 2}, Named: map[string]*tree{"x": {}}, Left: &tree{}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				var got tree
				data, err := codec.Marshal(&want)
				if err == nil {
					err = codec.Unmarshal(data, &got)
				}
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Errorf("got %+v, %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
