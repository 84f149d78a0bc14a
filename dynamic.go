package c2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/ipc"
)

// Dynamic is a connection to a resource whose Go types the program does not have. It may be used by any number of
// goroutines.
type Dynamic struct {
	node   *Node
	link   *link
	closed atomic.Bool
}

// ConnectDynamic connects to a resource without a contract: by its descriptor alone. It fails as [Connect] does.
func ConnectDynamic(ctx context.Context, name string, opts ...ConnectOption) (*Dynamic, error) {
	if err := checkResourceName(name); err != nil {
		return nil, err
	}
	config, err := connectOptions(opts)
	if err != nil {
		return nil, err
	}
	w, err := config.way(name)
	if err != nil {
		return nil, callError(err).at(name, "")
	}
	fitsAny := func(*Descriptor) ([]uint32, error) { return nil, nil }
	l, err := dialLink(orBackground(ctx), name, w, fitsAny)
	if err != nil {
		return nil, callError(err).at(name, "")
	}
	return &Dynamic{node: config.node, link: l}, nil
}

// Descriptor describes the resource, as it was when last called. It must not be changed.
func (d *Dynamic) Descriptor() *Descriptor { return d.link.binding.Load().desc }

// Call calls a method with plain values: numbers, strings, []byte, slices, maps, time.Time. They are made into what the
// descriptor says the method takes, as far as nothing is lost: an integer for a float, a []any of numbers for a
// []float64, a map[string]any for a struct, an RFC 3339 string for a time. Arguments that do not fit are an ErrInvalid.
// A variadic method takes its last arguments one by one.
//
// Results come back likewise: int64, uint64, float64, string, bool, []byte, time.Time, typed slices of numbers, []any,
// and map[string]any for structs and maps. Columns and other transferables are [codec.Opaque].
//
// Where ctx has no deadline, the node's call timeout holds.
func (d *Dynamic) Call(ctx context.Context, method string, args ...any) ([]any, error) {
	out, err := d.call(orBackground(ctx), method, args)
	if err != nil {
		return nil, callError(err).at(d.link.name, method)
	}
	return out, nil
}

func (d *Dynamic) call(ctx context.Context, method string, args []any) ([]any, error) {
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	c := dynamicCall{name: method, encode: func(m *MethodDescriptor) ([]byte, error) { return m.EncodeArgs(args) }}
	p, err := d.link.exchange(ctx, &c)
	if err != nil {
		return nil, err
	}
	var out []any
	err = d.node.read(ctx, p, func(view bool) (borrowed bool, err error) {
		out, borrowed, err = c.method.decodeResults(p.Bytes(), decoding(p, view))
		return borrowed, err
	})
	if err != nil {
		return nil, unreadable(err)
	}
	return out, nil
}

// CallCBOR is [Dynamic.Call] with the arguments as they travel: a CBOR array of as many values as the method has
// parameters, of which a variadic method's last is a list. The results come likewise. Nothing is looked at on the way, so
// what does not fit is refused by the resource's process. docs/wire.md says how values are written.
func (d *Dynamic) CallCBOR(ctx context.Context, method string, args []byte) ([]byte, error) {
	out, err := d.callCBOR(orBackground(ctx), method, args)
	if err != nil {
		return nil, callError(err).at(d.link.name, method)
	}
	return out, nil
}

func (d *Dynamic) callCBOR(ctx context.Context, method string, args []byte) ([]byte, error) {
	ctx, cancel, err := d.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	c := dynamicCall{name: method, encode: func(*MethodDescriptor) ([]byte, error) { return args, nil }}
	p, err := d.link.exchange(ctx, &c)
	if err != nil {
		return nil, err
	}
	defer p.Release()
	pieces, err := codec.Flatten(p.Bytes(), p.Attachments(), uint64(d.node.settings.maxPayload))
	if errors.Is(err, codec.ErrTooLarge) {
		return nil, &Error{Code: CodeTooLarge, Message: "the result is larger than this node takes: " + err.Error(), MayHaveRun: true}
	}
	if err != nil {
		return nil, unreadable(err)
	}
	return bytes.Join(pieces, nil), nil
}

// begin bounds a call that has no deadline. The error is that of a connection that was closed.
func (d *Dynamic) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if d.closed.Load() {
		return ctx, nil, connectionClosed()
	}
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}, nil
	}
	ctx, cancel := d.node.withCallTimeout(ctx)
	return ctx, cancel, nil
}

// dynamicCall is a call by the name of a method.
type dynamicCall struct {
	name   string
	encode func(*MethodDescriptor) ([]byte, error) // makes the arguments
	method *MethodDescriptor                       // as of the last request
}

func (c *dynamicCall) request(b *binding) (ipc.Request, error) {
	i := b.desc.index(c.name)
	if i < 0 {
		return ipc.Request{}, newError(CodeNotFound, "the resource has no such method; it has %s", b.desc.methodNames())
	}
	c.method = &b.desc.Methods[i]
	payload, err := c.encode(c.method)
	if err != nil {
		return ipc.Request{}, &Error{Code: CodeInvalid, Message: fmt.Sprintf("%v; the method is %s", err, c.method), cause: err}
	}
	return ipc.Request{Resource: b.id, Method: uint32(i), Args: ipc.Bytes(payload)}, nil
}

// Close ends the connection. It is idempotent and never fails.
func (d *Dynamic) Close() error {
	if !d.closed.Swap(true) {
		d.link.release()
	}
	return nil
}
