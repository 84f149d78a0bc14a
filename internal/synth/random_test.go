package synth_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"
	"time"
)

// The main proof. cases_test.go has interfaces with methods of random signatures and, for each, a compiled
// call. Here each is called with random values: what arrives and what comes back must be what was sent.
//
// Nothing sent is kept: both sides draw from a seed, and what to expect is drawn again from the same seed. So
// a value that the runtime lost sight of on its way is garbage by the time that it is looked at, because a
// collection comes first.

// randomSet is an interface and the compiled calls of its methods, in order.
type randomSet struct {
	iface reflect.Type
	calls []func(p any, c *call)
}

// Types that the cases use, each awkward in its own way.
type (
	padded struct {
		A int8
		B int64
		C bool
		D float32
		E uint16
	}
	floats struct {
		A float32
		B float64
		C [1]complex64
	}
	large struct {
		A [9]uint64
		B string
		C []byte
	}
	empty struct{}
	named string
)

// call is the caller's side of one call: where the arguments come from and the results go.
type call struct {
	args    *rand.Rand
	results []reflect.Value
}

func draw[T any](c *call) (v T) {
	fill(c.args, reflect.ValueOf(&v).Elem())
	return v
}

func take[T any](c *call, v T) { c.results = append(c.results, reflect.ValueOf(&v).Elem()) }

// peer is the invoker's side.
type peer struct {
	iface  reflect.Type
	method int // the one expected
	seed   uint64
	stress bool
	err    error
}

// The two directions of a call draw from unrelated streams.
func argsFrom(seed uint64) *rand.Rand    { return rand.New(rand.NewPCG(seed, 1)) }
func resultsFrom(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }

func (p *peer) Invoke(method int, args []reflect.Value) []reflect.Value {
	p.churn()
	sig := p.iface.Method(p.method).Type
	if method != p.method {
		p.err = fmt.Errorf("method %d was called as %d", p.method, method)
	} else if err := compare(argsFrom(p.seed), args[1:], sig.NumIn(), sig.In); err != nil {
		p.err = fmt.Errorf("argument %w", err)
	}
	r := resultsFrom(p.seed)
	var out []reflect.Value
	for i := range p.iface.Method(method).Type.NumOut() {
		v := reflect.New(p.iface.Method(method).Type.Out(i)).Elem()
		fill(r, v)
		out = append(out, v)
	}
	p.churn()
	return out
}

// churn moves the stack and frees whatever cannot be reached.
func (p *peer) churn() {
	if p.stress {
		growStack(100)
		runtime.GC()
	}
}

// compare tells which of the values is not what r draws for its type.
func compare(r *rand.Rand, have []reflect.Value, n int, typ func(int) reflect.Type) error {
	if len(have) != n {
		return fmt.Errorf("count is %d, want %d", len(have), n)
	}
	for i, h := range have {
		want := reflect.New(typ(i)).Elem()
		fill(r, want)
		if h.Type() != want.Type() {
			return fmt.Errorf("%d has type %v, want %v", i, h.Type(), want.Type())
		}
		if !same(h, want) {
			return fmt.Errorf("%d is %v %v, want %v", i, h.Type(), h, want)
		}
	}
	return nil
}

// The ways to reach a method.
const (
	compiled  = iota // by a compiled call through the interface
	bound            // by reflect.Value.Method
	unbound          // by reflect.Type.Method
	asPointer        // by reflect.Value.Method of an addressable copy
	ways
)

// roundTrip makes one call of a case and returns what went wrong.
func roundTrip(t testing.TB, set randomSet, method, way int, seed uint64, stress bool) error {
	p := &peer{iface: set.iface, method: method, seed: seed, stress: stress}
	v := synthesise(t, set.iface, p)
	c := &call{args: argsFrom(seed)}
	onFreshStack(func() {
		if way == compiled {
			set.calls[method](v.Interface(), c)
		} else {
			c.results = callByReflect(v, method, way, c.args)
		}
		p.churn()
	})
	if p.err != nil {
		return p.err
	}
	sig := set.iface.Method(method).Type
	if err := compare(resultsFrom(seed), c.results, sig.NumOut(), sig.Out); err != nil {
		return fmt.Errorf("result %w", err)
	}
	return nil
}

func callByReflect(v reflect.Value, method, way int, r *rand.Rand) []reflect.Value {
	var fn reflect.Value
	var args []reflect.Value
	switch way {
	case bound:
		fn = v.Method(method)
	case unbound:
		fn = v.Type().Method(method).Func
		args = append(args, v)
	case asPointer:
		addressable := reflect.New(v.Type()).Elem()
		addressable.Set(v)
		fn = addressable.Method(method)
	}
	for i := len(args); i < fn.Type().NumIn(); i++ {
		arg := reflect.New(fn.Type().In(i)).Elem()
		fill(r, arg)
		args = append(args, arg)
	}
	if fn.Type().IsVariadic() {
		return fn.CallSlice(args)
	}
	return fn.Call(args)
}

