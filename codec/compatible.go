package codec

import (
	"errors"
	"strconv"
)

// maxMismatches bounds how many differences [Compatible] tells: two types may have as many as they have fields.
const maxMismatches = 16

// errMoreMismatches stands for those beyond.
var errMoreMismatches = errors.New("and there is more that differs")

// SchemaMismatch says where two wire types differ.
type SchemaMismatch struct {
	Path   string // inside the type, such as "Points[].X"; empty for the type itself
	Client string // the client's type there
	Server string // the server's
	Hint   string // what may be done about it; empty if nothing in particular
}

func (m *SchemaMismatch) Error() string {
	text := "the client has " + m.Client + ", the server has " + m.Server
	if m.Hint != "" {
		text += "; " + m.Hint
	}
	if m.Path == "" {
		return text
	}
	return m.Path + ": " + text
}

// hint helps where one side has registered a type that the other has not.
func hint(client, server *Schema) string {
	switch {
	case client.Kind == server.Kind:
		return ""
	case client.Kind == KindTransferable:
		return "register the type at the server, too, as " + strconv.Quote(client.Name)
	case server.Kind == KindTransferable:
		return "register the type at the client, too, as " + strconv.Quote(server.Name)
	}
	return ""
}

// Compatible says whether values may pass between a client's and a server's type, and if not,
// returns a *SchemaMismatch (or another error for a schema that is broken). Where the types differ
// in several places the error joins one for each, as [errors.Join] does, up to 16 and a word about
// the rest. Types are compared as they are on the wire: their names, the size of a single number
// and pointers do not matter, a struct's field that only one side has is no difference, and any
// goes with everything.
func Compatible(client, server *Schema) error {
	var c comparison
	var err error
	if c.client, err = client.check(); err != nil {
		return err
	}
	if c.server, err = server.check(); err != nil {
		return err
	}
	c.done = map[[2]*Schema]bool{}
	return joined(c.compare(client, server))
}

// joined is one error of all mismatches, nil if there are none.
func joined(all []*SchemaMismatch) error {
	if len(all) == 0 {
		return nil
	}
	if len(all) == 1 {
		return all[0]
	}
	var errs []error
	for _, m := range all[:min(len(all), maxMismatches)] {
		errs = append(errs, m)
	}
	if len(all) > maxMismatches {
		errs = append(errs, errMoreMismatches)
	}
	return errors.Join(errs...)
}

// comparison is one run of Compatible.
type comparison struct {
	client, server index
	done           map[[2]*Schema]bool // compared, or being compared: types may contain themselves
	found          int                 // how many mismatches
}

// full tells that enough was found: one more than is told.
func (c *comparison) full() bool { return c.found > maxMismatches }

func (c *comparison) compare(client, server *Schema) []*SchemaMismatch {
	client, server = c.client.resolve(client), c.server.resolve(server)
	pair := [2]*Schema{client, server}
	if c.full() || c.done[pair] || client.Kind == KindAny || server.Kind == KindAny {
		return nil
	}
	c.done[pair] = true
	if client.Kind != server.Kind || client.Of != server.Of || client.Name != server.Name {
		return c.differ(client, server)
	}
	if client.Len != server.Len && client.Len != 0 && server.Len != 0 {
		return c.differ(client, server)
	}
	switch client.Kind {
	case KindList:
		return at("[]", c.compare(client.Elem, server.Elem))
	case KindMap:
		keys := at("[key]", c.compare(client.Key, server.Key))
		return append(keys, at("[]", c.compare(client.Elem, server.Elem))...)
	case KindStruct, KindTransferable:
		return c.structs(client, server)
	case KindTuple:
		return c.tuples(client, server)
	}
	return nil
}

// differ is that two types are no match as a whole.
func (c *comparison) differ(client, server *Schema) []*SchemaMismatch {
	c.found++
	return []*SchemaMismatch{{Client: client.String(), Server: server.String(), Hint: hint(client, server)}}
}

// tuples compares item by item.
func (c *comparison) tuples(client, server *Schema) (found []*SchemaMismatch) {
	if len(client.Fields) != len(server.Fields) {
		return c.differ(client, server)
	}
	for i, f := range client.Fields {
		found = append(found, at("["+strconv.Itoa(i)+"]", c.compare(f.Type, server.Fields[i].Type))...)
	}
	return found
}

// structs compares the fields that both have.
func (c *comparison) structs(client, server *Schema) (found []*SchemaMismatch) {
	type key struct {
		name   string
		intKey bool
	}
	theirs := map[key]*Schema{}
	for _, f := range server.Fields {
		theirs[key{f.Name, f.IntKey}] = f.Type
	}
	for _, f := range client.Fields {
		if t := theirs[key{f.Name, f.IntKey}]; t != nil {
			found = append(found, at(f.Name, c.compare(f.Type, t))...)
		}
	}
	return found
}

// at puts a step in front of the paths.
func at(step string, found []*SchemaMismatch) []*SchemaMismatch {
	for _, m := range found {
		m.Path = join(step, m.Path)
	}
	return found
}
