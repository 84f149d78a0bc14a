package synth_test

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/synth"
)

// These tests show that a synthesised value is to the language what a value of a declared type is.

// adder answers Add with the sum and Close with errClosed.
func adder(t testing.TB) counter {
	return implement[counter](t, func(method int, args []reflect.Value) []reflect.Value {
		if method == 1 {
			return []reflect.Value{reflect.ValueOf(&errClosed).Elem()}
		}
		sum := int(args[0].Int() + args[1].Int())
		return []reflect.Value{reflect.ValueOf(sum), reflect.Zero(reflect.TypeFor[error]())}
	})
}

var errClosed = errors.New("closed")

func TestAssertions(t *testing.T) {
	v := any(adder(t))
	if n, err := v.(counter).Add(1, 2); n != 3 || err != nil {
		t.Errorf("asserted to its interface: Add = %d, %v", n, err)
	}
	if err := v.(io.Closer).Close(); err != errClosed {
		t.Errorf("asserted to io.Closer: Close = %v", err)
	}
	if n, _ := v.(interface{ Add(a, b int) (int, error) }).Add(3, 4); n != 7 {
		t.Errorf("asserted to a literal interface: Add = %d", n)
	}
	if _, ok := v.(interface{ Add(a, b int) int }); ok {
		t.Error("implements a method of the same name with another signature")
	}
	if _, ok := v.(io.Reader); ok {
		t.Error("implements io.Reader")
	}
}

func TestConversion(t *testing.T) {
	var closer io.Closer = adder(t)
	if err := closer.Close(); err != errClosed {
		t.Errorf("Close = %v", err)
	}
	if n, _ := closer.(counter).Add(1, 1); n != 2 {
		t.Errorf("back again: Add = %d", n)
	}
}

func TestTypeSwitch(t *testing.T) {
	switch v := any(adder(t)).(type) {
	case io.Reader:
		t.Error("taken for an io.Reader")
	case counter:
		if n, _ := v.Add(2, 2); n != 4 {
			t.Errorf("Add = %d", n)
		}
	default:
		t.Errorf("taken for nothing: %T", v)
	}
}

func TestMethodValuesAndExpressions(t *testing.T) {
	p := adder(t)
	add := p.Add
	if n, _ := add(1, 2); n != 3 {
		t.Errorf("method value gives %d", n)
	}
	if n, _ := counter.Add(p, 3, 4); n != 7 {
		t.Errorf("method expression gives %d", n)
	}
	if err := io.Closer.Close(p); err != errClosed {
		t.Errorf("method expression of a smaller interface gives %v", err)
	}
	bound := reflect.ValueOf(p).Method(0).Interface().(func(int, int) (int, error))
	if n, _ := bound(5, 6); n != 11 {
		t.Errorf("reflected method value gives %d", n)
	}
}

func TestReflect(t *testing.T) {
	v := reflect.ValueOf(adder(t))
	if v.Kind() != reflect.Struct || !v.Type().Implements(reflect.TypeFor[counter]()) || v.NumMethod() != 2 {
		t.Fatalf("%v is a %v with %d methods", v.Type(), v.Kind(), v.NumMethod())
	}
	three, four := reflect.ValueOf(3), reflect.ValueOf(4)
	if got := v.MethodByName("Add").Call([]reflect.Value{three, four})[0].Int(); got != 7 {
		t.Errorf("MethodByName gives %d", got)
	}
	m, ok := v.Type().MethodByName("Add")
	if !ok || m.Func.Call([]reflect.Value{v, three, four})[0].Int() != 7 {
		t.Errorf("Type.MethodByName gives %v, %v", m, ok)
	}
	expr := m.Func.Interface()
	if got := reflect.ValueOf(expr).Call([]reflect.Value{v, four, four})[0].Int(); got != 8 {
		t.Errorf("method expression gives %d", got)
	}
	asInterface := v.Convert(reflect.TypeFor[counter]())
	if got := asInterface.Method(0).Call([]reflect.Value{three, three})[0].Int(); got != 6 {
		t.Errorf("through a reflected interface value Add gives %d", got)
	}
}

func TestFormatting(t *testing.T) {
	p := adder(t)
	if s := fmt.Sprintf("%T", p); !strings.Contains(s, "synth_test.counter") {
		t.Errorf("%%T gives %s", s)
	}
	if s := fmt.Sprintf("%v %+v", p, p); !strings.Contains(s, "<nil>") {
		t.Errorf("%%v gives %s", s)
	}
}

func TestStringerFormatsItself(t *testing.T) {
	s := implement[fmt.Stringer](t, returning("spoken"))
	if got := fmt.Sprint(s); got != "spoken" {
		t.Errorf("Sprint gives %q", got)
	}
}

func TestErrorWorksAsError(t *testing.T) {
	err := implement[error](t, returning("broken"))
	wrapped := fmt.Errorf("wrapped: %w", err)
	if wrapped.Error() != "wrapped: broken" || !errors.Is(wrapped, err) || errors.Is(wrapped, implement[error](t, returning("broken"))) {
		t.Errorf("wrapped gives %v", wrapped)
	}
}

func TestEquality(t *testing.T) {
	inv := returning(nil)
	a, b := implement[counter](t, inv), implement[counter](t, inv)
	copied, closer := a, io.Closer(a)
	if a != copied || any(a) != any(copied) || closer != io.Closer(copied) || reflect.ValueOf(a).Interface() != any(a) {
		t.Error("a value differs from its copy")
	}
	if a == b || any(a) == any(b) || closer == io.Closer(b) {
		t.Error("two values are equal")
	}
	if a == nil || any(a) == nil {
		t.Error("a value is nil")
	}
}

