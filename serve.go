package c2

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/sched"
	"github.com/ctwo-go/c2/ipc"
)

// request is a call that came as bytes.
type request interface {
	// Take hands the arguments over, which are to be released.
	Take() *ipc.Payload
	Encode(ipc.Body) (*ipc.Payload, error)
}

// handler runs the calls that come by ipc.
type handler struct{ node *Node }

// ServeCall implements [ipc.Handler].
func (h handler) ServeCall(ctx context.Context, call *ipc.Call) (*ipc.Payload, error) {
	return h.node.serve(ctx, call.Resource, call.Method, call)
}

// serve runs a call that came as bytes. The error is an *ipc.Error.
func (n *Node) serve(ctx context.Context, id uint64, index uint32, req request) (p *ipc.Payload, err error) {
	r := n.byID(id)
	if r == nil {
		return nil, &ipc.Error{Code: ipc.CodeStale, Message: fmt.Sprintf("no resource has id %d", id)}
	}
	if int64(index) >= int64(len(r.methods)) {
		return nil, &ipc.Error{Code: ipc.CodeNotFound, Message: fmt.Sprintf("%s has no method %d", r.name, index)}
	}
	m := &r.methods[index]
	ran := false
	// The method's own panics end in boundMethod.call; these are a transferable's or an error's.
	defer func() {
		if v := recover(); v != nil {
			n.logPanic(v, r.name, m.name)
			p, err = nil, &ipc.Error{Code: ipc.CodeInternal, Message: fmt.Sprintf("a type of the resource's panicked: %v", v), MayHaveRun: ran}
		}
		if err != nil {
			m.failed.count(callError(err).Code)
		}
	}()
	s := servings.Get().(*serving)
	defer s.done()
	in, err := s.takeArgs(ctx, n, m, req)
	if err != nil {
		return nil, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()}
	}
	defer in.end()
	if err := m.calls.Acquire(ctx); err != nil {
		return nil, admissionError(err)
	}
	// The results are encoded before the next call is let in: they may be part of what it changes.
	defer m.calls.Release()
	ran = true
	out, failed := m.call(n, r, s.args)
	if failed != nil {
		return nil, failed.wireError()
	}
	last := len(out) - 1
	if err, _ := out[last].Interface().(error); err != nil {
		return nil, resourceError(err)
	}
	s.results = valuesBody{codecs: m.results, values: out[:last], what: "result"}
	p, err = req.Encode(&s.results)
	return p, resultError(err)
}

// resultError is the answer to a call that ran, but whose results can't be sent.
func resultError(err error) error {
	if err == nil {
		return nil
	}
	failed := &ipc.Error{Code: ipc.CodeInternal, Message: "the resource returned what can't be encoded: " + err.Error(), MayHaveRun: true}
	var wire *ipc.Error
	if errors.As(err, &wire) {
		failed.Code, failed.Message = wire.Code, "the result is "+wire.Message
	}
	return failed
}

func (n *Node) byID(id uint64) *resource {
	if id == 0 {
		return n.directory
	}
	return n.resources.Load().byID[id]
}

// admissionError is the answer to a call that was not let in.
func admissionError(err error) *ipc.Error {
	if errors.Is(err, sched.ErrClosed) {
		return &ipc.Error{Code: ipc.CodeStale, Message: "the resource was withdrawn"}
	}
	return callError(err).wireError()
}

// serving is what a call needs that came as bytes, and nobody refers to when it is over: it is used again for another one.
type serving struct {
	args    []reflect.Value // a slot for the receiver, the context if the method takes one, and the arguments
	ctx     context.Context // what is in args of it refers to this
	results valuesBody
}

var servings = sync.Pool{New: func() any { return new(serving) }}

// done gives s up, so that it keeps nothing alive.
func (s *serving) done() {
	clear(s.args)
	*s = serving{args: s.args[:0]}
	servings.Put(s)
}

