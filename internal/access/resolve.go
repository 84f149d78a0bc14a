package access

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tags holds the values of a policy's struct tags: method names with commas between
// them. Spaces around a name do not count, and an empty value says nothing.
type Tags struct {
	Read  string // the value of read:"…"
	Write string // the value of write:"…"
}

// Resolve returns the access of each of methods, the methods of the type called owner.
// It reports every fault of the tags at once: a name that is no method, one that stands
// in both lists or twice in one, an empty one. The map is nil when there is an error.
func Resolve(owner string, methods []string, tags Tags) (map[string]Access, error) {
	r := resolver{owner: owner, methods: methods, tagged: make(map[string]Access)}
	r.list(Read, tags.Read)
	r.list(Write, tags.Write)
	if len(r.faults) > 0 {
		return nil, errors.Join(r.faults...)
	}
	resolved := make(map[string]Access, len(methods))
	for _, name := range methods {
		access, ok := r.tagged[name]
		if !ok {
			access = ByName(name)
		}
		resolved[name] = access
	}
	return resolved, nil
}

// resolver collects what the tags say, and what is wrong with them.
type resolver struct {
	owner   string
	methods []string
	tagged  map[string]Access
	faults  []error
}

// list takes in one tag.
func (r *resolver) list(access Access, value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		before, seen := r.tagged[name]
		switch {
		case name == "":
			r.fault("empty name in %s tag %q of %s; remove the comma", access, value, r.owner)
		case !slices.Contains(r.methods, name):
			r.fault("unknown method %s in %s tag; %s has %s", name, access, r.owner, r.known())
		case seen && before == access:
			r.fault("method %s is twice in the %s tag of %s; name it once", name, access, r.owner)
		case seen:
			r.fault("method %s is in the read and the write tag of %s; keep one", name, r.owner)
		default:
			r.tagged[name] = access
		}
	}
}

func (r *resolver) fault(format string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf(format, args...))
}

// known lists the methods that a tag may name.
func (r *resolver) known() string {
	if len(r.methods) == 0 {
		return "no methods"
	}
	return strings.Join(slices.Sorted(slices.Values(r.methods)), ", ")
}
