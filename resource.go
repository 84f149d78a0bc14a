package c2

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ctwo-go/c2/internal/access"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/internal/sched"
)

// Policy is the type of a blank field in a resource's struct, whose tag says which methods read and which write:
//
//	type counter struct {
//		_ c2.Policy `read:"Value,History" write:"GetAndReset"`
//		n int
//	}
//
// It takes no room. The tags of embedded structs hold for what the outer one's do not name. What no tag names goes
// by the contract's tags if it has them, else by its name, see [Register]. A tag that says anything else is an error of that.
type Policy struct{}

// Register makes a resource of value: from now on the contract T's methods can be called on it by that name, from this
// process and, at the node's address, from others of this host. The first one binds that address. Where the node has a relay
// (see [RelayURL]), the resource is announced there as well, in the background: whether the relay takes it is logged, and
// does not concern Register.
//
// T is an interface, or a struct of func fields that value has set. The value needs to know nothing of being remote. From
// now on it belongs to its callers: even to read it beside them takes a call.
// A method that reads may run beside others that read; any other runs alone. Which ones read is said by a [Policy] tag in
// the value's struct, else by the field's tag where T is a struct of funcs, else by the first word of the method's name
// (Get List Is Has Find Count Len Size Read Peek Describe Lookup Query Search Stat Show Contains Exists), else it writes.
// [Concurrency] sets another rule.
//
// If the value has a method Shutdown(context.Context) error, it is called once when the resource leaves, by
// [Unregister] or when the node shuts down. One of another signature is not, which is logged unless it is one of T's.
//
// It fails with ErrInvalid for a contract, tag, name or option that is wrong (all faults at once) and for a name or a
// value that is registered already, with ErrClosed after Shutdown, and with what kept the node from listening.
func Register[T any](name string, value T, opts ...RegisterOption) error {
	return register(reflect.TypeFor[T](), name, reflect.ValueOf(&value).Elem(), opts)
}

// RegisterAs is [Register] for a value that the compiler can't check against T, as for a contract that is a struct of
// funcs: the value's methods are matched to T's by name when it is called. A missing method or another signature is
// an ErrInvalid that names both.
func RegisterAs[T any](name string, value any, opts ...RegisterOption) error {
	return register(reflect.TypeFor[T](), name, reflect.ValueOf(value), opts)
}

// Unregister takes a resource away: new calls get ErrNotFound, so do those that wait for it, and those that run may
// finish until ctx ends. The relay, if there is one, is told at once. Then the value's Shutdown is called, with the same
// context. The error is ErrNotFound, the
// context's, or Shutdown's.
func Unregister(ctx context.Context, name string, opts ...RegisterOption) error {
	config := registerOptions(opts)
	node, err := nodeOrDefault(config.node)
	if err != nil {
		return err
	}
	return node.unregister(ctx, name)
}

func registerOptions(opts []RegisterOption) registerConfig {
	var config registerConfig
	for _, o := range opts {
		if o != nil {
			o.applyRegister(&config)
		}
	}
	return config
}

func register(t reflect.Type, name string, value reflect.Value, opts []RegisterOption) error {
	config := registerOptions(opts)
	node, err := nodeOrDefault(config.node)
	if err != nil {
		return err
	}
	r, err := newResource(t, name, value, &config)
	if err != nil {
		return callError(err).at(name, "")
	}
	if err := node.add(r); err != nil {
		return err
	}
	r.checkHook(node)
	return nil
}

// resource is a value that is registered under a name.
type resource struct {
	name    string
	id      uint64
	seq     uint64 // the place in the order of registration
	value   any
	methods []boundMethod // those of the contract, each once, in the descriptor's order
	sched   *sched.Scheduler
	desc    *Descriptor
	since   time.Time
}

// boundMethod is a method of a contract, bound to the value.
type boundMethod struct {
	*method
	calls      *sched.Class // admits and counts them
	failed     *failures
	holdsInput bool // its arguments may be views
	boundFunc
}

