package codec

import (
	"reflect"
)

// number is a numeric type as RFC 8746 has it in typed arrays.
type number struct {
	name  string       // in Schema.Of
	tag   uint64       // little-endian; the big-endian tag is 4 less where width is above 1
	width int          // bytes
	slice reflect.Type // in Go, for a reader that has no type
}

// The typed arrays that are read and written. uint8 is missing: it is a byte string.
var numbers = [...]number{
	{"uint16", 69, 2, reflect.TypeFor[[]uint16]()},
	{"uint32", 70, 4, reflect.TypeFor[[]uint32]()},
	{"uint64", 71, 8, reflect.TypeFor[[]uint64]()},
	{"int8", 72, 1, reflect.TypeFor[[]int8]()},
	{"int16", 77, 2, reflect.TypeFor[[]int16]()},
	{"int32", 78, 4, reflect.TypeFor[[]int32]()},
	{"int64", 79, 8, reflect.TypeFor[[]int64]()},
	{"float32", 85, 4, reflect.TypeFor[[]float32]()},
	{"float64", 86, 8, reflect.TypeFor[[]float64]()},
}

// bigEndian is the tag of n's big-endian form.
func (n *number) bigEndian() uint64 {
	if n.width == 1 {
		return n.tag
	}
	return n.tag - 4
}

func numberByTag(tag uint64) *number {
	for i := range numbers {
		if n := &numbers[i]; tag == n.tag || tag == n.bigEndian() {
			return n
		}
	}
	return nil
}

func numberByName(name string) *number {
	for i := range numbers {
		if n := &numbers[i]; n.name == name {
			return n
		}
	}
	return nil
}

// numberOf is the number that elements of kind k are made of, and how many of it: a complex
// number is two floats. int and uint travel as 64 bits.
func numberOf(t reflect.Type) (n *number, lanes int) {
	switch t.Kind() {
	case reflect.Int:
		return numberByName("int64"), 1
	case reflect.Uint:
		return numberByName("uint64"), 1
	case reflect.Complex64:
		return numberByName("float32"), 2
	case reflect.Complex128:
		return numberByName("float64"), 2
	}
	return numberByName(t.Kind().String()), 1
}
