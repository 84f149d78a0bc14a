package codec

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// element is how a value of fixed size lies in memory and in a column, which is the same: numbers,
// arrays of them, and structs of such, with Go's offsets on a machine of 64 bits.
type element struct {
	size, align int
	parts       []part // in order of offset
	gaps        []gap  // what no part covers; zero in a column
	bools       bool   // has a part of bools, whose bits are not all valid
}

// part is a run of equal numbers in an element.
type part struct {
	name   string // path inside the element, empty if it is a number or an array itself
	kind   scalarKind
	offset int
	count  int
}

type gap struct{ offset, size int }

// scalarKind is a kind of number in columns. A complex number is two floats.
type scalarKind byte

// The kinds as they are in a column's description.
const (
	scalarBool scalarKind = iota + 1
	scalarInt8
	scalarInt16
	scalarInt32
	scalarInt64
	scalarUint8
	scalarUint16
	scalarUint32
	scalarUint64
	scalarFloat32
	scalarFloat64
)

// scalarKinds are the names and widths, by kind.
var scalarKinds = [...]struct {
	name  string
	width int
}{
	{"nothing", 0}, {"bool", 1}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8},
	{"uint8", 1}, {"uint16", 2}, {"uint32", 4}, {"uint64", 8}, {"float32", 4}, {"float64", 8},
}

func (k scalarKind) width() int { return scalarKinds[k].width }

