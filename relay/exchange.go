package relay

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/jsonvalue"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// exchange is one call and its answer, from the end of the request's header to the end of the handler.
type exchange struct {
	relay *Relay
	http  *fasthttp.RequestCtx
	began time.Time

	name, method    []byte
	wanted          uint64 // the id of the only resource that may answer, zero for any
	jsonIn, jsonOut bool
	text            []byte // the body, if it is JSON
	args            []byte // the arguments in CBOR, if they are small
	upload          *upload
	streaming       bool // the answer's end comes later, and gives the slot back
	callCtx         context.Context
	cancel          context.CancelFunc
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// serveCall calls a method.
func (r *Relay) serveCall(ctx *fasthttp.RequestCtx, name, method []byte) error {
	if err := r.guard.mayCall(ctx); err != nil {
		return err
	}
	if err := r.enter(); err != nil {
		return err
	}
	x := exchanges.Get().(*exchange)
	*x = exchange{relay: r, http: ctx, began: time.Now(), name: name, method: method, text: x.text[:0], args: x.args[:0]}
	err := x.run()
	if !x.streaming {
		r.inFlight.Add(-1)
	}
	x.recycle()
	return err
}

// enter takes a slot for a call.
func (r *Relay) enter() error {
	if r.draining.Load() {
		return &ipc.Error{Code: ipc.CodeClosed, Message: "the relay is shutting down"}
	}
	if r.inFlight.Add(1) > int64(r.config.MaxCalls) {
		r.inFlight.Add(-1)
		return &ipc.Error{Code: ipc.CodeBusy, Message: fmt.Sprintf("the relay has %d calls in flight, it takes no more (--max-calls)", r.config.MaxCalls)}
	}
	return nil
}

// recycle lets go of everything but buffers of a usual size.
func (x *exchange) recycle() {
	if x.upload != nil {
		x.upload.close()
	}
	text, args := x.text, x.args
	*x = exchange{}
	if cap(text) <= smallBody {
		x.text = text
	}
	if cap(args) <= smallBody {
		x.args = args
	}
	exchanges.Put(x)
}

func (x *exchange) run() error {
	if err := x.readHeader(); err != nil {
		return err
	}
	routes, err := x.routes()
	if err != nil {
		return err
	}
	timeout, err := x.timeout()
	if err != nil {
		return err
	}
	x.begin(timeout)
	defer x.end()
	if err := x.readArgs(); err != nil {
		return err
	}
	return x.tryAll(routes)
}

// readHeader reads what the request says of its and the answer's form.
func (x *exchange) readHeader() error {
	h := &x.http.Request.Header
	switch typ := h.ContentType(); mediaType(typ) {
	case relayapi.TypeCBOR:
	case relayapi.TypeJSON:
		x.jsonIn = true
	default:
		if length := h.ContentLength(); len(typ) > 0 || length > 0 || length == -1 {
			return wrongType(x.http, relayapi.TypeJSON+" or "+relayapi.TypeCBOR)
		}
		x.jsonIn = true // nothing is no arguments
	}
	x.jsonOut = x.jsonIn
	switch accept := h.PeekBytes(headerAccept); mediaType(accept) {
	case relayapi.TypeCBOR:
		x.jsonOut = false
	case relayapi.TypeJSON:
		x.jsonOut = true
	}
	if id := h.PeekBytes(headerResource); len(id) > 0 {
		wanted, err := parseID(string(id))
		x.wanted = wanted
		return err
	}
	return nil
}

var (
	headerAccept   = []byte("Accept")
	headerResource = []byte(relayapi.HeaderResource)
	headerTimeout  = []byte(relayapi.HeaderTimeout)
)

// routes are the candidates that the request takes.
func (x *exchange) routes() ([]*route, error) {
	routes := x.relay.candidates(x.name)
	if x.wanted != 0 {
		i := slices.IndexFunc(routes, func(rt *route) bool { return rt.id == x.wanted })
		if i < 0 {
			return nil, &ipc.Error{Code: ipc.CodeStale, Message: fmt.Sprintf("no resource of this name has the id %016x", x.wanted)}
		}
		return routes[i : i+1], nil
	}
	if len(routes) == 0 {
		return nil, notFound(x.name)
	}
	return routes, nil
}

func (x *exchange) timeout() (time.Duration, error) {
	text := x.http.Request.Header.PeekBytes(headerTimeout)
	if len(text) == 0 {
		return 0, nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d <= 0 {
		return 0, &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("%s: %.40q: want a duration above 0, like 1.5s", relayapi.HeaderTimeout, text)}
	}
	return d, nil
}

// begin makes the call's context, which ends with its time, when the caller leaves, and at the end of a shutdown.
func (x *exchange) begin(timeout time.Duration) {
	if timeout > 0 {
		x.callCtx, x.cancel = context.WithTimeout(context.Background(), timeout)
	} else {
		x.callCtx, x.cancel = context.WithCancel(context.Background())
	}
	if c, _ := connOf(x.http.Conn()); c != nil {
		c.begin(x.cancel)
	}
}

func (x *exchange) end() {
	if c, _ := connOf(x.http.Conn()); c != nil {
		c.end()
	}
	x.cancel()
}

// readArgs reads a body that is small or JSON, and prepares to read any other.
func (x *exchange) readArgs() (err error) {
	r := x.relay
	until, _ := x.callCtx.Deadline()
	if x.jsonIn {
		x.text, err = r.readBody(x.http, x.text, r.config.MaxJSON, until)
		r.metrics.received.Add(uint64(len(x.text)))
		return err
	}
	b, err := r.openBody(x.http, r.config.MaxBody, until)
	if err != nil {
		return err
	}
	if b.length <= smallBody {
		var complete bool
		x.args, complete, err = b.appendTo(x.args, smallBody)
		if complete || err != nil {
			r.metrics.received.Add(uint64(len(x.args)))
			return err
		}
	}
	x.upload = &upload{body: b, spool: r.spool}
	if b.length < 0 { // the server has to be told the length first
		err = x.spoolAll()
	}
	r.metrics.received.Add(uint64(max(x.upload.length, 0)))
	return err
}

// spoolAll takes a body of unknown length, whose beginning is in args, into a file.
func (x *exchange) spoolAll() error {
	if err := x.upload.open(); err != nil {
		return err
	}
	if _, err := x.upload.file.Write(x.args); err != nil {
		return err
	}
	return x.upload.finish()
}

// maxRefreshes bounds how often one call looks for a resource that is replaced each time it is found.
const maxRefreshes = 4

// tryAll calls the candidates until one has heard of the call.
func (x *exchange) tryAll(routes []*route) (err error) {
	for _, rt := range routes {
		for attempt := 0; rt != nil && attempt < maxRefreshes; attempt++ {
			var p *ipc.Payload
			m := rt.methods[string(x.method)]
			if m == nil {
				err = noSuchMethod(rt)
				break
			}
			if p, err = x.call(rt, m); err == nil {
				return x.answer(m, p)
			}
			if e := asError(err); e.Code != ipc.CodeStale || x.wanted != 0 {
				break
			}
			if rt, err = x.relay.refresh(x.callCtx, rt); err != nil {
				break
			}
			err = &ipc.Error{Code: ipc.CodeUnavailable, Message: fmt.Sprintf("the resource was replaced %d times during the call", attempt+1)}
		}
		if !x.mayGoOn(asError(err)) {
			return err
		}
	}
	return err
}

// mayGoOn tells whether another candidate may be tried: nothing has run, and the arguments are still there.
func (x *exchange) mayGoOn(e *ipc.Error) bool {
	if x.upload != nil && x.upload.used && x.upload.file == nil {
		return false
	}
	return (e.Code == ipc.CodeUnavailable || e.Code == ipc.CodeNotFound) && !e.MayHaveRun
}

func noSuchMethod(rt *route) error {
	has := strings.Join(slices.Sorted(maps.Keys(rt.methods)), ", ")
	return &ipc.Error{Code: ipc.CodeNotFound, Message: "the resource has no such method; it has " + has}
}

// call calls a method of one candidate.
func (x *exchange) call(rt *route, m *method) (*ipc.Payload, error) {
	if err := x.convert(m); err != nil {
		return nil, err
	}
	m.figures.inFlight.Add(1)
	p, err := x.send(rt, m)
	m.figures.inFlight.Add(-1)
	code := ipc.CodeOK
	if err != nil {
		code = asError(err).Code
	}
	m.figures.end(code, time.Since(x.began))
	return p, err
}

func (x *exchange) send(rt *route, m *method) (*ipc.Payload, error) {
	req := ipc.Request{Resource: rt.id, Method: m.index, Args: x, Spool: x.relay.spool}
	if x.upload != nil {
		req.Args = x.upload
	}
	p, err := rt.server.client.Call(x.callCtx, req)
	if err == errSlow {
		if err = x.upload.finish(); err == nil {
			p, err = rt.server.client.Call(x.callCtx, req)
		}
	}
	return p, x.late(err)
}

// late is err, or the end of the call's time where the resource told of that a moment before the relay saw it.
func (x *exchange) late(err error) error {
	if err == nil {
		return nil
	}
	end, ok := x.callCtx.Deadline()
	if e := asError(err); ok && e.Code == ipc.CodeResource && slices.Contains(e.Names, nameDeadline) && !time.Now().Before(end) {
		return &ipc.Error{Code: ipc.CodeDeadline, Message: e.Message, MayHaveRun: true}
	}
	return err
}

// nameDeadline is how package c2 names context.DeadlineExceeded.
const nameDeadline = "context.deadline_exceeded"

// Size implements [ipc.Body].
func (x *exchange) Size(*ipc.Attachments) int { return len(x.args) }

// AppendTo implements [ipc.Body].
func (x *exchange) AppendTo(dst []byte, _ *ipc.Attachments) ([]byte, error) {
	return append(dst, x.args...), nil
}

// convert makes CBOR of arguments that came as JSON, as the method takes them.
func (x *exchange) convert(m *method) error {
	if !x.jsonIn {
		return nil
	}
	args, err := jsonvalue.AppendArgs(x.args[:0], m.desc.Params, m.desc.Variadic, x.text)
	if err != nil {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("%s: %v", m.desc, err)}
	}
	x.args = args
	return nil
}
