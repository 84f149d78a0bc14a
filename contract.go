package c2

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// maxNameLen bounds the names of resources, methods and errors, in bytes.
const maxNameLen = relayapi.MaxName

// contract is what a user's type T in Register[T] or Connect[T] says, worked out once.
type contract struct {
	typ       reflect.Type
	namespace string
	version   string
	// methods in the order of the interface's methods, or of the struct's fields.
	methods []*method
}

// method is one method of a contract.
type method struct {
	name     string // as the resource calls it
	field    int    // index of the struct's field; of no meaning for an interface
	access   string // "read", "write" or "": what the field's tag says
	typ      reflect.Type
	context  bool // the first parameter is a context
	variadic bool
	params   []*codec.Codec // without the context
	results  []*codec.Codec // without the error
	zeros    []reflect.Value
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	nilError    = reflect.Zero(errorType)
)

// contracts holds the contracts that were found to be right, by their type. What is wrong is not kept: a type may
// become encodable when its transferable is registered.
var contracts sync.Map // of reflect.Type to *contract

// contractOf works out the contract of an interface or a struct of funcs. Its error names every method that does not
// qualify, and why.
func contractOf(t reflect.Type) (*contract, error) {
	if c, ok := contracts.Load(t); ok {
		return c.(*contract), nil
	}
	var c *contract
	var err error
	switch t.Kind() {
	case reflect.Interface:
		c, err = interfaceContract(t)
	case reflect.Struct:
		c, err = structContract(t)
	default:
		err = fmt.Errorf("its kind is %s; a contract is an interface, or a struct whose fields are funcs", t.Kind())
	}
	if err == nil {
		c.namespace, c.version, err = declarations.lookup(t)
	}
	if err != nil {
		return nil, newError(CodeInvalid, "contract %s can't be used:\n\t%s", t, indent(err))
	}
	kept, _ := contracts.LoadOrStore(t, c)
	return kept.(*contract), nil
}

func interfaceContract(t reflect.Type) (*contract, error) {
	if t.NumMethod() == 0 {
		return nil, errors.New("it has no methods; add those that are to be called")
	}
	c := &contract{typ: t}
	var faults []error
	for i := range t.NumMethod() {
		f := t.Method(i)
		if !f.IsExported() {
			faults = append(faults, fmt.Errorf("%s: unexported; another package can't call it, leave it out", f.Name))
			continue
		}
		m, err := methodOf(f.Name, f.Type)
		faults = append(faults, err)
		c.methods = append(c.methods, m)
	}
	return c, errors.Join(faults...)
}

func structContract(t reflect.Type) (*contract, error) {
	c := &contract{typ: t}
	var faults []error
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" {
			continue
		}
		m, err := fieldMethod(f)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		m.field = i
		c.methods = append(c.methods, m)
	}
	if len(faults) == 0 && len(c.methods) == 0 {
		faults = append(faults, errors.New("it has no func fields; add one for each method that is to be called"))
	}
	return c, errors.Join(append(faults, c.checkTwins())...)
}

func fieldMethod(f reflect.StructField) (*method, error) {
	if !f.IsExported() {
		return nil, fmt.Errorf("%s: an unexported field; it can't be set, leave it out", f.Name)
	}
	if f.Type.Kind() != reflect.Func {
		return nil, fmt.Errorf("%s %s: not a func; each field of such a struct is a method", f.Name, f.Type)
	}
	name, access := f.Name, ""
	for part := range strings.SplitSeq(f.Tag.Get("c2"), ",") {
		switch part = strings.TrimSpace(part); {
		case part == "":
		case part == "read" || part == "write":
			if access != "" && access != part {
				return nil, fmt.Errorf("%s: tag `c2:%q` says both read and write; keep one", f.Name, f.Tag.Get("c2"))
			}
			access = part
		case strings.HasPrefix(part, "name="):
			name = strings.TrimPrefix(part, "name=")
		default:
			return nil, fmt.Errorf("%s: tag `c2:%q`: unknown %q; it takes read, write and name=Method", f.Name, f.Tag.Get("c2"), part)
		}
	}
	if name == "" || len(name) > maxNameLen {
		return nil, fmt.Errorf("%s: tag `c2:%q`: want a method's name of 1 to %d bytes", f.Name, f.Tag.Get("c2"), maxNameLen)
	}
	m, err := methodOf(name, f.Type)
	m.access = access
	return m, err
}

// checkTwins finds fields that stand for one method and contradict each other.
func (c *contract) checkTwins() error {
	var faults []error
	seen := make(map[string]*method)
	for _, m := range c.methods {
		first := seen[m.name]
		if first == nil {
			seen[m.name] = m
			continue
		}
		if first.typ != m.typ {
			faults = append(faults, fmt.Errorf("%s: two fields have this name and different types, %s and %s; give them one type or two names", m.name, first.typ, m.typ))
		}
		if first.access != m.access {
			faults = append(faults, fmt.Errorf("%s: two fields have this name and different access tags; give both the same", m.name))
		}
	}
	return errors.Join(faults...)
}

