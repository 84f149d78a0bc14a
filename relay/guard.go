package relay

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"slices"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/ipc"
)

// guard says who may do what.
type guard struct {
	call, announce secret
	origins        []string
}

// secret is a token's hash, so that comparing takes as long whatever the length. The zero secret is none.
type secret struct {
	set  bool
	hash [sha256.Size]byte
}

func newSecret(token string) secret {
	if token == "" {
		return secret{}
	}
	return secret{true, sha256.Sum256([]byte(token))}
}

func newGuard(c *Config) guard {
	return guard{call: newSecret(c.Token), announce: newSecret(c.AnnounceToken), origins: c.Origins}
}

var bearer = []byte("Bearer ")

// shows tells whether the request has the token.
func (s *secret) shows(h *fasthttp.RequestHeader) bool {
	value := h.PeekBytes(headerAuthorization)
	if len(value) < len(bearer) || !bytes.EqualFold(value[:len(bearer)], bearer) {
		return false
	}
	hash := sha256.Sum256(value[len(bearer):])
	return subtle.ConstantTimeCompare(hash[:], s.hash[:]) == 1
}

// mayCall is nil if the request may call.
func (g *guard) mayCall(ctx *fasthttp.RequestCtx) error {
	if err := g.checkOrigin(ctx); err != nil {
		return err
	}
	h := &ctx.Request.Header
	if g.call.set && !g.call.shows(h) && !(g.announce.set && g.announce.shows(h)) { // servers call, too
		return noToken(h, errToken, errOtherToken)
	}
	return nil
}

// mayAnnounce is nil if the request may announce and withdraw.
func (g *guard) mayAnnounce(ctx *fasthttp.RequestCtx) error {
	if err := g.checkOrigin(ctx); err != nil {
		return err
	}
	switch {
	case g.announce.set && !g.announce.shows(&ctx.Request.Header):
		return noToken(&ctx.Request.Header, errServerToken, errOtherServerToken)
	case !g.announce.set && !fromHere(ctx.RemoteAddr(), ctx.LocalAddr()):
		return &ipc.Error{Code: ipc.CodeDenied, Message: "servers announce from the relay's own host only, unless it has a token for them (--announce-token-file)"}
	}
	return nil
}

// mayTell is nil if the request may come from another relay. Those of a mesh without tokens are on hosts of their own.
func (g *guard) mayTell(ctx *fasthttp.RequestCtx) error {
	if err := g.checkOrigin(ctx); err != nil {
		return err
	}
	if g.announce.set && !g.announce.shows(&ctx.Request.Header) {
		return noToken(&ctx.Request.Header, errServerToken, errOtherServerToken)
	}
	return nil
}

// noToken is the error for a request that does not show the token: none if it shows nothing, else other.
func noToken(h *fasthttp.RequestHeader, none, other *ipc.Error) error {
	if len(h.PeekBytes(headerAuthorization)) > 0 {
		return other
	}
	return none
}

// These are answered with 401.
var (
	errToken      = &ipc.Error{Code: ipc.CodeDenied, Message: "the relay wants a token: send Authorization: Bearer TOKEN (C2_TOKEN)"}
	errOtherToken = &ipc.Error{
		Code: ipc.CodeDenied, Message: "the relay wants another token than this one; send its own as Authorization: Bearer TOKEN (C2_TOKEN)",
	}
	errServerToken = &ipc.Error{
		Code: ipc.CodeDenied, Message: "the relay wants the token of servers: send Authorization: Bearer TOKEN (C2_TOKEN)",
	}
	errOtherServerToken = &ipc.Error{
		Code: ipc.CodeDenied, Message: "the relay wants another token than this one: that of servers, which may not be that of callers; " +
			"send it as Authorization: Bearer TOKEN (C2_TOKEN)",
	}
)

// wantsToken tells whether e is one of them.
func wantsToken(e *ipc.Error) bool {
	return e == errToken || e == errOtherToken || e == errServerToken || e == errOtherServerToken
}

// fromHere tells whether a connection comes from this host: who connects to an address of his own host has that very address,
// which no other host has.
func fromHere(remote, local net.Addr) bool {
	from, ok := remote.(*net.TCPAddr)
	to, known := local.(*net.TCPAddr)
	return ok && (from.IP.IsLoopback() || known && from.IP.Equal(to.IP))
}

// checkOrigin keeps pages of other origins from calling through their reader's browser, which reaches what they do not. The relay
// has no pages, so one that asks as if it were its own has had the browser take the relay's address for its server's.
func (g *guard) checkOrigin(ctx *fasthttp.RequestCtx) error {
	h := &ctx.Request.Header
	origin, site := h.PeekBytes(headerOrigin), h.PeekBytes(headerFetchSite)
	if len(origin) == 0 && (len(site) == 0 || string(site) == "none" || g.allowedOrigin("*")) {
		return nil
	}
	if len(origin) > 0 && g.allowedOrigin(string(origin)) {
		return nil
	}
	return &ipc.Error{Code: ipc.CodeDenied, Message: "pages of this origin may not call (--cors-origin)"}
}

func (g *guard) allowedOrigin(origin string) bool {
	return slices.Contains(g.origins, origin) || slices.Contains(g.origins, "*")
}

// allow tells a browser that the page may have the answer.
func (g *guard) allow(ctx *fasthttp.RequestCtx) {
	origin := ctx.Request.Header.PeekBytes(headerOrigin)
	if len(origin) == 0 || !g.allowedOrigin(string(origin)) {
		return
	}
	h := &ctx.Response.Header
	h.SetBytesV("Access-Control-Allow-Origin", origin)
	h.Set("Vary", "Origin")
	if string(ctx.Method()) == fasthttp.MethodOptions {
		h.Set("Access-Control-Allow-Methods", "GET, POST, DELETE")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, C2-Timeout, C2-Resource")
		h.Set("Access-Control-Max-Age", "600")
	}
}

var (
	headerAuthorization = []byte("Authorization")
	headerOrigin        = []byte("Origin")
	headerFetchSite     = []byte("Sec-Fetch-Site")
)
