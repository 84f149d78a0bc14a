package synth

import (
	"errors"
	"fmt"
	"reflect"
)

// MaxMethods is the largest number of methods an interface may have: one pair of trampolines is
// assembled for each. Raise it in gen.go and run go generate.
const MaxMethods = 128

// maxSignature bounds a method's parameters and results together. reflect.FuncOf makes function types
// of up to 128, and the closures need one of them for the receiver.
const maxSignature = 127

// ErrUnsupported is what New and Supported return where interfaces cannot be implemented at run time.
var ErrUnsupported = errors.New("synth: interfaces cannot be implemented at run time here")

// ErrInterface is wrapped by New's errors about the interface it was given.
var ErrInterface = errors.New("synth: cannot implement")

// Invoker receives the calls made on a synthesised value. Any number may arrive at the same time.
type Invoker interface {
	// Invoke runs the method with the given index in the interface's reflect.Type.Method order, which is by name.
	// args[0] is the receiver, as it was called: the value or a pointer to it. The arguments follow; they have exactly
	// the parameters' types, a variadic parameter's being a slice. The slice is the invoker's to keep and to change:
	// with another receiver in args[0] it is what a method expression takes. The results must have exactly the method's
	// result types: with any other number or type the caller panics. A panic in Invoke unwinds into the caller as from
	// any method.
	Invoke(method int, args []reflect.Value) []reflect.Value
}

// New returns a value that implements iface by handing each call to inv. The value is a struct of a type
// made for iface; v.Interface().(T) gives it to compiled code. Two values are equal if, and only if, they
// come from the same call of New. The first New for an interface makes its type, which lives as long as
// the process; after that New costs one small allocation.
//
// The interface must have at least one method and at most MaxMethods, all of them exported.
func New(iface reflect.Type, inv Invoker) (reflect.Value, error) {
	if err := Supported(); err != nil {
		return reflect.Value{}, err
	}
	if inv == nil {
		return reflect.Value{}, fmt.Errorf("synth: nil invoker for %v; pass the one that answers its calls", iface)
	}
	im, err := implementations.of(iface)
	if err != nil {
		return reflect.Value{}, err
	}
	return reflect.ValueOf(im.value(inv)), nil
}

// Of returns the invoker behind a value made by New. For any other value, nil included, it returns false.
func Of(v any) (Invoker, bool) {
	if !implementations.made(reflect.TypeOf(v)) {
		return nil, false
	}
	return invokerOf(v)
}

// Supported returns nil if New works in this process, else an error that wraps ErrUnsupported and says
// why not. The first call tests the mechanism on an interface of this package, later ones repeat the answer.
func Supported() error { return selfTested() }
