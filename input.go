package c2

import (
	"context"
	"sync"

	"github.com/ctwo-go/c2/ipc"
)

// KeepInput lets a method that was named in [HoldInput] keep its arguments where they are beyond its return, until the
// Held is released. ctx is the method's own. Where the arguments are the method's already, because they came from the
// same process, say, or are small, or ctx is no such method's, there is nothing to hold; the Held is to be released all the
// same.
//
// It must be called before the method returns: its arguments are given back then, and a goroutine that the method leaves
// behind and that calls it later holds nothing, though the Held does not tell.
func KeepInput(ctx context.Context) *Held {
	h := newHeld(1)
	if in, ok := orBackground(ctx).Value(inputKey{}).(*input); ok {
		in.keep(h)
	}
	return h
}

// input is the arguments of a call in the memory of its caller.
type input struct {
	node *Node

	mu      sync.Mutex
	payload *ipc.Payload // nil once the call has ended
}

// inputKey is the key under which a context has its *input.
type inputKey struct{}

func (in *input) keep(h *Held) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.payload == nil {
		return
	}
	in.payload.Retain()
	if !h.state.keep(in.node, in.payload) {
		in.payload.Release()
	}
}

// end gives the arguments back, unless they are kept. It may be called on nil.
func (in *input) end() {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.payload.Release()
	in.payload = nil
}
