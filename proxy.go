package c2

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/internal/funcid"
	"github.com/ctwo-go/c2/internal/synth"
	"github.com/ctwo-go/c2/ipc"
)

// Connect returns a T through which the resource of that name is called as if it were a value of this process. T is an
// interface or a struct of func fields; it may have fewer methods than the resource, and types of its own where they
// look the same on the wire. Without [At] or [Relay] the resource is one of this process, else one that the node's relay
// knows (see [RelayURL]).
//
// Where a relay is asked, and the resource's process turns out to run on this host, calls go there directly, as with its
// ipc address. Else they go by HTTP: by the relay that has the resource, or if that can't be reached by the one that was
// asked. A resource that is replaced or moves is found again, by the call that did not reach it, if it certainly did not run
// anywhere, or by the next one.
//
// In the resource's own process the methods are called directly, under the same rules of concurrency as elsewhere, and
// values are passed as they are: what a pointer or a slice refers to is then shared with the resource. Only where Relay, or At with
// a relay's URL, names the way are they copied even then, as a resource that is found so may move to another process.
//
// It fails with ErrNotFound if there is no such resource, ErrUnavailable if nobody listens at the address or the relay
// can't be reached, ErrDenied if the relay wants another [Token], ErrMismatch if T does not fit the resource (naming everything
// that does not), ErrInvalid for a bad contract or address (likewise), ErrUnsupported where T is an
// interface and none can be implemented at run time (use a struct of funcs or [RegisterStub]), ErrClosed after Shutdown, and with the context's error.
//
// The T may be used by any number of goroutines. Close it when it is no longer needed.
func Connect[T any](ctx context.Context, name string, opts ...ConnectOption) (T, error) {
	var zero T
	v, err := connect(orBackground(ctx), reflect.TypeFor[T](), name, opts)
	if err != nil {
		return zero, callError(err).at(name, "")
	}
	return v.Interface().(T), nil
}

// orBackground is ctx, or a context that never ends where that is nil.
func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// Close ends a connection made by [Connect] or [ConnectDynamic]: calls on it now get ErrClosed. Closing again does
// nothing. Anything that is not such a connection is an ErrInvalid.
func Close(v any) error {
	if d, ok := v.(*Dynamic); ok && d != nil {
		return d.Close()
	}
	p := proxyOf(v)
	if p == nil {
		return newError(CodeInvalid, "Close(%T): this did not come from Connect", v)
	}
	p.close()
	return nil
}

// target runs the calls of a proxy.
type target interface {
	// call runs the contract's i-th method. It returns what that does, and takes what that does after a slot for the
	// receiver; the slice is its to change.
	call(ctx context.Context, i int, args []reflect.Value) []reflect.Value
	release()
}

// proxy is what is behind a T that Connect returned.
type proxy struct {
	node     *Node
	name     string
	contract *contract
	target   target
	closed   atomic.Bool
}

func connect(ctx context.Context, t reflect.Type, name string, opts []ConnectOption) (v reflect.Value, err error) {
	c, err := contractOf(t)
	if err := invalid(checkResourceName(name), err); err != nil {
		return v, err
	}
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	config, err := connectOptions(opts)
	if err != nil {
		return v, err
	}
	p := &proxy{node: config.node, name: name, contract: c}
	if p.target, err = config.target(ctx, name, c); err != nil {
		return v, err
	}
	if v, err = p.value(); err != nil {
		p.close()
	}
	return v, err
}

// connectOptions are the options, with a node.
func connectOptions(opts []ConnectOption) (connectConfig, error) {
	var config connectConfig
	for _, o := range opts {
		if o != nil {
			o.applyConnect(&config)
		}
	}
	var err error
	config.node, err = nodeOrDefault(config.node)
	return config, err
}

// target finds the way to a resource.
func (c *connectConfig) target(ctx context.Context, name string, contract *contract) (target, error) {
	w, err := c.way(name)
	if err != nil {
		return nil, err
	}
	if a, ok := w.(address); ok && a.own() {
		return newLocal(c.node, name, contract)
	}
	return newRemote(ctx, c.node, w, name, contract)
}

// Invoke implements [synth.Invoker]: args[0] stands for the receiver, the arguments follow.
func (p *proxy) Invoke(i int, args []reflect.Value) []reflect.Value {
	m := p.contract.methods[i]
	if p.closed.Load() {
		return m.fail(connectionClosed().at(p.name, m.name))
	}
	ctx := context.Background()
	if m.context {
		if args[1].IsNil() {
			args[1] = contextValue(ctx)
		} else {
			ctx = args[1].Interface().(context.Context)
		}
	}
	return p.target.call(ctx, i, args)
}

// contextValue is ctx as a value of type context.Context.
func contextValue(ctx context.Context) reflect.Value { return reflect.ValueOf(&ctx).Elem() }

func (p *proxy) close() {
	if !p.closed.Swap(true) {
		p.target.release()
	}
}