// boundFunc is a method of a value as a function that takes the value first: calling that by reflection takes less than
// calling the value's method. A func field has no receiver.
type boundFunc struct {
	fn       reflect.Value
	receiver reflect.Value
}

// fitted is a value that serves a contract.
type fitted struct {
	contract *contract
	value    reflect.Value
	fns      map[string]boundFunc
	accesses map[string]access.Access
}

// fitResource finds how the value serves the contract. Its error names everything that is wrong.
func fitResource(t reflect.Type, name string, value reflect.Value, config *registerConfig) (f fitted, err error) {
	f.contract, err = contractOf(t)
	if err != nil { // then nothing is known of its methods
		return f, invalid(checkResourceName(name), config.check(), err)
	}
	faults := []error{checkResourceName(name), config.check(), config.checkHeld(f.contract)}
	if f.value = value; f.value.Kind() == reflect.Interface {
		f.value = f.value.Elem()
	}
	if !f.value.IsValid() || f.value.Kind() == reflect.Pointer && f.value.IsNil() {
		faults = append(faults, fmt.Errorf("the value to register under %s is nil; pass the resource itself", t))
		return f, invalid(faults...)
	}
	f.fns, err = f.contract.bind(f.value)
	faults = append(faults, err)
	f.accesses, err = f.contract.policy(f.value.Type())
	return f, invalid(append(faults, err)...)
}

func newResource(t reflect.Type, name string, value reflect.Value, config *registerConfig) (*resource, error) {
	f, err := fitResource(t, name, value, config)
	if err != nil {
		return nil, err
	}
	c := f.contract
	r := &resource{name: name, value: f.value.Interface(), sched: sched.New(sched.Mode(config.mode), config.maxPending), since: time.Now()}
	r.desc = &Descriptor{
		Name: name, Contract: typeName(t), Namespace: c.namespace, Version: c.version,
		Concurrency: sched.Mode(config.mode).String(),
	}
	for _, name := range c.names() {
		a := f.accesses[name]
		m := boundMethod{
			method: c.find(name), calls: r.sched.Class(a == access.Read), failed: new(failures),
			holdsInput: config.holdsInput(name), boundFunc: f.fns[name],
		}
		r.methods = append(r.methods, m)
		r.desc.Methods = append(r.desc.Methods, m.describe(a.String()))
	}
	return r, nil
}

func checkResourceName(name string) error {
	if !relayapi.ValidName(name) {
		return newError(CodeInvalid, "resource name %q: want 1 to %d bytes of UTF-8 without control characters", name, maxNameLen)
	}
	return nil
}

// bind finds the value's function for each method of the contract.
func (c *contract) bind(value reflect.Value) (map[string]boundFunc, error) {
	fns := make(map[string]boundFunc)
	var faults []error
	for _, m := range c.methods {
		var err error
		if value.Type() == c.typ && c.isStruct() {
			fns[m.name], err = bindField(value, m)
		} else {
			fns[m.name], err = bindMethod(value, m)
		}
		faults = append(faults, err)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("%s does not implement %s:\n\t%s", value.Type(), c.typ, indent(err))
	}
	return fns, nil
}

func bindField(value reflect.Value, m *method) (boundFunc, error) {
	fn := value.Field(m.field)
	if fn.IsNil() {
		return boundFunc{}, fmt.Errorf("%s: the field is nil; set it", m.name)
	}
	return boundFunc{fn: fn}, nil
}

func bindMethod(value reflect.Value, m *method) (boundFunc, error) {
	t := value.Type()
	found, ok := t.MethodByName(m.name)
	if !ok {
		return boundFunc{}, fmt.Errorf("%s has no method %s%s", t, signature(m.name, m.typ), pointerHint(t, m.name))
	}
	if has := value.Method(found.Index).Type(); has != m.typ {
		return boundFunc{}, fmt.Errorf("%s has %s, the contract wants %s", t, signature(m.name, has), signature(m.name, m.typ))
	}
	return boundFunc{fn: found.Func, receiver: value}, nil
}

