package synth

import (
	"reflect"
	"unsafe"
)

// value is the memory of every synthesised struct: the layout of the type that structOf makes, which
// checkLayout compares with it. The trampolines know the offset of table.
type value struct {
	_      any // the embedded interface; always nil
	table  *closure
	handle *handle
}

// handle gives a value its identity: values are equal if they have the same handle. It is behind a
// pointer because the invoker itself need not be comparable.
type handle struct {
	invoker Invoker
}

// closure is what the trampolines of one method load: two function values, each one pointer to a closure.
// The trampolines know its size and order.
type closure struct {
	byPointer unsafe.Pointer // func(*struct, parameters…) results…
	byValue   unsafe.Pointer // func(struct, parameters…) results…
}

// eface is the layout of an empty interface.
type eface struct {
	typ, data unsafe.Pointer
}

// value returns a new value of the implementation's struct type.
func (im *implementation) value(inv Invoker) any {
	// The value and what its handle points at are one allocation; each keeps the other alive.
	v := &struct {
		value
		handle handle
	}{handle: handle{inv}}
	v.table = &im.table[0]
	v.value.handle = &v.handle
	result := im.zero
	// The struct type is too large to be held in the data word, so the word points at the value, which is
	// never written again. The collector goes by what was allocated: v, whose first four words have the
	// struct type's layout.
	(*eface)(unsafe.Pointer(&result)).data = unsafe.Pointer(&v.value)
	return result
}

// invokerOf returns the invoker of v, which must be of a struct type that the registry made.
func invokerOf(v any) (Invoker, bool) {
	// The type is known, and it is one whose data word points at a value.
	h := (*value)((*eface)(unsafe.Pointer(&v)).data).handle
	if h == nil {
		return nil, false // a zero struct, made by reflection
	}
	return h.invoker, true
}

// invokerAt returns the invoker of the struct that ptr points to.
func invokerAt(ptr reflect.Value) Invoker {
	// The closure's first parameter has the type of a pointer to the struct.
	return (*value)(ptr.UnsafePointer()).handle.invoker
}

// invokerIn returns the invoker of a struct. Its type is the closure's first parameter's.
func invokerIn(v reflect.Value) Invoker {
	// The third field is a *handle.
	return (*handle)(v.Field(2).UnsafePointer()).invoker
}

// setFunc stores a function value in a slot.
func setFunc(slot *unsafe.Pointer, fn reflect.Value) {
	// A func variable is one word that points at a closure, so the slot has the size, the alignment and,
	// for the collector, the nature of a variable of fn's type.
	reflect.NewAt(fn.Type(), unsafe.Pointer(slot)).Elem().Set(fn)
}