// takeArgs reads the list of arguments. The input is nil if they are the method's own.
func (s *serving) takeArgs(ctx context.Context, n *Node, m *boundMethod, req request) (*input, error) {
	p := req.Take()
	if !m.holdsInput || !worthView(p) {
		defer p.Release()
		_, err := s.decodeArgs(ctx, m, p, false)
		return nil, err
	}
	in := &input{node: n, payload: p}
	lasts := false
	defer func() {
		if !lasts { // also if a type panics
			in.end()
		}
	}()
	borrowed, err := s.decodeArgs(context.WithValue(ctx, inputKey{}, in), m, p, true)
	if lasts = borrowed && err == nil; !lasts {
		return nil, err
	}
	in.count()
	return in, nil
}

func (s *serving) decodeArgs(ctx context.Context, m *boundMethod, p *ipc.Payload, view bool) (borrowed bool, err error) {
	s.args = append(s.args[:0], reflect.Value{})
	if m.context {
		s.ctx = ctx
		s.args = append(s.args, reflect.ValueOf(&s.ctx).Elem())
	}
	s.args, borrowed, err = decodeValues(s.args, m.params, p, view, "argument")
	return borrowed, err
}

// decodeValues reads a list of exactly as many values as there are codecs, and appends them. borrowed tells whether they
// lie in the payload, as they may if they are to be views.
func decodeValues(dst []reflect.Value, codecs []*codec.Codec, p *ipc.Payload, view bool, what string) (_ []reflect.Value, borrowed bool, err error) {
	in := decoding(p, view)
	err = decodeList(p.Bytes(), len(codecs), what, func(i int, src []byte) ([]byte, error) {
		v := reflect.New(codecs[i].Type()).Elem()
		dst = append(dst, v)
		rest, b, err := codecs[i].DecodeWith(src, in, v)
		borrowed = borrowed || b
		return rest, err
	})
	return dst, borrowed, err
}

// decoding is how the values in a payload are to be read.
func decoding(p *ipc.Payload, view bool) codec.Decoding {
	return codec.Decoding{Attachments: p.Attachments(), View: view, Own: p.Private()}
}

// decodeList reads a list of exactly n items, each by decode, which returns what follows the item.
func decodeList(src []byte, n int, what string, decode func(i int, src []byte) (rest []byte, err error)) error {
	have, src, err := codec.DecodeArrayHead(src)
	if err != nil {
		return fmt.Errorf("list of %ss: %w", what, err)
	}
	if have != n {
		return fmt.Errorf("%ss: have %d, want %d", what, have, n)
	}
	for i := range n {
		if src, err = decode(i, src); err != nil {
			return fmt.Errorf("%s %d: %w", what, i+1, err)
		}
	}
	if len(src) > 0 {
		return fmt.Errorf("%d bytes after the last %s", len(src), what)
	}
	return nil
}

// valuesBody is a list of values on its way out.
type valuesBody struct {
	codecs   []*codec.Codec
	values   []reflect.Value
	what     string // what one is called in an error
	encoding codec.Encoding
}

// Size implements [ipc.Body].
func (b *valuesBody) Size(a *ipc.Attachments) int {
	b.attach(a)
	n := 9
	for i, c := range b.codecs {
		n += c.SizeWith(&b.encoding, b.values[i])
	}
	return n
}

// AppendTo implements [ipc.Body].
func (b *valuesBody) AppendTo(dst []byte, a *ipc.Attachments) ([]byte, error) {
	b.attach(a)
	b.encoding.Base = len(dst)
	dst = codec.AppendArrayHead(dst, len(b.codecs))
	var err error
	for i, c := range b.codecs {
		if dst, err = c.AppendWith(dst, &b.encoding, b.values[i]); err != nil {
			return dst, fmt.Errorf("%s %d: %w", b.what, i+1, err)
		}
	}
	return dst, nil
}

// attach sets what may be attached. A nil *Attachments is not an Attacher that is nil.
func (b *valuesBody) attach(a *ipc.Attachments) {
	if b.encoding.Attach = nil; a != nil {
		b.encoding.Attach = a
	}
}
