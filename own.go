package c2

import (
	"context"

	"github.com/ctwo-go/c2/ipc"
)

// ownEndpoint carries calls to the node itself, as bytes: for callers that do not have the resource's Go types.
type ownEndpoint struct{ node *Node }

func (ownEndpoint) release() {}

func (ownEndpoint) leave() {}

func (e ownEndpoint) describe(ctx context.Context, name string) (uint64, *Descriptor, error) {
	if e.node.find(name) == nil && !e.node.isClosed() {
		return 0, nil, notHere()
	}
	return describe(ctx, e, name)
}

func (e ownEndpoint) list(ctx context.Context) ([]Descriptor, error) { return list(ctx, e) }

func (e ownEndpoint) call(ctx context.Context, _ *binding, req ipc.Request) (*ipc.Payload, error) {
	return e.Call(ctx, req)
}

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
