package synth_test

import (
	"context"
	"math"
	"reflect"
	"testing"
)

// Arguments and results whose identity or exact bits matter, which the random tests don't look at, and the
// forms of a call that they don't make.

// echo answers with its arguments.
func echo(_ int, args []reflect.Value) []reflect.Value { return args }

type kinds interface {
	Bits(float32, float64, complex128) (float32, float64, complex128)
	Context(context.Context) context.Context
	Ints(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r uint16) (a2, b2, c2, d2, e2, f2, g2, h2, i2, j2, k2,
		l2, m2, n2, o2, p2, q2, r2 uint16)
	Floats(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r float32) (a2, b2, c2, d2, e2, f2, g2, h2, i2, j2, k2,
		l2, m2, n2, o2, p2, q2, r2 float32)
	Huge([1 << 14]uint64) [1 << 14]uint64
	Nothing()
	References(*int, []int, map[string]int, chan int, func() int) (*int, []int, map[string]int, chan int, func() int)
	SpillBetween(a, b, c, d, e, f, g, h string, i int8, j string, k bool) (a2, b2, c2, d2, e2, f2, g2, h2 string, i2 int8,
		j2 string, k2 bool)
	Variadic(prefix string, rest ...int) (string, []int)
}

func TestNaNAndNegativeZeroKeepTheirBits(t *testing.T) {
	f32 := math.Float32frombits(0x7fc12345)
	f64 := math.Float64frombits(0x7ff8_dead_beef_0001)
	a, b, c := implement[kinds](t, echo).Bits(f32, f64, complex(math.Copysign(0, -1), math.Inf(-1)))
	if math.Float32bits(a) != 0x7fc12345 || math.Float64bits(b) != 0x7ff8_dead_beef_0001 ||
		!math.Signbit(real(c)) || !math.IsInf(imag(c), -1) {
		t.Errorf("came back as %x %x %v", math.Float32bits(a), math.Float64bits(b), c)
	}
}

func TestNilInterfaceArgument(t *testing.T) {
	p := implement[kinds](t, func(_ int, args []reflect.Value) []reflect.Value {
		if args[0].Kind() != reflect.Interface || !args[0].IsNil() {
			t.Errorf("a nil context arrived as %v", args[0])
		}
		return args
	})
	//lint:ignore SA1012 a nil context is what is tested
	if got := p.Context(nil); got != nil {
		t.Errorf("came back as %v", got)
	}
}

func TestInterfaceArgumentKeepsItsStaticType(t *testing.T) {
	ctx := context.WithValue(t.Context(), t, 1)
	p := implement[kinds](t, func(_ int, args []reflect.Value) []reflect.Value {
		if args[0].Type() != reflect.TypeFor[context.Context]() {
			t.Errorf("arrived as a %v", args[0].Type())
		}
		return args
	})
	if got := p.Context(ctx); got != ctx {
		t.Errorf("came back as %v", got)
	}
}

func TestMoreArgumentsThanRegisters(t *testing.T) {
	p := implement[kinds](t, echo)
	a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s := p.Ints(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	if got, want := [...]uint16{a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, q, r, s},
		[...]uint16{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}; got != want {
		t.Errorf("integers came back as %v", got)
	}
	A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, S := p.Floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	if got, want := [...]float32{A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, Q, R, S},
		[...]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}; got != want {
		t.Errorf("floats came back as %v", got)
	}
}

func TestRegistersAndStackInTurn(t *testing.T) {
	a, b, c, d, e, f, g, h, i, j, k := implement[kinds](t, echo).SpillBetween("a", "b", "c", "d", "e", "f", "g", "h", -9, "j", true)
	if a+b+c+d+e+f+g+h+j != "abcdefghj" || i != -9 || !k {
		t.Error("came back as", a, b, c, d, e, f, g, h, i, j, k)
	}
}

func TestHugeArray(t *testing.T) {
	var in [1 << 14]uint64
	for i := range in {
		in[i] = uint64(i) * 0x9e3779b97f4a7c15
	}
	if implement[kinds](t, echo).Huge(in) != in {
		t.Error("came back changed")
	}
}

func TestNothing(t *testing.T) {
	called := 0
	implement[kinds](t, func(method int, args []reflect.Value) []reflect.Value {
		called++
		if method != 5 || len(args) != 0 {
			t.Errorf("method %d called with %v", method, args)
		}
		return nil
	}).Nothing()
	if called != 1 {
		t.Errorf("called %d times", called)
	}
}

func TestReferencesKeepTheirIdentity(t *testing.T) {
	n, s, m, c := new(int), make([]int, 1, 3), map[string]int{}, make(chan int, 1)
	n2, s2, m2, c2, f2 := implement[kinds](t, echo).References(n, s, m, c, func() int { return *n })
	*n2, s2[0], m2["k"] = 1, 2, 3
	c2 <- 4
	if *n != 1 || s[0] != 2 || cap(s2) != 3 || m["k"] != 3 || <-c != 4 || f2() != 1 {
		t.Error("came back as something else")
	}
}

func TestVariadic(t *testing.T) {
	p := implement[kinds](t, echo)
	list := []int{1, 2, 3}
	if s, rest := p.Variadic("none"); s != "none" || rest != nil {
		t.Errorf("without elements: %q, %v", s, rest)
	}
	if _, rest := p.Variadic("some", 4, 5); len(rest) != 2 || rest[0] != 4 || rest[1] != 5 {
		t.Errorf("with two elements: %v", rest)
	}
	if _, rest := p.Variadic("spread", list...); len(rest) != 3 || &rest[0] != &list[0] {
		t.Errorf("with a slice: %v", rest)
	}
	if out := reflect.ValueOf(p).MethodByName("Variadic").Call([]reflect.Value{
		reflect.ValueOf("reflected"), reflect.ValueOf(6), reflect.ValueOf(7)}); out[1].Len() != 2 || out[1].Index(1).Int() != 7 {
		t.Errorf("by reflect: %v", out[1])
	}
}

func TestWrongResultsPanicInTheCaller(t *testing.T) {
	for name, results := range map[string][]any{
		"too few":    {1},
		"too many":   {1, 2, 3},
		"wrong type": {"1", nil},
		"none":       {},
	} {
		t.Run(name, func(t *testing.T) {
			p := implement[interface{ Two() (int, *int) }](t, returning(results...))
			defer func() {
				if recover() == nil {
					t.Error("the caller did not panic")
				}
			}()
			p.Two()
		})
	}
}
