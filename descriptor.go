package c2

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/ctwo-go/c2/codec"
)

// Descriptor describes a resource as data, for programs that do not have its Go types.
type Descriptor struct {
	Name        string             `cbor:"name" json:"name"`
	Contract    string             `cbor:"contract" json:"contract"` // the Go type it is registered under, for people to read
	Namespace   string             `cbor:"namespace,omitempty" json:"namespace,omitempty"`
	Version     string             `cbor:"version,omitempty" json:"version,omitempty"`
	Concurrency string             `cbor:"concurrency" json:"concurrency"` // "read-parallel", "exclusive" or "parallel"
	Methods     []MethodDescriptor `cbor:"methods" json:"methods"`         // a call names one by its index here
}

// MethodDescriptor describes one method. The context and the error of its Go signature go without saying.
type MethodDescriptor struct {
	Name     string          `cbor:"name" json:"name"`
	Access   string          `cbor:"access" json:"access"`                         // "read" or "write"
	Variadic bool            `cbor:"variadic,omitempty" json:"variadic,omitempty"` // the last parameter is a list of any length
	Params   []*codec.Schema `cbor:"params" json:"params"`
	Results  []*codec.Schema `cbor:"results" json:"results"`
}

// String prints the method as Go would declare it, without the context: Add(int, int) (int, error).
func (m MethodDescriptor) String() string {
	params := make([]string, len(m.Params))
	for i, p := range m.Params {
		params[i] = p.String()
	}
	if n := len(params); m.Variadic && n > 0 {
		params[n-1] = "..." + strings.TrimPrefix(params[n-1], "[]")
	}
	results := make([]string, 0, len(m.Results)+1)
	for _, r := range m.Results {
		results = append(results, r.String())
	}
	results = append(results, "error")
	out := strings.Join(results, ", ")
	if len(results) > 1 {
		out = "(" + out + ")"
	}
	return fmt.Sprintf("%s(%s) %s", m.Name, strings.Join(params, ", "), out)
}

// describe makes the descriptor of a method of a resource.
func (m *method) describe(access string) MethodDescriptor {
	d := MethodDescriptor{Name: m.name, Access: access, Variadic: m.variadic, Params: []*codec.Schema{}, Results: []*codec.Schema{}}
	for _, p := range m.params {
		d.Params = append(d.Params, p.Schema())
	}
	for _, r := range m.results {
		d.Results = append(d.Results, r.Schema())
	}
	return d
}

// Method is the method of that name, or nil. It belongs to the descriptor.
func (d *Descriptor) Method(name string) *MethodDescriptor {
	i := d.index(name)
	if i < 0 {
		return nil
	}
	return &d.Methods[i]
}

// EncodeArgs makes plain values the arguments of a call of the method, as [Dynamic.Call] does: a CBOR array. The error
// names the argument that does not fit.
func (m *MethodDescriptor) EncodeArgs(args []any) ([]byte, error) {
	fixed := len(m.Params)
	if m.Variadic && fixed > 0 {
		fixed--
	}
	if len(args) < fixed || len(args) > fixed && !m.Variadic {
		orMore := ""
		if m.Variadic {
			orMore = " or more"
		}
		return nil, fmt.Errorf("arguments: have %d, want %d%s", len(args), fixed, orMore)
	}
	if m.Variadic {
		rest := append([]any{}, args[fixed:]...)
		args = append(args[:fixed:fixed], rest)
	}
	if len(args) != len(m.Params) {
		return nil, errors.New("the descriptor is wrong: a variadic method has a parameter")
	}
	dst := codec.AppendArrayHead(nil, len(args))
	for i, arg := range args {
		var err error
		if dst, err = m.Params[i].Append(dst, arg); err != nil {
			return nil, fmt.Errorf("argument %d: %w", i+1, err)
		}
	}
	return dst, nil
}

// DecodeResults makes plain values of the results of a call of the method, as [Dynamic.Call] does: of a CBOR array that
// refers to no attachments. They share no memory with it.
func (m *MethodDescriptor) DecodeResults(results []byte) ([]any, error) {
	out, _, err := m.decodeResults(results, codec.Decoding{})
	return out, err
}

