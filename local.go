package c2

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/ctwo-go/c2/internal/sched"
	"github.com/ctwo-go/c2/ipc"
)

// local calls a resource of the same node, on the caller's goroutine.
type local struct {
	node     *Node
	name     string
	contract *contract
	binding  atomic.Pointer[localBinding]
}

// localBinding is the resource that was found under the name.
type localBinding struct {
	r       *resource
	methods []localMethod // in the order of the client's contract
	bytes   *remote       // for methods whose types differ; nil if there are none
}

// localMethod is a resource's method as the client's contract sees it.
type localMethod struct {
	*boundMethod
	direct bool // the Go types are the same: values are passed as they are
}

func newLocal(n *Node, name string, c *contract) (*local, error) {
	t := &local{node: n, name: name, contract: c}
	return t, t.bind()
}

// bind looks the name up.
func (t *local) bind() error {
	r := t.node.find(t.name)
	if r == nil && t.node.isClosed() {
		return nodeClosed()
	}
	if r == nil {
		return notHere()
	}
	index, err := t.contract.fit(r.desc)
	if err != nil {
		return err
	}
	b := &localBinding{r: r}
	direct := true
	for i, m := range t.contract.methods {
		lm := localMethod{boundMethod: &r.methods[index[i]]}
		lm.direct = sameTypes(m, lm.method)
		direct = direct && lm.direct
		b.methods = append(b.methods, lm)
	}
	if !direct {
		if b.bytes, err = newRemote(context.Background(), t.node, address{t.node, "thread://"}, t.name, t.contract); err != nil {
			return err
		}
	}
	t.binding.Store(b)
	return nil
}

func (t *local) release() {}

func (t *local) call(ctx context.Context, i int, args []reflect.Value) []reflect.Value {
	m := t.contract.methods[i]
	for attempt := 1; ; attempt++ {
		b := t.binding.Load()
		lm := &b.methods[i]
		if !lm.direct {
			return b.bytes.call(ctx, i, args)
		}
		out, err := t.callDirect(ctx, m, b.r, lm, args)
		if err == nil {
			return out
		}
		if errors.Is(err, sched.ErrClosed) && attempt < maxBinds { // withdrawn; there may be another by now
			err = t.bind()
			if err == nil {
				continue
			}
		}
		if errors.Is(err, sched.ErrClosed) {
			err = newError(CodeUnavailable, "the resource was replaced %d times during the call", attempt)
		}
		return m.fail(callError(err).at(t.name, m.name))
	}
}

// callDirect waits for the call's turn and runs it. The error is that of a call that did not run, or panicked.
func (t *local) callDirect(ctx context.Context, m *method, r *resource, lm *localMethod, args []reflect.Value) ([]reflect.Value, error) {
	if m.context || lm.context || !lm.calls.TryAcquire() {
		var cancel context.CancelFunc
		ctx, cancel = t.node.bounded(ctx, m)
		defer cancel()
		if err := lm.calls.Acquire(ctx); err != nil {
			lm.failed.count(callError(err).Code)
			return nil, err
		}
	}
	defer lm.calls.Release()
	if m.context && lm.context && hasMemory(ctx) {
		ctx = innerContext{ctx}
		args[1] = contextValue(ctx)
	}
	switch {
	case lm.context && !m.context:
		args = append([]reflect.Value{{}, contextValue(ctx)}, args[1:]...)
	case m.context && !lm.context:
		args = args[1:] // the context's place is the receiver's now
	}
	out, failed := lm.call(t.node, r, args)
	if failed != nil {
		lm.failed.count(failed.Code)
		return nil, failed
	}
	if ownError(out, r.name, lm.name) {
		lm.failed.count(CodeResource)
	}
	return out, nil
}

// ownContext is ctx for a resource that is called in its own process: it has nothing of what its caller holds, lends and
// was given the arguments and the memory of, as the resource would not learn of that from elsewhere.
func ownContext(ctx context.Context) context.Context {
	if hasMemory(ctx) {
		return innerContext{ctx}
	}
	return ctx
}

// hasMemory tells whether there is something in ctx that innerContext would hide.
func hasMemory(ctx context.Context) bool {
	loan := loanOf(ctx)
	return heldOf(ctx) != nil || ctx.Value(inputKey{}) != nil || loan != nil && loan != noLoan || loan == nil && ipc.CallOf(ctx) != nil
}

// innerContext hides what concerns the memory of an outer call.
type innerContext struct{ context.Context }

// noLoan keeps Alloc from the memory of an outer call.
var noLoan = new(Loan)

// Value implements [context.Context].
func (c innerContext) Value(key any) any {
	switch key.(type) {
	case heldKey, inputKey:
		return nil
	case loanKey:
		return noLoan
	}
	return c.Context.Value(key)
}

// ownError makes an *Error that the resource returned, from a call that it made itself, one of the resource's: its code and
// MayHaveRun speak of that other call. It tells whether the resource returned any error.
func ownError(out []reflect.Value, resource, method string) bool {
	last := len(out) - 1
	err, _ := out[last].Interface().(error)
	if err == nil {
		return false
	}
	if inner := (*Error)(nil); errors.As(err, &inner) {
		own := &Error{Code: CodeResource, Message: err.Error(), names: errorNames.of(err), cause: err}
		out[last] = errorValue(own.at(resource, method))
	}
	return true
}
