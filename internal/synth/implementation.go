package synth

import (
	"fmt"
	"reflect"
	"sync"
)

// implementations is the registry of struct types made so far, the one place that patches them.
var implementations registry

// registry keeps one implementation per interface. reflect returns the same struct type for the same
// fields, and a type must be patched exactly once, before its first use; so a type is made under the lock
// and is seen by others only when it is complete. Interfaces are compiled into the program, so their number
// bounds the registry.
type registry struct {
	byInterface sync.Map // reflect.Type of the interface to *implementation
	byStruct    sync.Map // reflect.Type of the struct to *implementation

	mu sync.Mutex // held while a type is made
}

func (r *registry) of(iface reflect.Type) (*implementation, error) {
	if im, ok := r.byInterface.Load(iface); ok {
		return im.(*implementation), nil
	}
	if err := check(iface); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if im, ok := r.byInterface.Load(iface); ok {
		return im.(*implementation), nil
	}
	im, err := implement(iface)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	r.byStruct.Store(im.typ, im)
	r.byInterface.Store(iface, im)
	return im, nil
}

// made reports whether t is one of the registry's struct types.
func (r *registry) made(t reflect.Type) bool {
	if t == nil || t.Kind() != reflect.Struct {
		return false
	}
	_, ok := r.byStruct.Load(t)
	return ok
}

// implementation is what all values that implement one interface share.
type implementation struct {
	typ   reflect.Type
	zero  any       // the struct's zero value: a source of its type word
	table []closure // one per method; every value points at the first
}

// implement makes the struct type for an interface that check has passed.
func implement(iface reflect.Type) (im *implementation, err error) {
	// reflect reports by panic what it cannot make. That would be another reflect than the one this was
	// written for, which is a fault of neither the caller nor the interface.
	defer func() {
		if r := recover(); r != nil {
			im, err = nil, fmt.Errorf("package reflect refused: %v", r)
		}
	}()
	t := structOf(iface)
	if err := patch(t, iface); err != nil {
		return nil, err
	}
	return &implementation{typ: t, zero: reflect.Zero(t).Interface(), table: closures(t, iface)}, nil
}

// structOf returns the struct type that stands behind iface. Its last two fields are unexported and of
// types private to this package, so no other package can declare the type or tamper with its values.
func structOf(iface reflect.Type) reflect.Type {
	pkg := reflect.TypeFor[value]().PkgPath()
	return reflect.StructOf([]reflect.StructField{
		{Name: "Interface", Type: iface, Anonymous: true, Tag: `c2:"proxy"`},
		{Name: "table", PkgPath: pkg, Type: reflect.TypeFor[*closure]()},
		{Name: "handle", PkgPath: pkg, Type: reflect.TypeFor[*handle]()},
	})
}

// closures makes the functions that the trampolines jump to: for each method one that takes the struct by
// pointer and one that takes it by value. They find the invoker in the receiver, so one set serves all values.
func closures(t, iface reflect.Type) []closure {
	table := make([]closure, iface.NumMethod())
	for i := range table {
		sig := iface.Method(i).Type
		setFunc(&table[i].byPointer, reflect.MakeFunc(withReceiver(reflect.PointerTo(t), sig),
			func(args []reflect.Value) []reflect.Value {
				return invokerAt(args[0]).Invoke(i, args)
			}))
		setFunc(&table[i].byValue, reflect.MakeFunc(withReceiver(t, sig),
			func(args []reflect.Value) []reflect.Value {
				return invokerIn(args[0]).Invoke(i, args)
			}))
	}
	return table
}

// withReceiver returns the function type of a method expression: sig with the receiver as first parameter.
func withReceiver(recv, sig reflect.Type) reflect.Type {
	in := []reflect.Type{recv}
	for i := range sig.NumIn() {
		in = append(in, sig.In(i))
	}
	var out []reflect.Type
	for i := range sig.NumOut() {
		out = append(out, sig.Out(i))
	}
	return reflect.FuncOf(in, out, sig.IsVariadic())
}
