package c2

import (
	"context"
	"sync"
	"time"

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
	running holdState    // is the call in the node's holds
	counted bool         // there it is: until something keeps the arguments, or the call ends
}

// inputKey is the key under which a context has its *input.
type inputKey struct{}

// count makes the call one of the node's holds.
func (in *input) count() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.running.since, in.counted = time.Now(), true
	in.node.holds.add(&in.running, in.payload)
}

func (in *input) uncountLocked() {
	if in.counted {
		in.node.holds.remove(&in.running, in.payload)
		in.counted = false
	}
}

func (in *input) keep(h *Held) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.payload == nil {
		return
	}
	in.payload.Retain()
	if !h.state.keep(in.node, in.payload) {
		in.payload.Release()
		return
	}
	in.uncountLocked() // it is the Held that counts now
}

// end gives the arguments back, unless they are kept. It may be called on nil.
func (in *input) end() {
	if in == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.uncountLocked()
	in.payload.Release()
	in.payload = nil
}