func (m *MethodDescriptor) decodeResults(results []byte, in codec.Decoding) (out []any, borrowed bool, err error) {
	out = make([]any, len(m.Results))
	err = decodeList(results, len(out), "result", func(i int, src []byte) (rest []byte, err error) {
		var b bool
		out[i], rest, b, err = m.Results[i].DecodeWith(src, in)
		borrowed = borrowed || b
		return rest, err
	})
	return out, borrowed, err
}

func (d *Descriptor) index(method string) int {
	for i := range d.Methods {
		if d.Methods[i].Name == method {
			return i
		}
	}
	return -1
}

func (d *Descriptor) methodNames() string {
	names := make([]string, len(d.Methods))
	for i := range d.Methods {
		names[i] = d.Methods[i].Name
	}
	return strings.Join(names, ", ")
}

// fit finds the resource's method for each of the contract's, or says everything that does not fit.
func (c *contract) fit(d *Descriptor) ([]uint32, error) {
	var faults []error
	if c.namespace != "" && d.Namespace != "" {
		if c.namespace != d.Namespace {
			faults = append(faults, fmt.Errorf("the client's contract is of namespace %s, the resource's of %s", c.namespace, d.Namespace))
		}
		if major(c.version) != major(d.Version) {
			faults = append(faults, fmt.Errorf("the client's contract has version %s, the resource's %s; the major versions must agree", c.version, d.Version))
		}
	}
	index := make([]uint32, len(c.methods))
	for i, m := range c.methods {
		j := d.index(m.name)
		index[i] = uint32(j)
		switch twin := c.index(m.name) < i; {
		case twin: // another field for the same method, of which all has been said
		case j < 0:
			faults = append(faults, fmt.Errorf("%s: the resource has no such method; it has %s", m.name, d.methodNames()))
		default:
			faults = append(faults, m.fit(&d.Methods[j]))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, newError(CodeMismatch, "the client's %s does not fit the resource's %s:\n\t%s",
			c.typ, d.Contract, indent(err))
	}
	return index, nil
}

// fit checks a method of a client's contract against the resource's.
func (m *method) fit(d *MethodDescriptor) error {
	client := signature(m.name, m.typ)
	switch {
	case len(m.params) != len(d.Params):
		return fmt.Errorf("%s: parameters: have %d, the resource's %s has %d", client, len(m.params), d, len(d.Params))
	case len(m.results) != len(d.Results):
		return fmt.Errorf("%s: results: have %d, the resource's %s has %d", client, len(m.results), d, len(d.Results))
	case m.variadic != d.Variadic:
		return fmt.Errorf("%s: the resource's is %s; only one of them is variadic", client, d)
	case m.access == "read" && d.Access == "write":
		return fmt.Errorf("%s: tagged read, but the resource's writes", client)
	}
	return errors.Join(
		fitTypes(m.name, "parameter", m.params, d.Params),
		fitTypes(m.name, "result", m.results, d.Results),
	)
}

func fitTypes(method, what string, client []*codec.Codec, resource []*codec.Schema) error {
	var faults []error
	for i, c := range client {
		for _, err := range each(codec.Compatible(c.Schema(), resource[i])) {
			faults = append(faults, fmt.Errorf("%s: %s %d: %w", method, what, i+1, err))
		}
	}
	return errors.Join(faults...)
}

// each lists the errors that were joined to err, or err alone; of nil none.
func each(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return []error{err}
}

// sameTypes tells whether two methods take and return the very same Go types, the context aside.
func sameTypes(a, b *method) bool {
	return a.variadic == b.variadic && sameCodecs(a.params, b.params) && sameCodecs(a.results, b.results)
}

func sameCodecs(a, b []*codec.Codec) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type() != b[i].Type() {
			return false
		}
	}
	return true
}

// typeName is how a descriptor names the contract's type.
func typeName(t reflect.Type) string {
	if t.Name() == "" {
		return t.String()
	}
	return t.Name()
}
