package relay

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// serveHTTP answers one request.
func (r *Relay) serveHTTP(ctx *fasthttp.RequestCtx) {
	var began time.Time
	if r.config.AccessLog {
		began = time.Now()
	}
	r.expectBody(ctx)
	r.route(ctx)
	if r.leaving.Load() {
		ctx.SetConnectionClose() // so that nobody calls on a connection that is just being closed
	}
	if r.config.AccessLog {
		r.logAccess(ctx, time.Since(began))
	}
}

func (r *Relay) logAccess(ctx *fasthttp.RequestCtx, took time.Duration) {
	r.log.Info().Bytes("method", ctx.Method()).Bytes("target", ctx.Request.Header.RequestURI()).
		Int("status", ctx.Response.StatusCode()).Dur("ms", took).Stringer("from", ctx.RemoteAddr()).Msg("request")
}

// route finds who answers, by the target as it came: fasthttp's own path is decoded already, where a name may have a slash.
func (r *Relay) route(ctx *fasthttp.RequestCtx) {
	var at target
	defer r.rescue(ctx, &at)
	err := checkRequest(&ctx.Request.Header)
	if err != nil {
		ctx.SetConnectionClose()
		expectMore(ctx.Conn(), true) // where its body ends nobody knows
	} else {
		err = at.parse(ctx.Request.Header.RequestURI())
	}
	if err == nil {
		err = r.dispatch(ctx, &at)
	}
	r.guard.allow(ctx)
	if err != nil {
		r.writeProblem(ctx, err, at.name, at.method)
	}
}

// rescue, deferred, makes a panic the end of one request only.
func (r *Relay) rescue(ctx *fasthttp.RequestCtx, at *target) {
	if v := recover(); v != nil {
		r.log.Error().Str("panic", fmt.Sprint(v)).Str("stack", string(debug.Stack())).Msg("relay panicked")
		r.writeProblem(ctx, &ipc.Error{Code: ipc.CodeInternal, Message: "the relay failed; its log says more", MayHaveRun: true}, at.name, at.method)
	}
}

// target is what a request asks for.
type target struct {
	base         string // a path of relayapi, without the names
	name, method []byte
	query        []byte
}

// parse reads a request's target.
func (t *target) parse(uri []byte) (err error) {
	var path []byte
	if path, t.query, err = splitTarget(uri); err != nil {
		return err
	}
	for _, base := range []string{relayapi.PathResources, baseResolve, baseStats, relayapi.PathRoutes} {
		if len(path) > len(base) && path[len(base)] == '/' && string(path[:len(base)]) == base {
			t.base = base
			return t.parseNames(path[len(base)+1:])
		}
	}
	t.base = string(path)
	return nil
}

func (t *target) parseNames(rest []byte) (err error) {
	name, method, called := bytes.Cut(rest, slash)
	if t.name, err = unescape(name); err != nil {
		return err
	}
	if err := checkName(string(t.name)); err != nil {
		t.name = nil
		return err
	}
	if !called {
		return nil
	}
	if t.method, err = unescape(method); err != nil {
		return err
	}
	if len(t.method) == 0 || len(t.method) > relayapi.MaxName || bytes.IndexByte(method, '/') >= 0 {
		t.method = nil
		return &ipc.Error{Code: ipc.CodeNotFound, Message: "no such path; a call is POST /v1/resources/{name}/{method}"}
	}
	return nil
}

var slash = []byte("/")

// The paths as dispatch compares them.
const (
	baseResolve = "/v1/resolve"
	baseStats   = "/v1/stats"
)

func (r *Relay) dispatch(ctx *fasthttp.RequestCtx, at *target) error {
	verb := string(ctx.Method())
	if verb == fasthttp.MethodOptions {
		return r.guard.checkOrigin(ctx) // a browser asks before it calls, without a token
	}
	named, called := at.name != nil, at.method != nil
	switch {
	case at.base == relayapi.PathResources && called:
		if verb != fasthttp.MethodPost {
			return wrongVerb(ctx, fasthttp.MethodPost)
		}
		return r.serveCall(ctx, at.name, at.method)
	case called:
		return noSuchPath()
	case at.base == relayapi.PathRoutes && !named:
		return r.forServers(ctx, verb, fasthttp.MethodPost, func() error { return r.serveAnnouncement(ctx) })
	case at.base == relayapi.PathRoutes:
		return r.forServers(ctx, verb, fasthttp.MethodDelete, func() error { return r.serveWithdrawal(ctx, at.name, at.query) })
	case at.base == relayapi.PathTable:
		return r.serveTable(ctx, verb, at.query)
	case at.base == relayapi.PathMembers:
		return r.serveMembers(ctx, verb)
	case !at.viewed():
		return noSuchPath()
	case verb != fasthttp.MethodGet && verb != fasthttp.MethodHead:
		return wrongVerb(ctx, fasthttp.MethodGet)
	case at.base == relayapi.PathHealth:
		return writeJSON(ctx, status{"ok"})
	case at.base == relayapi.PathReady:
		return r.serveReady(ctx)
	}
	if err := r.guard.mayCall(ctx); err != nil {
		return err
	}
	return r.serveView(ctx, at, named)
}

