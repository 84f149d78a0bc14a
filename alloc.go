package c2

import (
	"context"
	"reflect"
	"runtime"
	"sync"

	"github.com/ctwo-go/c2/ipc"
)

// Alloc returns a slice of n elements that another process can be given without a copy: returned by a resource's
// method, if ctx is the method's own, or passed to calls on the connection of [Lend], if ctx is from there. That holds
// for []byte, for slices of numbers, by themselves or inside other values, and for the columns of a type that
// [codec.RegisterColumns] was told of; any of them whole or in part, up to 255 in one call or answer. Slices of arrays
// and structs are encoded element by element unless they are such columns.
//
// Where there is no such memory, because the caller is in the same process or far away, or there is none left, or n is
// small, it is ordinary memory, and sending it is a copy as ever. So it is for an E that is not a number, nor made of
// numbers by arrays and structs.
//
// The content is undefined. The slice is the method's until it returns, or the caller's until its [Loan] is released;
// after that it may be used again for something else, so it must not be kept. Reading it all the same is at worst
// reading what somebody else has there, or zeros, and writing to it spoils what somebody else has there, or is lost;
// that ends, as for [Hold], thousands of segments later, from when on it may end the process. What was sent stays with
// the receiver for as long as it needs it, and must not be changed once it is on its way. Like make, it panics if n is
// negative or too large.
func Alloc[E any](ctx context.Context, n int) []E {
	t := reflect.TypeFor[E]()
	size := int(t.Size())
	if n > 0 && size > 0 && n <= maxAlloc/size && plainMemory(t) {
		if mem := loansOf(orBackground(ctx)).Alloc(n * size); mem != nil {
			return sliceOf[E](mem, n)
		}
	}
	return make([]E, n)
}

const maxAlloc = 1 << 46 // bytes; more than can be addressed

// loansOf returns the memory to allocate from in a context, or nil.
func loansOf(ctx context.Context) *ipc.Loans {
	if l := loanOf(ctx); l != nil {
		return l.loans
	}
	if call := ipc.CallOf(ctx); call != nil {
		return call.Loans()
	}
	return nil
}

// Lend returns a context under which [Alloc] gives memory that calls on conn, which came from [Connect] or
// [ConnectDynamic], can pass without a copy. The memory is the caller's until the loan is released, however often it is
// passed: so what does not change need not be written again.
//
//	ctx, loan, err := c2.Lend(ctx, store)
//	if err != nil {
//		return err
//	}
//	defer loan.Release()
//	points := c2.Alloc[float64](ctx, 3*n)
//
// Calls on conn go on to pass it after their connection was replaced by another, with a copy from then on. A loan that
// becomes garbage without having been released keeps its memory until the connection ends. A [Dynamic] passes copies.
//
// It fails like a call on conn that gets no further than its connection.
func Lend(ctx context.Context, conn any) (context.Context, *Loan, error) {
	ctx = orBackground(ctx)
	link, err := linkOf(conn)
	if err != nil {
		return ctx, nil, err
	}
	l := &Loan{}
	if link != nil {
		err = link.reach(ctx, func(b *binding) (err error) {
			l.loans, err = b.endpoint.loans(ctx)
			return err
		})
		if err != nil {
			return ctx, nil, callError(err).at(link.name, "")
		}
		l.cleanup = runtime.AddCleanup(l, (*ipc.Loans).Abandon, l.loans)
	}
	return context.WithValue(ctx, loanKey{}, l), l, nil
}

// linkOf finds what is behind a connection that is open. It is nil for one to this process.
func linkOf(conn any) (*link, error) {
	if d, ok := conn.(*Dynamic); ok && d != nil {
		if d.closed.Load() {
			return nil, connectionClosed().at(d.link.name, "")
		}
		return d.link, nil
	}
	p := proxyOf(conn)
	switch {
	case p == nil:
		return nil, newError(CodeInvalid, "Lend(%T): this did not come from Connect", conn)
	case p.closed.Load():
		return nil, connectionClosed().at(p.name, "")
	}
	if t, ok := p.target.(*remote); ok {
		return t.link, nil
	}
	if p.node.isClosed() {
		return nil, nodeClosed().at(p.name, "")
	}
	return nil, nil
}

