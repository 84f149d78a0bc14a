package c2

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/ipc"
)

// endpoint carries calls to one node, as bytes.
type endpoint interface {
	Call(ctx context.Context, req ipc.Request) (*ipc.Payload, error)
	// loans returns memory that calls pass without a copy, or nil if there is none.
	loans(ctx context.Context) (*ipc.Loans, error)
	// release tells that the link needs the endpoint no more.
	release()
}

// link is the way to one resource by its name. It learns the resource's id and descriptor when it is made, and again
// whenever the resource turns out to have been replaced by another of that name.
type link struct {
	name     string
	endpoint endpoint
	fit      func(*Descriptor) ([]uint32, error) // the resource's index of each method the client has

	binding atomic.Pointer[binding]
	turn    chan struct{} // holds one value while somebody binds
}

func newLink(name string, e endpoint, fit func(*Descriptor) ([]uint32, error)) *link {
	return &link{name: name, endpoint: e, fit: fit, turn: make(chan struct{}, 1)}
}

// binding is what a link knows of the resource.
type binding struct {
	id    uint64
	index []uint32
	desc  *Descriptor
}

// bind resolves the name, unless that has been done since old was found to be stale.
func (l *link) bind(ctx context.Context, old *binding) (*binding, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b := l.binding.Load(); b != old {
		return b, nil
	}
	id, desc, err := describe(ctx, l.endpoint, l.name)
	if err != nil {
		return nil, err
	}
	index, err := l.fit(desc)
	if err != nil {
		return nil, err
	}
	b := &binding{id: id, index: index, desc: desc}
	l.binding.Store(b)
	return b, nil
}

// maxBinds bounds how often one call looks for a resource that is replaced each time it is found.
const maxBinds = 4

// requester makes the request of a call for a binding.
type requester interface {
	request(*binding) (ipc.Request, error)
}

// exchange calls a method. The request is made for the binding that holds, again if it has to be replaced: a resource
// with another id has not seen the call.
func (l *link) exchange(ctx context.Context, r requester) (*ipc.Payload, error) {
	b := l.binding.Load()
	for attempt := 1; ; attempt++ {
		req, err := r.request(b)
		if err != nil {
			return nil, err
		}
		p, err := l.endpoint.Call(ctx, req)
		if err == nil || !isStale(err) {
			return p, err
		}
		if attempt == maxBinds {
			return nil, newError(CodeUnavailable, "the resource was replaced %d times during the call", attempt)
		}
		if b, err = l.bind(ctx, b); err != nil {
			return nil, err
		}
	}
}

// isStale tells whether a call ended because there is no resource with that id any more.
func isStale(err error) bool {
	var wire *ipc.Error
	return errors.As(err, &wire) && wire.Code == ipc.CodeStale
}

// directoryCalls are the methods of the directory, as any client calls them.
var directoryCalls = sync.OnceValues(func() (*contract, error) { return contractOf(reflect.TypeFor[directory]()) })

// The directory's methods, in the order of its descriptor.
const (
	directoryDescribe = 0
	directoryList     = 1
	directoryStats    = 2
)

// describe asks a node's directory for a resource.
func describe(ctx context.Context, e endpoint, name string) (uint64, *Descriptor, error) {
	out, err := askDirectory(ctx, e, directoryDescribe, reflect.ValueOf(name))
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			err = newError(CodeNotFound, "no resource of this name is registered there")
		}
		return 0, nil, err
	}
	desc := out[1].Interface().(Descriptor)
	return out[0].Uint(), &desc, nil
}

func askDirectory(ctx context.Context, e endpoint, index uint32, args ...reflect.Value) ([]reflect.Value, error) {
	c, err := directoryCalls()
	if err != nil {
		return nil, err
	}
	m := c.methods[index]
	p, err := e.Call(ctx, ipc.Request{Method: index, Args: &valuesBody{codecs: m.params, values: args, what: "argument"}})
	if err != nil {
		return nil, callError(err)
	}
	defer p.Release()
	out, _, err := decodeValues(nil, m.results, p, false, "result")
	if err != nil {
		return nil, newError(CodeInternal, "the node's directory: %v", err)
	}
	return out, nil
}

// sharedClient is the connection to one address that all of a node's links to it share.
type sharedClient struct {
	*ipc.Client
	node *Node
	refs int // guarded by node.mu
}

// client returns the node's connection to address.
func (n *Node) client(address string) (*sharedClient, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, nodeClosed()
	}
	c := n.clients[address]
	if c == nil {
		n.checkSharingLocked()
		c = &sharedClient{Client: ipc.NewClient(address, n.ipcConfig()), node: n}
		n.clients[address] = c
	}
	c.refs++
	return c, nil
}

func (c *sharedClient) loans(ctx context.Context) (*ipc.Loans, error) { return c.Loans(ctx) }

func (c *sharedClient) release() {
	n := c.node
	n.mu.Lock()
	c.refs--
	last := c.refs == 0
	if last && n.clients[c.Address()] == c {
		delete(n.clients, c.Address())
	}
	n.mu.Unlock()
	if last {
		c.Close()
	}
}

func (n *Node) closeClients() {
	n.mu.Lock()
	clients := n.clients
	n.clients = make(map[string]*sharedClient)
	n.mu.Unlock()
	for _, c := range clients {
		c.Close()
	}
}

// ownEndpoint carries calls to the node itself, as bytes: for callers that do not have the resource's Go types.
type ownEndpoint struct{ node *Node }

func (ownEndpoint) release() {}

func (ownEndpoint) loans(context.Context) (*ipc.Loans, error) { return nil, nil }

// Call runs the call on the caller's goroutine.
func (e ownEndpoint) Call(ctx context.Context, req ipc.Request) (*ipc.Payload, error) {
	if req.Resource == 0 && e.node.isClosed() {
		return nil, &ipc.Error{Code: ipc.CodeClosed, Message: "the node is shut down"}
	}
	args, err := ipc.Encode(req.Args)
	if err != nil {
		return nil, err
	}
	r := &ownRequest{args: args}
	defer r.drop()
	return e.node.serve(ownContext(ctx), req.Resource, req.Method, r)
}

type ownRequest struct{ args *ipc.Payload }

func (r *ownRequest) Take() *ipc.Payload {
	args := r.args
	r.args = nil
	return args
}

func (r *ownRequest) drop() {
	if r.args != nil {
		r.args.Release()
	}
}

func (r *ownRequest) Encode(body ipc.Body) (*ipc.Payload, error) { return ipc.Encode(body) }
