package c2

import (
	"context"
	"reflect"
	"sync"
)

// Caller makes the calls of a stub: see [RegisterStub].
type Caller struct{ proxy *proxy }

// stub is what embeds a *Caller.
type stub interface{ caller() *Caller }

func (c *Caller) caller() *Caller { return c }

// Call calls the contract's method of that name. There is an argument for each parameter but the context, a slice for
// a variadic one, and in results a pointer for each result but the error. It returns that error, or ErrInvalid if the
// arguments or results do not fit the method.
func (c *Caller) Call(ctx context.Context, method string, results []any, args ...any) error {
	if c == nil || c.proxy == nil {
		return newError(CodeInvalid, "this Caller did not come from Connect; RegisterStub's function gets one").at("", method)
	}
	p := c.proxy
	i := p.contract.index(method)
	if i < 0 {
		return newError(CodeInvalid, "%s has no such method", p.contract.typ).at(p.name, method)
	}
	m := p.contract.methods[i]
	in, err := m.arguments(ctx, args)
	if err != nil {
		return callError(err).at(p.name, method)
	}
	if err := m.checkResults(results); err != nil {
		return callError(err).at(p.name, method)
	}
	out := p.Invoke(i, in)
	last := len(out) - 1
	if err, _ := out[last].Interface().(error); err != nil {
		return err
	}
	for i, v := range out[:last] {
		reflect.ValueOf(results[i]).Elem().Set(v)
	}
	return nil
}

// arguments makes values of exactly the types that the method takes.
func (m *method) arguments(ctx context.Context, args []any) ([]reflect.Value, error) {
	if len(args) != len(m.params) {
		return nil, newError(CodeInvalid, "arguments: have %d, want %d", len(args), len(m.params))
	}
	in := make([]reflect.Value, 1, 2+len(args)) // the first is the receiver's
	if m.context {
		in = append(in, contextValue(ctx))
	}
	for i, arg := range args {
		v := reflect.New(m.params[i].Type()).Elem()
		switch given := reflect.ValueOf(arg); {
		case !given.IsValid() && hasNil(v.Kind()):
		case given.IsValid() && given.Type().AssignableTo(v.Type()):
			v.Set(given)
		default:
			return nil, newError(CodeInvalid, "argument %d is %T, want %s", i+1, arg, v.Type())
		}
		in = append(in, v)
	}
	return in, nil
}

// hasNil tells whether nil is a value of such types.
func hasNil(k reflect.Kind) bool {
	return k == reflect.Pointer || k == reflect.Slice || k == reflect.Map || k == reflect.Interface
}

func (m *method) checkResults(results []any) error {
	if len(results) != len(m.results) {
		return newError(CodeInvalid, "pointers for results: have %d, want %d", len(results), len(m.results))
	}
	for i, r := range results {
		v := reflect.ValueOf(r)
		if v.Kind() != reflect.Pointer || v.Type().Elem() != m.results[i].Type() {
			return newError(CodeInvalid, "result %d goes to %T, want *%s", i+1, r, m.results[i].Type())
		}
		if v.IsNil() {
			return newError(CodeInvalid, "result %d goes to a nil %T; pass a variable's address", i+1, r)
		}
	}
	return nil
}

// RegisterStub gives the interface T a type that implements it, generated or written by hand, which Connect uses from
// then on instead of one that it makes at run time. The stub embeds the *Caller that it is made with:
//
//	type counterStub struct{ *c2.Caller }
//
//	func (s counterStub) Value(ctx context.Context) (n int, err error) {
//		err = s.Call(ctx, "Value", []any{&n})
//		return n, err
//	}
//
//	var _ = c2.RegisterStub(func(c *c2.Caller) Counter { return counterStub{c} })
//
// A T that is no interface, or has a stub already, is an ErrInvalid.
func RegisterStub[T any](newStub func(*Caller) T) error {
	t := reflect.TypeFor[T]()
	if t.Kind() != reflect.Interface || newStub == nil {
		return newError(CodeInvalid, "RegisterStub: %s: want an interface and a function that makes its stub", t)
	}
	if _, dup := stubs.LoadOrStore(t, func(c *Caller) any { return newStub(c) }); dup {
		return newError(CodeInvalid, "RegisterStub: %s has a stub already", t)
	}
	return nil
}

// stubs holds a func(*Caller) any by the interface that it makes.
var stubs sync.Map

// stubValue makes the proxy's T from a registered stub, if there is one.
func (p *proxy) stubValue() (v reflect.Value, ok bool, err error) {
	f, ok := stubs.Load(p.contract.typ)
	if !ok {
		return v, false, nil
	}
	made := f.(func(*Caller) any)(&Caller{proxy: p})
	if s, ok := made.(stub); !ok || s.caller() == nil || s.caller().proxy != p {
		return v, true, newError(CodeInvalid, "the stub for %s, a %T, does not embed the *c2.Caller that it was made with", p.contract.typ, made)
	}
	return reflect.ValueOf(made), true, nil
}
