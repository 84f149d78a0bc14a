package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// RegisterColumns makes the struct T a transferable whose fields are columns: slices of numbers,
// bools, and arrays and structs of them; string and []string; scalars, which are single such
// elements, time.Time and time.Duration; and structs of all these, whose columns have names with
// dots. Names and tags of fields count as in the package comment. docs/columns.md has the layout.
//
// T is written by one copy per column and decoded by one. [Codec.View] takes no copy of lists that
// lie aligned; it does copy strings, and lists with bools in them, since bits that are neither true
// nor false break a Go program and a peer could write them after they were checked.
//
// A column that only one side has is zero or ignored; one that both have must have the same
// element, part by part. [Compatible] sees that before values do.
// What Go leaves free between the fields of an element, and fields named _, are zero on the wire.
//
// Lists of 64 bytes and more that an [Attacher] finds are not written at all, each by itself, and
// what lies between their fields stays as it is.
//
// The transferable has T's name, as in "geo.Points". Like [Register], it must come before T is
// first used. The error lists every field that can't be a column.
func RegisterColumns[T any]() error {
	t := reflect.TypeFor[T]()
	if t.Name() == "" {
		return fmt.Errorf("columns %v: the type has no name; use RegisterColumnsAs", t)
	}
	return RegisterColumnsAs[T](t.String())
}

// RegisterColumnsAs is RegisterColumns with a name of the caller's, by which programs whose types
// have different names understand each other.
func RegisterColumnsAs[T any](name string) error {
	t, err := tableOf(reflect.TypeFor[T]())
	if err != nil {
		return fmt.Errorf("columns %q: %w", name, err)
	}
	return transferColumns[T](name, t).register()
}

// table is how the values of a struct type are columns.
type table struct {
	columns []column
	byName  map[string]int
	header  []byte // what each payload begins with; lengths, counts and offsets are filled in
}

// column is a field, at any depth.
type column struct {
	element        // of shapeScalar and shapeList
	name    string // dotted
	shape   shape
	at      uintptr // where it is in the struct
	header  int     // where its description is in the table's header
	layout  []byte
}

// begins is what the offset of the data is a multiple of.
func (c *column) begins() int {
	if c.shape == shapeList {
		return listAlign
	}
	return scalarAlign
}

// tableOf makes the table of t, or lists all that is in its way.
func tableOf(t reflect.Type) (*table, error) {
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() {
		return nil, fmt.Errorf("%v is not a struct; only a struct has columns", t)
	}
	x := &table{byName: map[string]int{}}
	errs := x.addFields(t, "", 0)
	x.describe()
	if len(x.header) > maxHeader {
		errs = append(errs, fmt.Errorf("the header would take %d bytes, of %d at most; use fewer columns or shorter names", len(x.header), maxHeader))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("%v can't be columns: %w", t, err)
	}
	return x, nil
}

// addFields adds the fields of the struct t, which lies at offset and whose name is path.
func (x *table) addFields(t reflect.Type, path string, offset uintptr) (errs []error) {
	clock := reflect.TypeFor[time.Time]()
	fields, err := fieldsOf(t, func(e reflect.Type) bool { return e == clock })
	if err != nil {
		errs = fault(path, err)
	}
	for _, f := range fields {
		name := join(path, f.name)
		at, err := offsetOf(t, f.index)
		switch {
		case err != nil:
			errs = append(errs, fault(name, err)...)
		case f.typ.Kind() == reflect.Struct && f.typ != clock:
			errs = append(errs, x.addFields(f.typ, name, offset+at)...)
		default:
			for _, err := range x.add(f.typ, name, offset+at) {
				errs = append(errs, within(name, err))
			}
		}
	}
	if len(fields)+len(errs) == 0 {
		return fault(path, fmt.Errorf("%v has no exported fields; export those that are to be columns", t))
	}
	return errs
}

// offsetOf is where the field with that index lies in t.
func offsetOf(t reflect.Type, index []int) (at uintptr, err error) {
	for _, i := range index {
		if t.Kind() == reflect.Pointer {
			return 0, fmt.Errorf("it lies in the embedded pointer %v; embed the struct", t)
		}
		f := t.Field(i)
		at += f.Offset
		t = f.Type
	}
	return at, nil
}

func (x *table) add(t reflect.Type, name string, at uintptr) (errs []error) {
	c := column{name: name, at: at}
	switch {
	case t == reflect.TypeFor[time.Time]():
		c.shape, c.size = shapeTime, timeWidth
	case t.Kind() == reflect.String:
		c.shape, c.size = shapeText, 1
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.String:
		c.shape = shapeTexts
	case t.Kind() == reflect.Slice:
		c.shape = shapeList
		c.element, errs = elementOf(t.Elem())
	default:
		c.shape = shapeScalar
		c.element, errs = elementOf(t)
	}
	if len(name) > maxName {
		errs = append(errs, fmt.Errorf("the name has more than %d bytes; use a shorter one", maxName))
	}
	if _, taken := x.byName[name]; taken {
		errs = append(errs, errors.New("two columns have this name; rename one by a tag"))
	}
	x.byName[name] = len(x.columns)
	c.layout = c.appendLayout(nil)
	x.columns = append(x.columns, c)
	return errs
}

// describe makes the header, as far as it is the same for all values.
func (x *table) describe() {
	h := appendPrologue(nil, len(x.columns))
	for i := range x.columns {
		c := &x.columns[i]
		c.header = len(h)
		h = binary.LittleEndian.AppendUint32(h, uint32(descriptionSize+len(c.name)+len(c.layout)))
		h = append(h, byte(c.shape), 0)
		h = binary.LittleEndian.AppendUint16(h, uint16(len(c.name)))
		h = append(h, make([]byte, 24)...)
		h = binary.LittleEndian.AppendUint32(h, uint32(c.size))
		h = binary.LittleEndian.AppendUint32(h, uint32(len(c.parts)))
		h = append(h, 0, 0, 0, 0, 0, 0, 0, 0) // not attached
		h = append(append(h, c.name...), c.layout...)
	}
	binary.LittleEndian.PutUint32(h[8:], uint32(len(h)))
	x.header = h
}

// fields are the columns as a schema has them.
func (x *table) fields() []Field {
	fields := make([]Field, len(x.columns))
	for i, c := range x.columns {
		d := description{shape: c.shape, layout: c.layout}
		fields[i] = Field{Name: c.name, Type: &Schema{Kind: KindColumn, Of: d.typeName(maxParts)}}
	}
	return fields
}