// pointerHint says so if it is the pointer to a value that has the method.
func pointerHint(t reflect.Type, method string) string {
	if _, ok := reflect.PointerTo(t).MethodByName(method); ok {
		return "; *" + t.String() + " has: register a pointer"
	}
	return ""
}

// policy says which methods read: by the value's tag, else by the field's of a struct contract, else by name.
func (c *contract) policy(t reflect.Type) (map[string]access.Access, error) {
	read, write, tagErr := policyTags(t)
	// A value may be registered under a contract that has only some of its methods, and be tagged for all.
	elsewhere := func(name string) bool {
		_, has := t.MethodByName(name)
		return has && c.find(name) == nil
	}
	read, write = slices.DeleteFunc(read, elsewhere), slices.DeleteFunc(write, elsewhere)
	for _, m := range c.methods {
		if slices.Contains(read, m.name) || slices.Contains(write, m.name) {
			continue
		}
		switch m.access {
		case "read":
			read = append(read, m.name)
		case "write":
			write = append(write, m.name)
		}
	}
	tags := access.Tags{Read: strings.Join(read, ","), Write: strings.Join(write, ",")}
	accesses, err := access.Resolve(typeName(indirect(t)), c.names(), tags)
	if err := errors.Join(tagErr, err); err != nil {
		return nil, fmt.Errorf("policy of %s:\n\t%s", t, indent(err))
	}
	return accesses, nil
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// identity is what must not be registered twice: two schedulers could not keep calls on one value apart. A value that
// has no identity, or no state, gives nil.
func (r *resource) identity() any {
	switch v := reflect.ValueOf(r.value); v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem().Size() > 0 {
			return r.value
		}
	case reflect.Map, reflect.Chan:
		if !v.IsNil() {
			return v.Pointer() // the value keeps it from being anyone else's
		}
	}
	return nil
}

// call runs the method with args: a slot for the receiver, the context if the method takes one, and the arguments. A
// panic is an ErrInternal, and is logged with its stack.
func (m *boundMethod) call(n *Node, r *resource, args []reflect.Value) (out []reflect.Value, failed *Error) {
	defer func() {
		if p := recover(); p != nil {
			n.logPanic(p, r.name, m.name)
			failed = newError(CodeInternal, "the resource panicked: %v", p).at(r.name, m.name)
			failed.MayHaveRun = true
		}
	}()
	if m.receiver.IsValid() {
		args[0] = m.receiver
	} else {
		args = args[1:]
	}
	if m.variadic {
		return m.fn.CallSlice(args), nil
	}
	return m.fn.Call(args), nil
}

// shutter is what a value is that wants to know when its resource leaves.
type shutter interface {
	Shutdown(ctx context.Context) error
}

// checkHook logs a method of the value that looks as if it were to be called when the resource leaves, and will not be.
func (r *resource) checkHook(n *Node) {
	t := reflect.TypeOf(r.value)
	m, ok := t.MethodByName("Shutdown")
	called := t.Implements(reflect.TypeFor[shutter]()) || slices.ContainsFunc(r.methods, func(m boundMethod) bool { return m.name == "Shutdown" })
	if !ok || called {
		return
	}
	has := signature("Shutdown", reflect.ValueOf(r.value).Method(m.Index).Type())
	n.log.Warn().Str("resource", r.name).Str("has", has).
		Msg("the value's Shutdown is not called when the resource leaves; for that it is to be Shutdown(context.Context) error")
}

// leave ends the resource's life, once it can't be found any more: it waits for the calls that run, then calls
// the value's Shutdown.
func (r *resource) leave(ctx context.Context, n *Node) (err error) {
	r.sched.Close()
	err = r.sched.Drain(ctx)
	s, ok := r.value.(shutter)
	if !ok {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			n.logPanic(p, r.name, "Shutdown")
			err = errors.Join(err, newError(CodeInternal, "Shutdown panicked: %v", p).at(r.name, "Shutdown"))
		}
	}()
	return errors.Join(err, s.Shutdown(ctx))
}
