package relay

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/gossip"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// admission is what there is for a call whose header is in order.
type admission struct {
	routes  []*route
	remotes []gossip.Candidate
	timeout time.Duration
}

// admit reads the request's header, and finds fault with it as far as that goes without the body.
func (x *exchange) admit() (a admission, err error) {
	if err = x.readHeader(); err != nil {
		return a, err
	}
	if a.routes, a.remotes, err = x.candidates(); err != nil {
		return a, err
	}
	if a.timeout, err = x.timeout(); err != nil {
		return a, err
	}
	if length := int64(x.http.Request.Header.ContentLength()); length > x.maxBody() {
		return a, tooLarge(x.maxBody())
	}
	return a, nil
}

// maxBody is how long the body may be.
func (x *exchange) maxBody() int64 {
	if x.jsonIn {
		return x.relay.config.MaxJSON
	}
	return x.relay.config.MaxBody
}

// readHeader reads what the request says of its and the answer's form.
func (x *exchange) readHeader() (err error) {
	h := &x.http.Request.Header
	if err := plainBody(x.http); err != nil {
		return err
	}
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
	x.accept(h.PeekBytes(headerAccept))
	x.wanted, err = wantedID(x.http)
	return err
}

// accept reads the list of types that the answer may have. The first of them that the relay has is taken, whatever weights they have.
func (x *exchange) accept(list []byte) {
	for len(list) > 0 {
		var one []byte
		one, list, _ = bytes.Cut(list, comma)
		switch mediaType(one) {
		case relayapi.TypeCBOR:
			x.jsonOut = false
			return
		case relayapi.TypeJSON:
			x.jsonOut = true
			return
		}
	}
}

var comma = []byte(",")

// wantedID is the id of the only resource that may answer, or zero.
func wantedID(ctx *fasthttp.RequestCtx) (uint64, error) {
	id := ctx.Request.Header.PeekBytes(headerResource)
	if len(id) == 0 {
		return 0, nil
	}
	return parseID(string(id))
}

func staleID(id uint64) error {
	return &ipc.Error{Code: ipc.CodeStale, Message: fmt.Sprintf("no resource of this name has the id %016x", id)}
}

var (
	headerAccept   = []byte("Accept")
	headerResource = []byte(relayapi.HeaderResource)
	headerTimeout  = []byte(relayapi.HeaderTimeout)
)

// candidates are the routes that the request takes, those of this relay's servers and those of others.
func (x *exchange) candidates() (routes []*route, remotes []gossip.Candidate, err error) {
	routes, remotes = x.relay.candidates(x.name), x.remotes()
	if x.wanted != 0 {
		i := slices.IndexFunc(routes, func(rt *route) bool { return rt.id == x.wanted })
		if i >= 0 {
			return routes[i : i+1], nil, nil
		}
		if len(remotes) == 0 {
			return nil, nil, staleID(x.wanted)
		}
		routes = nil
	}
	switch {
	case len(routes)+len(remotes) == 0:
		return nil, nil, notFound(x.name)
	case len(remotes) == 0 && !slices.ContainsFunc(routes, func(rt *route) bool { return rt.methods[string(x.method)] != nil }):
		return nil, nil, noSuchMethod(routes[0])
	}
	return routes, remotes, nil
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