// Loan is memory that was allocated to be passed to calls: see [Lend].
type Loan struct {
	loans   *ipc.Loans // nil if there is nothing to lend
	cleanup runtime.Cleanup
}

// loanKey is the key under which a context has its *Loan.
type loanKey struct{}

func loanOf(ctx context.Context) *Loan {
	l, _ := ctx.Value(loanKey{}).(*Loan)
	return l
}

// Release gives the memory back; what receivers still have comes back when they are done with it. It is idempotent, and
// may be called on nil.
func (l *Loan) Release() {
	if l != nil {
		l.cleanup.Stop()
		l.loans.Release()
	}
}

// Pin returns a slice of n elements, all zero, in shared memory of the node's that stays until it is released. Any
// number of calls, to and from any process of this host, pass it, or parts of it, without a copy, as far as they would
// what [Alloc] returns: for data that are read often and change seldom. It counts against no limit of [SharedMemory],
// but each takes a descriptor: pin few large slices rather than many small ones. One that is larger than the receiver's
// [MaxPayload] is copied, as are its parts.
//
// It must not be changed while somebody may read it. After Release it must not be used; what is read all the same is
// what was there or zeros, and what is written is lost, for as long as [Hold] says of its own memory. Where the system
// has no shared memory for it, or it was turned off, or too many are pinned already, it is ordinary memory. Without
// [On] the node is the default one, so that [Configure] comes before. An E that is not a number, nor made of numbers by
// arrays and structs, is an ErrInvalid, and so is an n below zero.
func Pin[E any](n int, opts ...NodeChoice) (*Pinned[E], error) {
	var config connectConfig
	for _, o := range opts {
		if o != nil {
			o.applyConnect(&config)
		}
	}
	t := reflect.TypeFor[E]()
	if !plainMemory(t) || t.Size() == 0 || n < 0 || n > maxAlloc/int(t.Size()) {
		return nil, newError(CodeInvalid, "Pin[%s](%d): want zero or more elements, no more than can be addressed, of a number type or made of numbers by arrays and structs", t, n)
	}
	node, err := nodeOrDefault(config.node)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		if mem, err := node.memory.Pin(n * int(t.Size())); err == nil {
			return &Pinned[E]{memory: mem, slice: sliceOf[E](mem.Bytes(), n)}, nil
		}
	}
	return &Pinned[E]{slice: make([]E, n)}, nil
}

// Pinned is memory that calls pass without a copy for as long as it is there: see [Pin].
type Pinned[E any] struct {
	memory *ipc.Pinned // nil if it is ordinary memory
	slice  []E
}

// Slice is the memory. It must not be used after Release. It is nil if p is.
func (p *Pinned[E]) Slice() []E {
	if p == nil {
		return nil
	}
	return p.slice
}

// Release lets the memory go. Those who read it keep it for as long as they need it. It is idempotent, and may be called
// on nil.
func (p *Pinned[E]) Release() {
	if p != nil && p.memory != nil {
		p.memory.Release()
	}
}

// plainTypes remembers which types have no pointers in them.
var plainTypes sync.Map // of bool by reflect.Type

// plainMemory tells whether a value of type t means the same in another process, and whatever bits it has.
func plainMemory(t reflect.Type) bool {
	if known, ok := plainTypes.Load(t); ok {
		return known.(bool)
	}
	plain := isPlain(t)
	plainTypes.Store(t, plain)
	return plain
}

func isPlain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Array:
		return isPlain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !isPlain(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Complex128 && t.Kind() != reflect.Uintptr
}