func TestMapKey(t *testing.T) {
	keys := map[any]int{}
	typed := map[counter]int{}
	var all []counter
	for i := range 100 {
		p := adder(t)
		all = append(all, p)
		keys[p], typed[p] = i, i
	}
	for i, p := range all {
		if keys[p] != i || typed[p] != i {
			t.Fatalf("key %d finds %d and %d", i, keys[p], typed[p])
		}
	}
}

func TestCopyByReflect(t *testing.T) {
	p := adder(t)
	v := reflect.New(reflect.TypeOf(p)).Elem()
	v.Set(reflect.ValueOf(p))
	q := v.Interface().(counter)
	if n, _ := q.Add(1, 2); n != 3 || q != p {
		t.Errorf("a copy answers %d, and equality is %v", n, q == p)
	}
}

func TestZeroValuePanicsLikeANilInterface(t *testing.T) {
	zero := reflect.Zero(reflect.TypeOf(adder(t)))
	for name, call := range map[string]func(){
		"interface": func() { zero.Interface().(counter).Close() },
		"reflect":   func() { zero.Type().Method(1).Func.Call([]reflect.Value{zero}) },
	} {
		t.Run(name, func(t *testing.T) {
			onFreshStack(func() {
				defer func() {
					if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "nil pointer") {
						t.Errorf("recovered %v", err)
					}
				}()
				// The trampoline that faulted is still on the stack when this runs.
				defer func() { runtime.GC(); growStack(500) }()
				call()
				t.Error("Close of a zero value returned")
			})
		})
	}
}

func TestFieldsAreOutOfReach(t *testing.T) {
	v := reflect.New(reflect.TypeOf(adder(t))).Elem()
	for i := 1; i < v.NumField(); i++ {
		if v.Field(i).CanSet() || v.Field(i).CanInterface() {
			t.Errorf("field %s can be tampered with", v.Type().Field(i).Name)
		}
	}
}

type (
	lister[T any] interface {
		All() []T
		First() (T, bool)
	}
	lookalike interface {
		Add(a, b string) string
		Close()
	}
	base interface{ Ping() string }
	both interface {
		base
		io.Closer
		fmt.Stringer
	}
	awkward interface { // methods named like the fields and types behind them
		Handle() int
		Interface() int
		Table() int
	}
)

func TestGenericInterfaces(t *testing.T) {
	ints := implement[lister[int]](t, returning([]int{1, 2}))
	texts := implement[lister[string]](t, func(method int, _ []reflect.Value) []reflect.Value {
		if method == 0 {
			return []reflect.Value{reflect.ValueOf([]string{"a"})}
		}
		return []reflect.Value{reflect.ValueOf("a"), reflect.ValueOf(true)}
	})
	if got := ints.All(); len(got) != 2 {
		t.Errorf("All of ints = %v", got)
	}
	if got, ok := texts.First(); got != "a" || !ok {
		t.Errorf("First of texts = %v, %v", got, ok)
	}
	if _, ok := any(ints).(lister[string]); ok {
		t.Error("a lister of ints is one of strings")
	}
}

func TestSameMethodNames(t *testing.T) {
	a := adder(t)
	b := implement[lookalike](t, func(method int, args []reflect.Value) []reflect.Value {
		if method == 1 {
			return nil
		}
		return []reflect.Value{reflect.ValueOf(args[0].String() + args[1].String())}
	})
	if n, _ := a.Add(1, 2); n != 3 {
		t.Errorf("one Add gives %d", n)
	}
	if s := b.Add("1", "2"); s != "12" {
		t.Errorf("the other Add gives %s", s)
	}
	b.Close()
	if _, ok := any(b).(io.Closer); ok {
		t.Error("a Close without result is an io.Closer")
	}
}

func TestEmbeddedInterfaces(t *testing.T) {
	p := implement[both](t, func(method int, _ []reflect.Value) []reflect.Value {
		if method == 0 {
			return []reflect.Value{reflect.ValueOf(&errClosed).Elem()}
		}
		return []reflect.Value{reflect.ValueOf([]string{1: "ping", 2: "string"}[method])}
	})
	if p.Ping() != "ping" || p.String() != "string" || p.Close() != errClosed {
		t.Error("a method answered for another")
	}
	if base(p).Ping() != "ping" {
		t.Error("converted to an embedded interface Ping fails")
	}
}

func TestMethodsNamedLikeFields(t *testing.T) {
	p := implement[awkward](t, func(method int, _ []reflect.Value) []reflect.Value {
		return []reflect.Value{reflect.ValueOf(method)}
	})
	if p.Handle() != 0 || p.Interface() != 1 || p.Table() != 2 {
		t.Error("a method answered for another")
	}
}

func TestLocalInterface(t *testing.T) {
	type local interface{ Answer() int }
	if got := implement[local](t, returning(42)).Answer(); got != 42 {
		t.Errorf("Answer = %d", got)
	}
}

func TestOneTypePerInterface(t *testing.T) {
	a, b := adder(t), adder(t)
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		t.Error("two values of one interface have different types")
	}
	if reflect.TypeOf(a) == reflect.TypeOf(implement[lookalike](t, returning())) {
		t.Error("two interfaces share a type")
	}
}

func TestDeferAndGo(t *testing.T) {
	called := make(chan int, 2)
	p := implement[interface{ Note(n int) }](t, func(_ int, args []reflect.Value) []reflect.Value {
		called <- int(args[0].Int())
		return nil
	})
	func() { defer p.Note(1) }()
	if got := <-called; got != 1 {
		t.Errorf("deferred with 1, called with %d", got)
	}
	go p.Note(2)
	if got := <-called; got != 2 {
		t.Errorf("started with 2, called with %d", got)
	}
}

var _ synth.Invoker = invoke(nil)
