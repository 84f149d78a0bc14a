// Package funcid finds the owner of a function value.
//
// Go compares functions with nil only, yet whoever hands out a struct of functions may have to tell later whose they
// are. Functions made by [reflect.MakeFunc] and closures are objects of their own in memory, so their addresses tell
// them apart. The package imports the standard library only and must not know what the functions are for.
package funcid

import (
	"reflect"
	"runtime"
	"sync"
	"weak"
)

// Map finds a *T by a function that was stored for it. It keeps neither alive: an entry is gone when its T is, so the
// function must keep its T alive, as a closure over it does. The zero value is empty. It is safe for concurrent use.
type Map[T any] struct {
	entries sync.Map // of uintptr to weak.Pointer[T]
}

// Store makes owner the one that Load finds by fn, a function that no one else stores.
func (m *Map[T]) Store(fn reflect.Value, owner *T) {
	key, value := address(fn), weak.Make(owner)
	m.entries.Store(key, value)
	// The address may belong to another owner's function by the time this runs: only this entry is removed.
	runtime.AddCleanup(owner, func(key uintptr) { m.entries.CompareAndDelete(key, value) }, key)
}

// Load returns the owner of fn, or nil if none was stored or fn is nil or no function.
func (m *Map[T]) Load(fn reflect.Value) *T {
	if fn.Kind() != reflect.Func || fn.IsNil() {
		return nil
	}
	entry, ok := m.entries.Load(address(fn))
	if !ok {
		return nil
	}
	return entry.(weak.Pointer[T]).Value()
}