// viewed tells whether the target is one that answers GET alone.
func (t *target) viewed() bool {
	switch t.base {
	case relayapi.PathResources, relayapi.PathMetrics, relayapi.PathHealth, relayapi.PathReady:
		return true
	}
	return (t.base == baseResolve || t.base == baseStats) && t.name != nil
}

// serveView answers what is asked about resources and relays.
func (r *Relay) serveView(ctx *fasthttp.RequestCtx, at *target, named bool) error {
	switch {
	case at.base == relayapi.PathResources && !named:
		return r.serveList(ctx)
	case at.base == relayapi.PathResources:
		return r.serveDescriptor(ctx, at.name)
	case at.base == baseResolve && named:
		return r.serveResolution(ctx, at.name)
	case at.base == baseStats && named:
		return r.serveStats(ctx, at.name)
	case at.base == relayapi.PathMetrics:
		return r.serveMetrics(ctx)
	}
	return noSuchPath()
}

// forServers answers those who may announce.
func (r *Relay) forServers(ctx *fasthttp.RequestCtx, verb, want string, serve func() error) error {
	if verb != want {
		return wrongVerb(ctx, want)
	}
	if err := r.guard.mayAnnounce(ctx); err != nil {
		return err
	}
	return serve()
}

// status answers those who look after processes.
type status struct {
	Status string `json:"status"`
}

func (r *Relay) serveReady(ctx *fasthttp.RequestCtx) error {
	if r.leaving.Load() {
		return errDraining
	}
	return writeJSON(ctx, status{"ready"})
}

func noSuchPath() error {
	return &ipc.Error{Code: ipc.CodeNotFound, Message: "no such path; docs/relay.md has them all"}
}

func wrongVerb(ctx *fasthttp.RequestCtx, want string) error {
	ctx.Response.Header.Set("Allow", want)
	return unsupported(fasthttp.StatusMethodNotAllowed, "Method Not Allowed", "this path takes "+want)
}

// wantType refuses a body of another type: pages of foreign origins can send other ones unasked.
func wantType(ctx *fasthttp.RequestCtx, want string) error {
	if mediaType(ctx.Request.Header.ContentType()) != want {
		return wrongType(ctx, want)
	}
	return plainBody(ctx)
}

// plainBody refuses a body that has to be unpacked first: how large it would become only its sender knows.
func plainBody(ctx *fasthttp.RequestCtx) error {
	coding := ctx.Request.Header.PeekBytes(headerEncoding)
	if len(coding) == 0 || bytes.EqualFold(coding, codingIdentity) {
		return nil
	}
	return unsupported(fasthttp.StatusUnsupportedMediaType, "Unsupported Media Type",
		fmt.Sprintf("a body with Content-Encoding: %.40q; send it as it is", coding))
}

var (
	headerEncoding = []byte("Content-Encoding")
	codingIdentity = []byte("identity")
)

func wrongType(ctx *fasthttp.RequestCtx, want string) error {
	return unsupported(fasthttp.StatusUnsupportedMediaType, "Unsupported Media Type",
		fmt.Sprintf("a body of type %.80q; send Content-Type: %s", ctx.Request.Header.ContentType(), want))
}

// mediaType is a type without its parameters. Those that the relay knows cost nothing.
func mediaType(value []byte) string {
	if i := bytes.IndexByte(value, ';'); i >= 0 {
		value = value[:i]
	}
	value = bytes.TrimSpace(value)
	switch {
	case bytes.EqualFold(value, typeCBOR):
		return relayapi.TypeCBOR
	case bytes.EqualFold(value, typeJSON):
		return relayapi.TypeJSON
	}
	return string(value)
}

var (
	typeCBOR = []byte(relayapi.TypeCBOR)
	typeJSON = []byte(relayapi.TypeJSON)
)
