package c2

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// endpoint carries calls to the resources of one place, as bytes: of a node, or of all that a relay knows.
type endpoint interface {
	// describe finds the resource of that name there.
	describe(ctx context.Context, name string) (id uint64, desc *Descriptor, err error)
	// list describes all resources there, ordered by name.
	list(ctx context.Context) ([]Descriptor, error)
	// call calls a method of the resource that is bound.
	call(ctx context.Context, b *binding, req ipc.Request) (*ipc.Payload, error)
	// loans returns memory that calls pass without a copy, or nil if there is none.
	loans(ctx context.Context) (*ipc.Loans, error)
	// release tells that who got the endpoint needs it no more. Calls that go on there may be cut off.
	release()
	// leave is release for who may have calls there still, which go on.
	leave()
}

// way leads to a resource.
type way interface {
	// find finds a resource of that name which fits. It tries the places where a call has just failed last.
	find(ctx context.Context, name string, fit fitter, failed []relayapi.Place) (*binding, error)
	// release tells that the link needs the way no more.
	release()
}

// fitter gives the resource's index of each method that the client has, or says why there is none.
type fitter func(*Descriptor) ([]uint32, error)

// link is the connection to one resource by its name. It learns where the resource is, its id and descriptor when it is
// made, and again whenever the resource turns out to have been replaced by another of that name, or to be elsewhere.
type link struct {
	name string
	way  way
	fit  fitter

	binding  atomic.Pointer[binding]
	turn     chan struct{} // holds one value while somebody binds
	failures atomic.Int64  // how often binding has failed
	failure  error         // of the last time; it belongs to who has the turn

	mu     sync.Mutex // guards changes of binding, and
	closed bool
}

// dialLink makes a link, which is to be released, and the way with it. If it can't, the way is released already.
func dialLink(ctx context.Context, name string, w way, fit fitter) (*link, error) {
	l := &link{name: name, way: w, fit: fit, turn: make(chan struct{}, 1)}
	if _, err := l.bind(ctx, nil, nil); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// binding is what a link knows of the resource.
type binding struct {
	id       uint64
	index    []uint32
	desc     *Descriptor
	endpoint endpoint
	place    *relayapi.Place // what a relay said of it; nil if none was asked
	lost     atomic.Bool     // it is to be replaced before the next call
}

// bindAt binds to the resource of that name at an endpoint, which is the binding's then, and released if there is none.
func bindAt(ctx context.Context, e endpoint, name string, fit fitter) (*binding, error) {
	id, desc, err := e.describe(ctx, name)
	var index []uint32
	if err == nil {
		index, err = fit(desc)
	}
	if err != nil {
		e.release()
		return nil, err
	}
	return &binding{id: id, index: index, desc: desc, endpoint: e}, nil
}

// bind finds the resource, unless that has been done since old was found to be lost.
func (l *link) bind(ctx context.Context, old *binding, failed []relayapi.Place) (*binding, error) {
	before := l.failures.Load()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b := l.binding.Load(); b != old {
		return b, nil
	}
	if l.failures.Load() != before {
		return nil, l.failure // while this one waited: all who wait are told at once
	}
	b, err := l.way.find(ctx, l.name, l.fit, failed)
	if err != nil {
		if ctx.Err() == nil {
			l.failure = err
			l.failures.Add(1)
		}
		return nil, err
	}
	return b, l.replace(old, b)
}

// replace puts a binding into the place of another, or of none.
func (l *link) replace(old, b *binding) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		b.endpoint.release()
		return connectionClosed()
	}
	l.binding.Store(b)
	switch {
	case old == nil:
	case old.endpoint == b.endpoint: // which lasts as long as b does
		old.endpoint.release()
	default:
		old.endpoint.leave()
	}
	return nil
}

// release ends the link. Calls that go on may be cut off.
func (l *link) release() {
	l.mu.Lock()
	l.closed = true
	b := l.binding.Load()
	l.mu.Unlock()
	if b != nil {
		b.endpoint.release()
	}
	l.way.release()
}

// maxBinds bounds how often one call looks for a resource that is gone each time it is found.
const maxBinds = 4

// requester makes the request of a call for a binding.
type requester interface {
	request(*binding) (ipc.Request, error)
}

// exchange calls a method. The request is made for the binding that holds, again if it has to be replaced.
func (l *link) exchange(ctx context.Context, r requester) (p *ipc.Payload, err error) {
	err = l.reach(ctx, func(b *binding) error {
		req, err := r.request(b)
		if err == nil {
			p, err = b.endpoint.call(ctx, b, req)
		}
		return err
	})
	return p, err
}

// reach has something done where the resource is, which fails as calls do: who did not do it may be followed by another.
func (l *link) reach(ctx context.Context, do func(*binding) error) error {
	var failed []relayapi.Place
	b := l.binding.Load()
	for attempt := 1; ; attempt++ {
		if b.lost.Load() {
			var err error
			if b, err = l.bind(ctx, b, failed); err != nil {
				return err
			}
		}
		err := do(b)
		if err == nil {
			return nil
		}
		lost, ran := b.verdict(err)
		if lost {
			b.lost.Store(true)
		}
		switch {
		case !lost || ran:
			return err
		case attempt == maxBinds && isStale(err):
			return newError(CodeUnavailable, "the resource was replaced %d times during the call", attempt)
		case attempt == maxBinds:
			return err
		}
		if b.place != nil {
			failed = append(failed, *b.place)
		}
	}
}

// verdict tells from a call's failure whether the resource is to be looked for again, and whether it may have run the call.
func (b *binding) verdict(err error) (lost, ran bool) {
	var wire *ipc.Error
	if !errors.As(err, &wire) {
		return false, false
	}
	switch wire.Code {
	case ipc.CodeStale:
		return true, false
	case ipc.CodeUnavailable, ipc.CodeNotFound:
		return b.place != nil, wire.MayHaveRun
	case ipc.CodeDenied, ipc.CodeInternal: // somebody else may be there by now; the next call looks
		return b.place != nil, true
	case ipc.CodeClosed: // of an endpoint that was left because the resource is elsewhere
		return b.lost.Load(), wire.MayHaveRun
	}
	return false, false
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

// nodeCaller calls the resources of one node by their ids.
type nodeCaller interface {
	Call(ctx context.Context, req ipc.Request) (*ipc.Payload, error)
}

// describe asks a node's directory for a resource.
func describe(ctx context.Context, n nodeCaller, name string) (uint64, *Descriptor, error) {
	out, err := askDirectory(ctx, n, directoryDescribe, reflect.ValueOf(name))
	if err != nil {
		if errors.Is(err, ErrNotFound) {
			err = newError(CodeNotFound, "no resource of this name is registered there")
		}
		return 0, nil, err
	}
	desc := out[1].Interface().(Descriptor)
	return out[0].Uint(), &desc, nil
}

// list asks a node's directory for all resources.
func list(ctx context.Context, n nodeCaller) ([]Descriptor, error) {
	out, err := askDirectory(ctx, n, directoryList)
	if err != nil {
		return nil, err
	}
	return out[0].Interface().([]Descriptor), nil
}

func askDirectory(ctx context.Context, n nodeCaller, index uint32, args ...reflect.Value) ([]reflect.Value, error) {
	c, err := directoryCalls()
	if err != nil {
		return nil, err
	}
	m := c.methods[index]
	p, err := n.Call(ctx, ipc.Request{Method: index, Args: &valuesBody{codecs: m.params, values: args, what: "argument"}})
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