func TestRandomSignatures(t *testing.T) {
	const rounds = 4
	for _, set := range randomSets {
		for method := range set.calls {
			for way := range ways {
				for round := range rounds {
					seed := uint64(round)<<32 | uint64(method)
					stress := round == 0 && way == method%ways // collections are slow
					if err := roundTrip(t, set, method, way, seed, stress); err != nil {
						m := set.iface.Method(method)
						t.Errorf("%v.%s, way %d, seed %d: %v\n%v", set.iface, m.Name, way, seed, err, m.Type)
					}
				}
			}
		}
	}
}

func FuzzRandomValues(f *testing.F) {
	for i := range 16 {
		f.Add(uint64(i)*0x9e3779b97f4a7c15, uint16(i*17), uint8(i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, seed uint64, method uint16, way uint8, stress bool) {
		set := randomSets[int(way>>2)%len(randomSets)]
		m := int(method) % len(set.calls)
		if err := roundTrip(t, set, m, int(way)%ways, seed, stress); err != nil {
			t.Errorf("%v.%s: %v\n%v", set.iface, set.iface.Method(m).Name, err, set.iface.Method(m).Type)
		}
	})
}

// dynamic are the types that values of interface types are made of.
var dynamic = []reflect.Type{
	reflect.TypeFor[int](), reflect.TypeFor[string](), reflect.TypeFor[padded](), reflect.TypeFor[*uint16](),
	reflect.TypeFor[time.Duration](), reflect.TypeFor[fault](), reflect.TypeFor[*fault](),
}

type fault struct{ Text string }

func (f fault) Error() string  { return f.Text }
func (f fault) String() string { return "fault " + f.Text }

var _ error = errors.Join(fault{}, &fault{})

// fill sets v to a random value of its type.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(r.Uint64())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(r.NormFloat64())
	case reflect.Complex64, reflect.Complex128:
		v.SetComplex(complex(r.NormFloat64(), r.NormFloat64()))
	case reflect.String:
		v.SetString(fmt.Sprint("text ", r.Uint64())[:r.IntN(12)])
	case reflect.Array, reflect.Struct:
		for i := range parts(v) {
			fill(r, part(v, i))
		}
	default:
		fillReference(r, v)
	}
}

// fillReference leaves a third of the values nil.
func fillReference(r *rand.Rand, v reflect.Value) {
	if r.IntN(3) == 0 {
		return
	}
	switch t := v.Type(); v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		fill(r, v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(t, r.IntN(4), 4))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range r.IntN(4) {
			v.SetMapIndex(filled(r, t.Key()), filled(r, t.Elem()))
		}
	case reflect.Chan:
		v.Set(reflect.MakeChan(t, 3))
		for range r.IntN(4) {
			v.Send(filled(r, t.Elem()))
		}
	case reflect.Func:
		result := []reflect.Value{filled(r, t.Out(0))}
		v.Set(reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value { return result }))
	case reflect.Interface:
		if d := dynamic[r.IntN(len(dynamic))]; d.Implements(t) {
			v.Set(filled(r, d))
		}
	default:
		panic("no values for " + t.String())
	}
}

func filled(r *rand.Rand, t reflect.Type) reflect.Value {
	v := reflect.New(t).Elem()
	fill(r, v)
	return v
}

// parts and part make structs and arrays alike.
func parts(v reflect.Value) int {
	if v.Kind() == reflect.Struct {
		return v.NumField()
	}
	return v.Len()
}

func part(v reflect.Value, i int) reflect.Value {
	if v.Kind() == reflect.Struct {
		return v.Field(i)
	}
	return v.Index(i)
}

// same reports whether two values of one type are alike all the way down. It empties channels.
func same(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Array, reflect.Struct:
		for i := range parts(a) {
			if !same(part(a, i), part(b, i)) {
				return false
			}
		}
		return true
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() == b.IsNil()
		}
		return sameReference(a, b)
	default:
		return a.Equal(b)
	}
}

func sameReference(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Func:
		zero := []reflect.Value{reflect.Zero(a.Type().In(0))}
		return same(a.Call(zero)[0], b.Call(zero)[0])
	case reflect.Pointer, reflect.Interface:
		a, b = a.Elem(), b.Elem()
		return a.Type() == b.Type() && same(a, b)
	}
	if a.Len() != b.Len() {
		return false
	}
	for i := 0; a.Kind() == reflect.Slice && i < a.Len(); i++ {
		if !same(a.Index(i), b.Index(i)) {
			return false
		}
	}
	for a.Kind() == reflect.Chan && a.Len() > 0 {
		x, _ := a.Recv()
		y, _ := b.Recv()
		if !same(x, y) {
			return false
		}
	}
	if a.Kind() == reflect.Map {
		for _, k := range a.MapKeys() {
			if x, y := a.MapIndex(k), b.MapIndex(k); !y.IsValid() || !same(x, y) {
				return false
			}
		}
	}
	return true
}
