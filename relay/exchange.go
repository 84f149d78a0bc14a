package relay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/jsonvalue"
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
	keepContext     bool // and so does that of the context
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
	defer func() { // also if it panics
		if !x.streaming {
			r.inFlight.Add(-1)
		}
		x.recycle()
	}()
	return x.run()
}

// enter takes a slot for a call.
func (r *Relay) enter() error {
	if r.draining.Load() {
		return errDraining
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
	a, err := x.admit()
	if err != nil {
		return err
	}
	x.begin(a.timeout)
	defer x.end()
	if err := x.readArgs(); err != nil {
		return err
	}
	err = x.tryAll(a.routes)
	if len(a.remotes) > 0 && (len(a.routes) == 0 || err != nil && x.mayGoOn(asError(err))) {
		err = x.forward(a.remotes)
	}
	return err
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
	if !x.keepContext {
		x.cancel()
	}
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
			if asError(err).Code != ipc.CodeStale {
				break
			}
			now, failed := x.relay.refresh(x.callCtx, rt)
			if x.wanted != 0 {
				return err // but whoever asks where the resource is learns of the one that is there now
			}
			if rt, err = now, failed; err != nil {
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
	return p, x.late(parted(err))
}

// parted makes the error of a client that the relay has closed what it is to callers: the server is gone, which another candidate
// may make up for. The call may have found the route just before it went.
func parted(err error) error {
	var e *ipc.Error
	if !errors.As(err, &e) || e.Code != ipc.CodeClosed {
		return err
	}
	return &ipc.Error{Code: ipc.CodeUnavailable, Message: "the connection to the server has ended", MayHaveRun: e.MayHaveRun}
}

// atOnce is how far apart the relay's and the server's ends of the same time may be.
const atOnce = 20 * time.Millisecond

// late makes the error of a resource whose context ended with the caller's time what it is: the time was over. Which of the two
// sees that first, the resource or the relay, is chance.
func (x *exchange) late(err error) error {
	var e *ipc.Error
	until, bounded := x.callCtx.Deadline()
	if !bounded || !errors.As(err, &e) || e.Code != ipc.CodeResource || !slices.Contains(e.Names, nameDeadline) || time.Until(until) > atOnce {
		return err // another one, or the resource's own
	}
	return &ipc.Error{Code: ipc.CodeDeadline, Message: e.Message, MayHaveRun: true}
}

// nameDeadline is the name of context.DeadlineExceeded on the wire.
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
		return &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("%v; the method is %s", err, m.desc)}
	}
	x.args = args
	return nil
}
