package relay

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// problem is an error with a status other than that of its code.
type problem struct {
	err    *ipc.Error
	status int
	title  string
}

// Error implements error.
func (p *problem) Error() string { return p.err.Error() }

// Unwrap is the error without the status.
func (p *problem) Unwrap() error { return p.err }

func unsupported(status int, title, message string) error {
	return &problem{&ipc.Error{Code: ipc.CodeUnsupported, Message: message}, status, title}
}

// asError gives any error a code.
func asError(err error) *ipc.Error {
	var e *ipc.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &ipc.Error{Code: ipc.CodeDeadline, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &ipc.Error{Code: ipc.CodeCanceled, Message: err.Error()}
	}
	return &ipc.Error{Code: ipc.CodeInternal, Message: err.Error()}
}

// writeProblem makes err the answer. The names are those of the resource and method concerned, or nil.
func (r *Relay) writeProblem(ctx *fasthttp.RequestCtx, err error, resource, method []byte) {
	e := asError(err)
	r.metrics.problem(e.Code)
	p := relayapi.NewProblem(e)
	var special *problem
	var from *foreign
	switch {
	case errors.As(err, &from):
		*p = *from.problem
	case errors.As(err, &special):
		p.Status, p.Title = special.status, special.title
	case wantsToken(e):
		p.Status, p.Title = fasthttp.StatusUnauthorized, "Unauthorized"
		ctx.Response.Header.Set("WWW-Authenticate", `Bearer realm="c2"`)
	}
	p.Resource, p.Method = string(resource), string(method)
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal"}`)
	}
	ctx.Response.ResetBody()
	ctx.Response.SetStatusCode(p.Status)
	ctx.Response.Header.SetContentType(relayapi.TypeProblem)
	ctx.Response.SetBodyRaw(body)
}

// plainText is what fasthttp finds fault with, without what it tells its own users of buffers.
func plainText(err error) string {
	text, _, _ := strings.Cut(err.Error(), ": buffer size=")
	for _, lead := range []string{"error when reading request headers: ", "error when reading response headers: ", "fasthttp: "} {
		text = strings.TrimPrefix(text, lead)
	}
	return text
}

// serveFault answers a request that fasthttp could not read.
func (r *Relay) serveFault(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	e := &ipc.Error{Code: ipc.CodeInvalid, Message: "the request is not HTTP as it should be: " + plainText(err)}
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &small):
		r.writeProblem(ctx, &problem{&ipc.Error{Code: ipc.CodeTooLarge, Message: "the request's header is too long (--max-header)"},
			fasthttp.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large"}, nil, nil)
	case errors.As(err, &timeout) && timeout.Timeout():
		r.writeProblem(ctx, &problem{&ipc.Error{Code: ipc.CodeDeadline, Message: "the request took too long to come"},
			fasthttp.StatusRequestTimeout, "Request Timeout"}, nil, nil)
	default:
		r.writeProblem(ctx, e, nil, nil)
	}
	ctx.SetConnectionClose()
	expectMore(ctx.Conn(), timeout == nil)
}
