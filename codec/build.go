package codec

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// builder makes the plans of one type and of all types inside, and gathers what can't be planned.
type builder struct {
	reg      *types
	plans    map[reflect.Type]plan
	embedded []reflect.Type // whose fields count as another struct's
	errs     []error
}

// build returns t's plan. path is where t was met first.
func (b *builder) build(t reflect.Type, path string) plan {
	if p, ok := b.plans[t]; ok {
		return p
	}
	if c := b.reg.codec(t); c != nil {
		return c.plan
	}
	k := &knot{}
	b.plans[t] = k
	k.plan = b.make(t, path)
	b.plans[t] = k.plan
	return k.plan
}

// refuse notes why t can't be encoded, and goes on so that everything is found at once.
func (b *builder) refuse(t reflect.Type, path, why string) plan {
	var err error = fmt.Errorf("%v can't be encoded: %s", t, why)
	if path != "" {
		err = &Error{Path: path, Err: err}
	}
	b.errs = append(b.errs, err)
	return dynamic{} // never used: a build with errors has no codec
}

func (b *builder) make(t reflect.Type, path string) plan {
	if p := b.special(t); p != nil {
		return p
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolean{t}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return integer{t}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return unsigned{t}
	case reflect.Float32, reflect.Float64:
		return float{t}
	case reflect.Complex64, reflect.Complex128:
		return makeVector(t, t)
	case reflect.String:
		return text{t}
	case reflect.Slice, reflect.Array:
		return b.sequence(t, path)
	case reflect.Map:
		return b.mapping(t, path)
	case reflect.Struct:
		return b.record(t, path)
	case reflect.Pointer:
		return b.pointer(t, path)
	}
	return b.refuse(t, path, reason(t))
}

// reason says why no kind of plan fits t.
func reason(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		return "a reader could not know which type to make; use any, a concrete type, or register a transferable for it"
	case reflect.Chan:
		return "a channel ends in its process"
	case reflect.Func:
		return "a function can't leave its process"
	case reflect.Uintptr:
		return "it stands for an address; use uint64 for a number"
	}
	return "a pointer means nothing to another process"
}

// special is the plan of a type that is not treated by its kind, or nil.
func (b *builder) special(t reflect.Type) plan {
	if p := b.reg.transfers[t]; p != nil {
		return p
	}
	switch t {
	case reflect.TypeFor[time.Time]():
		return clock{}
	case reflect.TypeFor[big.Int]():
		return native{t}
	case reflect.TypeFor[cbor.Tag]():
		return tagged{}
	}
	if t.Kind() == reflect.Interface && t.NumMethod() == 0 {
		return dynamic{}
	}
	return ownEncoding(t)
}

func (b *builder) sequence(t reflect.Type, path string) plan {
	e := t.Elem()
	elem := b.build(e, path+"[]")
	if b.special(e) == nil {
		switch k := e.Kind(); {
		case k == reflect.Uint8:
			return blob{t}
		case k >= reflect.Int && k <= reflect.Complex128 && k != reflect.Uintptr:
			return makeVector(t, e)
		}
	}
	return &list{typ: t, elem: elem}
}

func (b *builder) mapping(t reflect.Type, path string) plan {
	p := &mapping{typ: t, hashable: hashable(t.Key())}
	if t.Key().Kind() == reflect.Pointer {
		b.refuse(t, path, "a pointer that was sent as a key never equals the one that arrives; use what it points to")
	}
	p.key = b.build(t.Key(), path+"[key]")
	p.elem = b.build(t.Elem(), path+"[]")
	return p
}

// hashable says whether every value of t can be a map key. Its kinds are those of key types.
func hashable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return false
	case reflect.Array:
		return hashable(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !hashable(t.Field(i).Type) {
				return false
			}
		}
	}
	return true
}

func (b *builder) record(t reflect.Type, path string) plan {
	fields, err := fieldsOf(t, func(e reflect.Type) bool {
		b.embedded = append(b.embedded, e)
		return b.special(e) != nil
	})
	if err != nil {
		return b.refuse(t, path, err.Error())
	}
	if len(fields) == 0 && hides(t) {
		return b.refuse(t, path, "it has no exported fields; export them, give it MarshalBinary and UnmarshalBinary (or Text, or CBOR), or register a transferable for it")
	}
	tuple, err := isTuple(t)
	if err != nil {
		return b.refuse(t, path, err.Error())
	}
	for i := range fields {
		fields[i].plan = b.build(fields[i].typ, join(path, fields[i].name))
	}
	return makeRecord(t, fields, tuple)
}

// hides says whether t has data that is not seen, without having said so by tags.
func hides(t reflect.Type) bool {
	hidden := false
	for i := range t.NumField() {
		f := t.Field(i)
		if f.IsExported() {
			return false
		}
		hidden = hidden || f.Name != "_"
	}
	return hidden
}

// isTuple reads the options on the field named _.
func isTuple(t reflect.Type) (bool, error) {
	f, _ := t.FieldByName("_")
	tuple := false
	for word := range strings.SplitSeq(f.Tag.Get("cbor"), ",") {
		switch word {
		case "toarray":
			tuple = true
		case "toindefarray":
			return false, errors.New("toindefarray is not supported; use toarray")
		}
	}
	return tuple, nil
}

func (b *builder) pointer(t reflect.Type, path string) plan {
	seen := map[reflect.Type]bool{}
	for e := t; e.Kind() == reflect.Pointer; e = e.Elem() {
		if seen[e] {
			return b.refuse(t, path, "it points to nothing but itself")
		}
		seen[e] = true
	}
	return &pointer{typ: t, elem: b.build(t.Elem(), path)}
}