func (k scalarKind) String() string {
	if int(k) < len(scalarKinds) {
		return scalarKinds[k].name
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// scalarOf is the kind that t is made of and how many of it, or no kind.
func scalarOf(t reflect.Type) (k scalarKind, n int) {
	switch kind := t.Kind(); {
	case kind == reflect.Int:
		return scalarInt64, 1
	case kind == reflect.Uint:
		return scalarUint64, 1
	case kind == reflect.Complex64:
		return scalarFloat32, 2
	case kind == reflect.Complex128:
		return scalarFloat64, 2
	case kind == reflect.Bool:
		return scalarBool, 1
	case kind >= reflect.Int8 && kind <= reflect.Int64:
		return scalarInt8 + scalarKind(kind-reflect.Int8), 1
	case kind >= reflect.Uint8 && kind <= reflect.Uint64:
		return scalarUint8 + scalarKind(kind-reflect.Uint8), 1
	case kind == reflect.Float32:
		return scalarFloat32, 1
	case kind == reflect.Float64:
		return scalarFloat64, 1
	}
	return 0, 0
}

// Bounds of the description of a column.
const (
	maxParts = 1024           // of an element
	maxName  = math.MaxUint16 // bytes of a name
)

// elementOf is the element that t is, or every reason why it is none.
func elementOf(t reflect.Type) (x element, errs []error) {
	x.size, x.align = int(t.Size()), t.Align()
	errs = x.add(t, "", 0)
	switch {
	case len(errs) > 0:
	case len(x.parts) == 0:
		errs = append(errs, fmt.Errorf("%v holds nothing; leave it out", t))
	case x.size > math.MaxInt32:
		errs = append(errs, fmt.Errorf("%v takes more than 2 GiB; make it a slice", t))
	}
	x.findGaps()
	return x, errs
}

// add adds t at offset.
func (x *element) add(t reflect.Type, name string, offset int) (errs []error) {
	if k, n := scalarOf(t); n > 0 {
		return x.run(part{name, k, offset, n})
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return fault(name, errors.New("time.Time has no fixed size; use its UnixNano"))
	case t.Kind() == reflect.Array:
		return x.addArray(t, name, offset)
	case t.Kind() == reflect.Struct:
		for i := range t.NumField() {
			errs = append(errs, x.addField(t.Field(i), name, offset)...)
		}
		return errs
	}
	return fault(name, fmt.Errorf("%v has no fixed size; an element is a number, a bool, or an array or a struct of such", t))
}

// fault is one error at path.
func fault(path string, err error) []error { return []error{&Error{Path: path, Err: err}} }

func (x *element) run(p part) []error {
	if len(p.name) > maxName {
		return []error{fmt.Errorf("the path to a part has more than %d bytes; use shorter names", maxName)}
	}
	if len(x.parts) == maxParts {
		return []error{fmt.Errorf("the element has more than %d parts; make it several columns", maxParts)}
	}
	x.parts = append(x.parts, p)
	x.bools = x.bools || p.kind == scalarBool
	return nil
}

// addArray adds one part for an array of numbers, or of arrays of them, else one for each part of
// each element.
func (x *element) addArray(t reflect.Type, name string, offset int) []error {
	leaf, n := t, 1
	for leaf.Kind() == reflect.Array {
		n *= leaf.Len()
		leaf = leaf.Elem()
	}
	if k, lanes := scalarOf(leaf); lanes > 0 {
		if n == 0 {
			return nil
		}
		return x.run(part{name, k, offset, n * lanes})
	}
	for i := range t.Len() {
		errs := x.add(t.Elem(), name+"["+strconv.Itoa(i)+"]", offset+i*int(t.Elem().Size()))
		if len(errs) > 0 {
			return errs // the next element would have the same
		}
	}
	return nil
}

func (x *element) addField(f reflect.StructField, name string, offset int) []error {
	if f.Name == "_" {
		unseen := element{}
		return unseen.add(f.Type, join(name, "_"), 0) // a gap; pointers would not be seen as such
	}
	if !f.IsExported() {
		return fault(join(name, f.Name), errors.New("it is unexported, and elements are copied whole; export it or name it _"))
	}
	tag, _, _ := strings.Cut(cmp.Or(f.Tag.Get("cbor"), f.Tag.Get("json")), ",")
	if tag == "-" {
		return fault(join(name, f.Name), errors.New("it can't be left out of an element, which is copied whole; name it _"))
	}
	return x.add(f.Type, join(name, cmp.Or(tag, f.Name)), offset+int(f.Offset))
}

func (x *element) findGaps() {
	end := 0
	for _, p := range x.parts {
		x.gap(end, p.offset)
		end = p.offset + p.count*p.kind.width()
	}
	x.gap(end, x.size)
}

func (x *element) gap(from, to int) {
	if to > from {
		x.gaps = append(x.gaps, gap{from, to - from})
	}
}

// seal makes b, a copy of whole elements of this process, what is sent: what lies between the
// parts is nobody's business, and numbers are little-endian.
func (x *element) seal(b []byte) {
	for _, g := range x.gaps {
		for at := g.offset; at < len(b); at += x.size {
			clear(b[at : at+g.size])
		}
	}
	if !littleEndian() {
		x.swap(b)
	}
}

// open makes b, a copy of what came, elements of this process.
func (x *element) open(b []byte) error {
	if !littleEndian() {
		x.swap(b)
	}
	for _, p := range x.parts {
		if p.kind == scalarBool && !x.validBools(b, p) {
			return errors.New("a bool is neither 0 nor 1")
		}
	}
	return nil
}

func (x *element) validBools(b []byte, p part) bool {
	if p.count == x.size {
		return validBools(b) // nothing else in it
	}
	for at := p.offset; at < len(b); at += x.size {
		if !validBools(b[at : at+p.count]) {
			return false
		}
	}
	return true
}

func validBools(b []byte) bool {
	all := byte(0)
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&^0x0101010101010101 != 0 {
			return false
		}
	}
	for _, v := range b {
		all |= v
	}
	return all <= 1
}

// swap turns each number in b around.
func (x *element) swap(b []byte) {
	for ; len(b) >= x.size; b = b[x.size:] {
		for _, p := range x.parts {
			swap(b[p.offset:p.offset+p.count*p.kind.width()], p.kind.width())
		}
	}
}

// appendLayout writes the parts as a column's description has them.
func (x *element) appendLayout(dst []byte) []byte {
	for _, p := range x.parts {
		dst = append(dst, byte(p.kind), 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(p.name)))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(p.count))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(p.offset))
		dst = append(dst, p.name...)
	}
	return dst
}

// layoutString writes the parts of a layout, as much of it as is one, and that many at most.
func layoutString(layout []byte, most int) string {
	var parts []string
	for len(layout) >= partSize && len(parts) < most {
		n := int(binary.LittleEndian.Uint16(layout[2:]))
		p := part{kind: scalarKind(layout[0]), count: int(binary.LittleEndian.Uint32(layout[4:])), offset: int(binary.LittleEndian.Uint32(layout[8:]))}
		if layout = layout[partSize:]; len(layout) < n {
			break
		}
		p.name, layout = shorten(string(layout[:n]), 256), layout[n:]
		parts = append(parts, p.String())
	}
	if len(layout) > 0 {
		parts = append(parts, "…")
	}
	if len(parts) == 1 && !strings.Contains(parts[0], " ") {
		return parts[0]
	}
	return "struct{" + strings.Join(parts, "; ") + "}"
}

// partSize is the size of a part's description without its name.
const partSize = 12

func (p part) String() string {
	s := p.kind.String()
	if p.count != 1 {
		s = "[" + strconv.Itoa(p.count) + "]" + s
	}
	if p.name != "" {
		s = p.name + " " + s
	}
	return s
}
