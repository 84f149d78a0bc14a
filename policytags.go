package c2

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// policyTags reads the lists in the tags of the value's Policy fields, and in those of the structs that it embeds, which
// may say what is not said outside. The error has all tags that say something else.
func policyTags(t reflect.Type) (read, write []string, err error) {
	s := tagSearch{seen: make(map[reflect.Type]bool)}
	read, write = s.of(t)
	return read, write, errors.Join(s.faults...)
}

// tagSearch looks for the tags of Policy fields.
type tagSearch struct {
	seen   map[reflect.Type]bool // types that are left out: a struct may embed a pointer to itself
	faults []error
}

func (s *tagSearch) of(t reflect.Type) (read, write []string) {
	if t = indirect(t); t.Kind() != reflect.Struct || s.seen[t] {
		return nil, nil
	}
	s.seen[t] = true
	var embedded []reflect.Type
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case f.Type == reflect.TypeFor[Policy]():
			read = append(read, splitNames(f.Tag.Get("read"))...)
			write = append(write, splitNames(f.Tag.Get("write"))...)
			if err := checkPolicyTag(string(f.Tag)); err != nil {
				s.faults = append(s.faults, fmt.Errorf("tag `%s` in %s: %w", f.Tag, typeName(t), err))
			}
		case f.Anonymous:
			embedded = append(embedded, f.Type)
		}
	}
	outer := slices.Concat(read, write)
	for _, e := range embedded {
		r, w := s.of(e)
		said := func(name string) bool { return slices.Contains(outer, name) }
		read, write = append(read, slices.DeleteFunc(r, said)...), append(write, slices.DeleteFunc(w, said)...)
	}
	return read, write
}

// checkPolicyTag finds fault with a tag of which something would not be heeded. Package reflect passes over what it does not
// understand, and methods that were meant to read would be writes.
func checkPolicyTag(tag string) error {
	for rest := strings.TrimLeft(tag, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		key, value, _ := strings.Cut(rest, ":")
		quoted, err := strconv.QuotedPrefix(value)
		if err != nil || quoted[0] != '"' {
			return errors.New(`want read:"A,B" and write:"C", or one of them`)
		}
		if key != "read" && key != "write" {
			return fmt.Errorf("unknown key %q; it takes read and write", key)
		}
		rest = value[len(quoted):]
	}
	return nil
}

func splitNames(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	names := strings.Split(list, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}
