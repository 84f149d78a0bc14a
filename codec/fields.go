package codec

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/internal/cborhead"
)

// field is one struct field as it is seen on the wire.
type field struct {
	name      string // integer keys: in decimal
	number    int64  // the integer key, if intKey
	intKey    bool
	key       []byte // encoded
	index     []int  // as reflect.Value.FieldByIndex takes it
	typ       reflect.Type
	omitEmpty bool
	omitZero  bool
	tagged    bool // has a tag, which wins over none at the same depth
	plan      plan
}

// embedded is a struct type that lies at index inside the one whose fields are collected.
type embedded struct {
	typ   reflect.Type
	index []int
}

// fieldsOf collects the visible fields of struct type t, in their order, by the rules of
// encoding/json: an embedded struct's fields count as the outer one's, the least nested of a name
// wins, then the one with a tag, and where that leaves several, none is seen. An embedded type
// with an encoding of its own is a field, not a bag of fields.
func fieldsOf(t reflect.Type, special func(reflect.Type) bool) ([]field, error) {
	var all []field
	var errs []error
	seen := map[reflect.Type]bool{}
	level := []embedded{{typ: t}}
	for len(level) > 0 {
		times := map[reflect.Type]int{}
		for _, e := range level {
			times[e.typ]++
		}
		var deeper []embedded
		for _, e := range level {
			if seen[e.typ] || times[e.typ] > 1 {
				continue
			}
			seen[e.typ] = true
			fields, nested, err := directFields(e, special)
			all, deeper, errs = append(all, fields...), append(deeper, nested...), append(errs, err)
		}
		level = deeper
	}
	fields := dominant(all)
	for _, f := range fields {
		errs = append(errs, reachable(t, f))
	}
	return fields, errors.Join(errs...)
}

// directFields lists e's own fields and the structs that it embeds.
func directFields(e embedded, special func(reflect.Type) bool) (fields []field, nested []embedded, err error) {
	var errs []error
	for i := range e.typ.NumField() {
		sf := e.typ.Field(i)
		inner := sf.Type
		if sf.Anonymous && inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		bag := sf.Anonymous && inner.Kind() == reflect.Struct && !special(inner)
		if !sf.IsExported() && !bag {
			continue
		}
		tag := sf.Tag.Get("cbor")
		if tag == "" {
			tag = sf.Tag.Get("json")
		}
		if tag == "-" {
			continue
		}
		index := append(slices.Clone(e.index), i)
		name, options, _ := strings.Cut(tag, ",")
		if bag && name == "" {
			nested = append(nested, embedded{inner, index})
			continue
		}
		f := field{name: cmp.Or(name, sf.Name), index: index, typ: sf.Type, tagged: tag != ""}
		if err := f.options(options); err != nil {
			errs = append(errs, fmt.Errorf("field %s: %w", sf.Name, err))
			continue
		}
		fields = append(fields, f)
	}
	return fields, nested, errors.Join(errs...)
}

// options reads what follows the name in a tag; unknown words are json's business.
func (f *field) options(list string) (err error) {
	for word := range strings.SplitSeq(list, ",") {
		switch word {
		case "omitempty":
			f.omitEmpty = true
		case "omitzero":
			f.omitZero = true
		case "keyasint":
			f.intKey = true
			f.number, err = strconv.ParseInt(f.name, 10, 64)
			if err != nil {
				return fmt.Errorf("keyasint needs an integer as the name, not %q", f.name)
			}
			f.name = strconv.FormatInt(f.number, 10)
		}
	}
	f.key = cborhead.Append(nil, cborhead.Text, uint64(len(f.name)))
	f.key = append(f.key, f.name...)
	if f.intKey {
		f.key = appendInt(nil, f.number)
	}
	return nil
}

// dominant keeps, of all fields with one key, the one that is seen.
func dominant(all []field) []field {
	byKey := map[string][]field{}
	for _, f := range all {
		byKey[string(f.key)] = append(byKey[string(f.key)], f)
	}
	var kept []field
	for _, same := range byKey {
		slices.SortFunc(same, func(a, b field) int {
			return cmp.Or(cmp.Compare(len(a.index), len(b.index)), -compareBool(a.tagged, b.tagged))
		})
		if len(same) > 1 && len(same[0].index) == len(same[1].index) && same[0].tagged == same[1].tagged {
			continue
		}
		kept = append(kept, same[0])
	}
	slices.SortFunc(kept, func(a, b field) int { return slices.Compare(a.index, b.index) })
	return kept
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// reachable says why f can't be set: reflection does not allocate an unexported embedded pointer.
func reachable(t reflect.Type, f field) error {
	for _, i := range f.index[:len(f.index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		sf := t.Field(i)
		if sf.Type.Kind() == reflect.Pointer && !sf.IsExported() {
			return fmt.Errorf("field %s lies in the embedded pointer %s, which is unexported and can't be set: embed the struct or export its type", f.name, sf.Type)
		}
		t = sf.Type
	}
	return nil
}
