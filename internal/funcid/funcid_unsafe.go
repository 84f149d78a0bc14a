package funcid

import "reflect"

// address is where the function's object lies. A value of func type is one word, the pointer to that object, which the
// collector does not move; reading the word as a number neither follows nor keeps it.
func address(fn reflect.Value) uintptr {
	p := reflect.New(fn.Type())
	p.Elem().Set(fn)
	return *(*uintptr)(p.UnsafePointer())
}