// methodOf works out a method's parameters and results.
func methodOf(name string, t reflect.Type) (*method, error) {
	m := &method{name: name, typ: t, variadic: t.IsVariadic()}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", signature(name, t), fmt.Sprintf(format, args...)))
	}
	encoder := func(what string, t reflect.Type) *codec.Codec {
		c, err := codec.For(t)
		if err != nil {
			fault("%s: %v", what, err)
		}
		return c
	}
	for i := range t.NumIn() {
		in := t.In(i)
		switch {
		case in == contextType && i == 0:
			m.context = true
		case in == contextType:
			fault("a context can be the first parameter only; move it there, or leave it out")
		default:
			m.params = append(m.params, encoder(fmt.Sprintf("parameter %d", len(m.params)+1), in))
		}
	}
	if n := t.NumOut(); n == 0 || t.Out(n-1) != errorType {
		fault("the last result must be an error, as any call can fail; add it")
		return m, errors.Join(faults...)
	}
	for i := range t.NumOut() - 1 {
		m.results = append(m.results, encoder(fmt.Sprintf("result %d", i+1), t.Out(i)))
		m.zeros = append(m.zeros, reflect.Zero(t.Out(i)))
	}
	return m, errors.Join(faults...)
}

// signature prints a method as an interface declares it.
func signature(name string, t reflect.Type) string {
	return name + strings.TrimPrefix(t.String(), "func")
}

// fail is what a call returns that did not reach the resource or failed there: zero values, and the error.
func (m *method) fail(err error) []reflect.Value {
	out := make([]reflect.Value, len(m.zeros)+1)
	copy(out, m.zeros)
	out[len(m.zeros)] = errorValue(err)
	return out
}

// errorValue is err as a value of type error.
func errorValue(err error) reflect.Value {
	if err == nil {
		return nilError
	}
	return reflect.ValueOf(&err).Elem()
}

// values are the arguments without the receiver's slot and the context.
func (m *method) values(args []reflect.Value) []reflect.Value {
	if m.context {
		return args[2:]
	}
	return args[1:]
}

// find returns the method of that name, or nil.
func (c *contract) find(name string) *method {
	if i := c.index(name); i >= 0 {
		return c.methods[i]
	}
	return nil
}

// index is the place of the method of that name, or -1.
func (c *contract) index(name string) int {
	return slices.IndexFunc(c.methods, func(m *method) bool { return m.name == name })
}

// names lists the methods, each once, in order.
func (c *contract) names() []string {
	var names []string
	for _, m := range c.methods {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isStruct tells a struct of funcs from an interface.
func (c *contract) isStruct() bool { return c.typ.Kind() == reflect.Struct }

// Declaration is the namespace and version that a contract was given by [Contract].
type Declaration struct {
	Namespace string
	Version   string
}

// Contract gives the contract T (an interface or a struct of funcs) a namespace and a semantic version. It is called
// once, at package level beside the type:
//
//	var _ = c2.Contract[Counter]("demo.counter", "0.1.0")
//
// When a client connects and both sides declare them, the namespaces must be equal and so must the major versions. A
// version that is none, an empty namespace, or a second declaration that says something else is reported as ErrInvalid
// by every Register and Connect of T.
func Contract[T any](namespace, version string) Declaration {
	d := Declaration{Namespace: namespace, Version: version}
	declarations.add(reflect.TypeFor[T](), d)
	return d
}

var declarations = &declarationRegistry{byType: make(map[reflect.Type]declared)}

type declarationRegistry struct {
	mu     sync.Mutex
	byType map[reflect.Type]declared
}

type declared struct {
	Declaration
	err error
}

func (r *declarationRegistry) add(t reflect.Type, d Declaration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, again := r.byType[t]
	entry := declared{Declaration: d, err: d.check()}
	if again && before.Declaration != d {
		entry = before
		entry.err = errors.Join(before.err, fmt.Errorf("declared twice, as %s %s and as %s %s; keep one",
			before.Namespace, before.Version, d.Namespace, d.Version))
	}
	r.byType[t] = entry
	contracts.Delete(t)
}

func (r *declarationRegistry) lookup(t reflect.Type) (namespace, version string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.byType[t]
	return d.Namespace, d.Version, d.err
}

// semver is the grammar of semver.org 2.0.0, with its parts captured: major, minor, patch.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$`)

func (d Declaration) check() error {
	var faults []error
	if d.Namespace == "" || len(d.Namespace) > maxNameLen {
		faults = append(faults, fmt.Errorf("namespace %q: want 1 to %d bytes", d.Namespace, maxNameLen))
	}
	if !semver.MatchString(d.Version) {
		faults = append(faults, fmt.Errorf("version %q: want a semantic version like 1.2.3", d.Version))
	}
	return errors.Join(faults...)
}

// major is the major version of a semantic version, or all of what is none.
func major(version string) string {
	if m := semver.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return version
}
