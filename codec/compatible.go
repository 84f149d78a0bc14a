package codec

import "strconv"

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
// returns a *SchemaMismatch (or another error for a schema that is broken). Types are compared as
// they are on the wire: their names, the size of a single number and pointers do not matter, a
// struct's field that only one side has is no difference, and any goes with everything.
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
	if m := c.compare(client, server); m != nil {
		return m
	}
	return nil
}

// comparison is one run of Compatible.
type comparison struct {
	client, server index
	done           map[[2]*Schema]bool // compared, or being compared: types may contain themselves
}

func (c *comparison) compare(client, server *Schema) *SchemaMismatch {
	client, server = c.client.resolve(client), c.server.resolve(server)
	pair := [2]*Schema{client, server}
	if c.done[pair] || client.Kind == KindAny || server.Kind == KindAny {
		return nil
	}
	c.done[pair] = true
	differ := func() *SchemaMismatch {
		return &SchemaMismatch{Client: client.String(), Server: server.String(), Hint: hint(client, server)}
	}
	if client.Kind != server.Kind || client.Of != server.Of || client.Name != server.Name {
		return differ()
	}
	if client.Len != server.Len && client.Len != 0 && server.Len != 0 {
		return differ()
	}
	switch client.Kind {
	case KindList:
		return at("[]", c.compare(client.Elem, server.Elem))
	case KindMap:
		if m := c.compare(client.Key, server.Key); m != nil {
			return at("[key]", m)
		}
		return at("[]", c.compare(client.Elem, server.Elem))
	case KindStruct, KindTransferable:
		return c.structs(client, server)
	case KindTuple:
		if len(client.Fields) != len(server.Fields) {
			return differ()
		}
		for i, f := range client.Fields {
			if m := c.compare(f.Type, server.Fields[i].Type); m != nil {
				return at("["+strconv.Itoa(i)+"]", m)
			}
		}
	}
	return nil
}

// structs compares the fields that both have.
func (c *comparison) structs(client, server *Schema) *SchemaMismatch {
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
			if m := c.compare(f.Type, t); m != nil {
				return at(f.Name, m)
			}
		}
	}
	return nil
}

func at(step string, m *SchemaMismatch) *SchemaMismatch {
	if m != nil {
		m.Path = join(step, m.Path)
	}
	return m
}
