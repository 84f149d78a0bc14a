package codec

import (
	"reflect"
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
func transferColumns[T any](name string, x *table) *transfer {
	return &transfer{
		typ:     reflect.TypeFor[T](),
		name:    name,
		columns: x.fields(),
		content: func(v reflect.Value, e enc) (int, bool) {
			t := valueOf[T](v)
			return x.size(placeOf(&t), e)
		},
		write: func(dst []byte, v reflect.Value, e enc) ([]byte, error) {
			t := valueOf[T](v)
			return x.append(dst, placeOf(&t), e)
		},
		read: func(d *dec, c content, v reflect.Value) error { return x.decode(d, c, storage(v), false) },
		view: func(d *dec, c content, v reflect.Value) error { return x.decode(d, c, storage(v), true) },
	}
}