// bounded gives a call that brings no context the node's call timeout.
func (n *Node) bounded(ctx context.Context, m *method) (context.Context, context.CancelFunc) {
	if m.context {
		return ctx, func() {}
	}
	return n.withCallTimeout(ctx)
}

// withCallTimeout ends ctx after the node's call timeout, if there is one.
func (n *Node) withCallTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if n.settings.callTimeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, n.settings.callTimeout)
}

// value makes the T.
func (p *proxy) value() (reflect.Value, error) {
	c := p.contract
	if c.isStruct() {
		return p.structValue(), nil
	}
	if v, ok, err := p.stubValue(); ok || err != nil {
		return v, err
	}
	v, err := synth.New(c.typ, p)
	if errors.Is(err, synth.ErrInterface) {
		return v, newError(CodeInvalid, "%v; a struct of funcs has no such bound", err)
	}
	if err != nil {
		return v, newError(CodeUnsupported, "%v; connect with a struct of funcs, or register a stub for %s (RegisterStub)", err, c.typ)
	}
	return v, nil
}

func (p *proxy) structValue() reflect.Value {
	c := p.contract
	v := reflect.New(c.typ).Elem()
	for i, m := range c.methods {
		f := reflect.MakeFunc(m.typ, func(args []reflect.Value) []reflect.Value { return p.Invoke(i, withSlot(args)) })
		v.Field(m.field).Set(f)
	}
	structProxies.Store(v.Field(c.methods[0].field), p)
	return v
}

// withSlot puts room for a receiver before the arguments.
func withSlot(args []reflect.Value) []reflect.Value {
	return append(make([]reflect.Value, 1, 1+len(args)), args...)
}

// structProxies finds the proxy behind a struct of funcs by its first func.
var structProxies funcid.Map[proxy]

// proxyOf finds the proxy behind a value that Connect returned, or nil.
func proxyOf(v any) *proxy {
	if inv, ok := synth.Of(v); ok {
		p, _ := inv.(*proxy)
		return p
	}
	if s, ok := v.(stub); ok && !isNil(v) && s.caller() != nil {
		return s.caller().proxy
	}
	c, ok := contracts.Load(reflect.TypeOf(v))
	if !ok || !c.(*contract).isStruct() {
		return nil
	}
	return structProxies.Load(reflect.ValueOf(v).Field(c.(*contract).methods[0].field))
}

func isNil(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// remote calls a resource through a link.
type remote struct {
	node     *Node
	contract *contract
	link     *link
}

func newRemote(ctx context.Context, n *Node, w way, name string, c *contract) (*remote, error) {
	l, err := dialLink(ctx, name, w, c.fit)
	if err != nil {
		return nil, err
	}
	return &remote{node: n, contract: c, link: l}, nil
}

func (t *remote) release() { t.link.release() }

func (t *remote) call(ctx context.Context, i int, args []reflect.Value) []reflect.Value {
	m := t.contract.methods[i]
	ctx, cancel := t.node.bounded(ctx, m)
	defer cancel()
	out, err := t.exchange(ctx, i, m, m.values(args))
	if err != nil {
		return m.fail(callError(err).at(t.link.name, m.name))
	}
	return append(out, nilError)
}

func (t *remote) exchange(ctx context.Context, i int, m *method, args []reflect.Value) ([]reflect.Value, error) {
	call := remoteCalls.Get().(*remoteCall)
	*call = remoteCall{valuesBody: valuesBody{codecs: m.params, values: args, what: "argument"}, index: i}
	p, err := t.link.exchange(ctx, call)
	*call = remoteCall{} // so that it keeps nothing alive
	remoteCalls.Put(call)
	if err != nil {
		return nil, err
	}
	var out []reflect.Value
	err = t.node.read(ctx, p, func(view bool) (borrowed bool, err error) {
		out, borrowed, err = decodeValues(make([]reflect.Value, 0, len(m.results)+1), m.results, p, view, "result")
		return borrowed, err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// unreadable is how a call ends whose answer came, but makes no sense.
func unreadable(err error) *Error {
	return &Error{Code: CodeInvalid, Message: "the call ran, but its answer can't be read: " + err.Error(), MayHaveRun: true, cause: err}
}

// remoteCall is a call of the contract's method of that index, with its arguments. They have been written when the call
// returns, and nobody refers to it then.
type remoteCall struct {
	valuesBody
	index int
}

var remoteCalls = sync.Pool{New: func() any { return new(remoteCall) }}

func (c *remoteCall) request(b *binding) (ipc.Request, error) {
	return ipc.Request{Resource: b.id, Method: b.index[c.index], Args: c}, nil
}

// AppendTo implements [ipc.Body]. An argument that can't be encoded is the caller's error.
func (c *remoteCall) AppendTo(dst []byte, a *ipc.Attachments) ([]byte, error) {
	dst, err := c.valuesBody.AppendTo(dst, a)
	if err != nil {
		err = &Error{Code: CodeInvalid, Message: err.Error(), cause: err}
	}
	return dst, err
}
