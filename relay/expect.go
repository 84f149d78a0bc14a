package relay

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// serveExpectation answers a caller that asks before it sends a body (Expect: 100-continue): with what the request's header alone
// is refused for, if anything.
//
// fasthttp sends the status that this returns, with what it finds in the response, and closes the connection.
func (r *Relay) serveExpectation(ctx *fasthttp.RequestCtx) (status int) {
	var at target
	status = fasthttp.StatusInternalServerError // if it panics
	defer r.rescue(ctx, &at)
	err := checkRequest(&ctx.Request.Header)
	if err == nil {
		err = at.parse(ctx.Request.Header.RequestURI())
	}
	if err == nil {
		err = r.foresee(ctx, &at)
	}
	if err == nil {
		return fasthttp.StatusContinue
	}
	r.guard.allow(ctx)
	r.writeProblem(ctx, err, at.name, at.method)
	expectMore(ctx.Conn(), true) // some send it unasked, after a while
	if r.config.AccessLog {
		r.logAccess(ctx, 0)
	}
	return ctx.Response.StatusCode()
}

// foresee finds fault with a request that has yet to send its body. What it lets pass may be refused all the same.
func (r *Relay) foresee(ctx *fasthttp.RequestCtx, at *target) error {
	if string(ctx.Method()) != fasthttp.MethodPost || at.base != relayapi.PathResources || at.method == nil {
		return nil // bodies are small there
	}
	if err := r.guard.mayCall(ctx); err != nil {
		return err
	}
	if r.draining.Load() {
		return errDraining
	}
	x := exchange{relay: r, http: ctx, began: time.Now(), name: at.name, method: at.method}
	_, err := x.admit()
	return err
}

// errDraining is the end of what comes too late.
var errDraining = &ipc.Error{Code: ipc.CodeClosed, Message: "the relay is shutting down"}
