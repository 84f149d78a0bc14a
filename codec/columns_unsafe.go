package codec

import (
	"time"
	"unsafe"
)

// place is where a variable of a type known to its user lies: a struct that has columns, or a field
// of one at the offset and of the type that reflection gave when the table was made. All of its
// methods are safe under that condition, and none keeps the place.
type place struct{ at unsafe.Pointer }

func placeOf[T any](v *T) place { return place{unsafe.Pointer(v)} }

// field is the place of a field of the struct at p.
func (p place) field(offset uintptr) place { return place{unsafe.Add(p.at, offset)} }

// memory is the variable at p, which has n bytes and no pointers.
func (p place) memory(n int) []byte { return unsafe.Slice((*byte)(p.at), n) }

// list is the slice at p, seen as one of bytes: its pointer, and the number of its elements, are
// right, but it ends early if they are longer.
func (p place) list() *[]byte { return (*[]byte)(p.at) }

// elements is the memory of the slice at p, whose elements have size bytes and no pointers.
func (p place) elements(size int) []byte {
	list := *p.list()
	return unsafe.Slice(unsafe.SliceData(list), len(list)*size)
}

func (p place) text() *string { return (*string)(p.at) }

func (p place) texts() *[]string { return (*[]string)(p.at) }

func (p place) time() *time.Time { return (*time.Time)(p.at) }

// transferColumns is the transferable of T, whose table is x.
func transferColumns[T any](name string, x *table) Transferable[T] {
	decode := func(src []byte, view bool) (v T, err error) {
		if err := x.decode(src, placeOf(&v), view); err != nil {
			var zero T
			return zero, err
		}
		return v, nil
	}
	return Transferable[T]{
		Name:   name,
		Size:   func(v T) int { return x.size(placeOf(&v)) },
		Append: func(dst []byte, v T) ([]byte, error) { return x.append(dst, placeOf(&v)) },
		Decode: func(src []byte) (T, error) { return decode(src, false) },
		View:   func(src []byte) (T, error) { return decode(src, true) },
	}
}
