package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/gossip"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// headerVia tells that a call has come through another relay: it goes no further.
var headerVia = []byte(relayapi.HeaderVia)

// remotes are the relays that have the resource, if the call may go to another one.
func (x *exchange) remotes() []gossip.Candidate {
	if len(x.http.Request.Header.PeekBytes(headerVia)) > 0 {
		return nil
	}
	list := x.relay.mesh.lookup(string(x.name))
	if x.wanted == 0 {
		return list
	}
	id := relayapi.FormatID(x.wanted)
	for i := range list {
		if list[i].ID == id {
			return list[i : i+1]
		}
	}
	return nil
}

// forward passes the call on to one other relay after the other, until one has heard of it.
func (x *exchange) forward(remotes []gossip.Candidate) (err error) {
	for i := range remotes {
		if err = x.passOn(&remotes[i]); err == nil || !x.mayGoOn(asError(err)) {
			return err
		}
	}
	return err
}

// passOn passes the call on to one relay, as it came, and its answer back. An error of that relay's is the answer unless it says
// that nobody there has heard of the call.
func (x *exchange) passOn(c *gossip.Candidate) error {
	resp, cancel, err := x.ask(c)
	if err == errLostConnection { // of those that are kept open; there may be more such
		x.relay.mesh.http.CloseIdleConnections()
		resp, cancel, err = x.ask(c)
	}
	if err == errLostConnection {
		err = &ipc.Error{Code: ipc.CodeUnavailable, Message: fmt.Sprintf("the relay %s ends its connections", c.Relay)}
	}
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		defer cancel()
		defer resp.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(resp.Body, relayapi.MaxProblem)) // half a problem is none, and is told as such
		return &foreign{relayapi.ParseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)}
	}
	return x.answerFrom(resp, cancel)
}

// errLostConnection tells that a connection was lost that had been open before, and nothing was sent.
var errLostConnection = errors.New("the connection was lost before anything was sent")

// ask sends the call to another relay, and returns its answer. cancel is to be called when that has been read.
func (x *exchange) ask(c *gossip.Candidate) (_ *http.Response, cancel context.CancelFunc, err error) {
	ctx, cancel := context.WithCancel(x.callCtx)
	var sent, reused atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { reused.Store(info.Reused) },
		WroteHeaders: func() { sent.Store(true) },
	})
	req, err := x.requestTo(ctx, c)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	resp, err := x.relay.mesh.http.Do(req)
	if err == nil {
		return resp, cancel, nil
	}
	cancel()
	if reused.Load() && !sent.Load() && x.callCtx.Err() == nil && (x.upload == nil || x.upload.file != nil) {
		return nil, nil, errLostConnection
	}
	return nil, nil, x.unreached(c, err, sent.Load())
}

// foreign is a problem that another relay told of.
type foreign struct{ problem *relayapi.Problem }

func (f *foreign) Error() string { return f.problem.Detail }

// Unwrap is what the problem says.
func (f *foreign) Unwrap() error { return f.problem.Err() }

func (x *exchange) requestTo(ctx context.Context, c *gossip.Candidate) (*http.Request, error) {
	target := base(c.URL) + relayapi.PathResources + "/" + url.PathEscape(string(x.name)) + "/" + url.PathEscape(string(x.method))
	body, length, err := x.bodyAgain()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, body)
	if err != nil {
		return nil, &ipc.Error{Code: ipc.CodeInternal, Message: err.Error()}
	}
	req.GetBody = nil // so that net/http sends nothing twice by itself
	req.ContentLength = length
	h := req.Header
	h.Set("Content-Type", typeOf(x.jsonIn))
	h.Set("Accept", typeOf(x.jsonOut))
	h.Set(relayapi.HeaderVia, x.relay.config.ID)
	if x.wanted != 0 {
		h.Set(relayapi.HeaderResource, c.ID)
	}
	if deadline, ok := ctx.Deadline(); ok {
		h.Set(relayapi.HeaderTimeout, max(time.Until(deadline), time.Microsecond).String())
	}
	if token := x.relay.mesh.call; token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func typeOf(json bool) string {
	if json {
		return relayapi.TypeJSON
	}
	return relayapi.TypeCBOR
}

// bodyAgain is the body to be sent, from its beginning.
func (x *exchange) bodyAgain() (io.Reader, int64, error) {
	switch {
	case x.jsonIn:
		return bytes.NewReader(x.text), int64(len(x.text)), nil
	case x.upload == nil:
		return bytes.NewReader(x.args), int64(len(x.args)), nil
	}
	if err := x.upload.Rewind(); err != nil {
		return nil, 0, err
	}
	return struct{ io.Reader }{x.upload}, x.upload.length, nil
}

// unreached is how a call ends whose relay did not answer. It may have run there if so much as its header was written.
func (x *exchange) unreached(c *gossip.Candidate, err error, sent bool) error {
	if x.callCtx.Err() != nil {
		e := *asError(x.callCtx.Err())
		e.MayHaveRun = sent
		return &e
	}
	var own *ipc.Error
	if errors.As(err, &own) {
		return own // of the body that could not be read
	}
	return &ipc.Error{Code: ipc.CodeUnavailable, Message: fmt.Sprintf("the relay %s does not answer: %v", c.Relay, err), MayHaveRun: sent}
}

// answerFrom sends on what another relay answered.
func (x *exchange) answerFrom(resp *http.Response, cancel context.CancelFunc) error {
	h := &x.http.Response.Header
	h.SetContentType(resp.Header.Get("Content-Type"))
	if n := resp.ContentLength; n >= 0 && n <= smallAnswer {
		defer cancel()
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			x.http.Response.Header.SetContentType("")
			return &ipc.Error{Code: ipc.CodeUnavailable, Message: "the answer broke off: " + err.Error(), MayHaveRun: true}
		}
		x.http.Response.SetBodyRaw(body)
		return nil
	}
	// The context has to last as long as the answer is read.
	x.keepContext = true
	callCancel := x.cancel
	x.stream(&download{source: resp.Body, size: resp.ContentLength, after: func() {
		resp.Body.Close()
		cancel()
		callCancel()
	}})
	return nil
}

// serveElsewhere answers a question about a resource that other relays have, as the first of them does that is there. A question
// that came from another relay goes no further.
func (r *Relay) serveElsewhere(ctx *fasthttp.RequestCtx, path string, name []byte) error {
	var err error = notFound(name)
	if len(ctx.Request.Header.PeekBytes(headerVia)) > 0 {
		return err
	}
	wanted := ctx.Request.Header.PeekBytes(headerResource)
	others := r.mesh.lookup(string(name))
	for i := range others {
		if len(wanted) > 0 && others[i].ID != string(wanted) {
			err = &ipc.Error{Code: ipc.CodeStale, Message: "no resource of this name has this id"}
			continue
		}
		var body []byte
		if body, err = r.mesh.askAbout(&others[i], path, name, string(wanted)); err == nil {
			ctx.Response.Header.SetContentType(relayapi.TypeJSON)
			ctx.Response.SetBodyRaw(body)
			return nil
		}
	}
	var told *ipc.Error
	if !errors.As(err, &told) {
		err = &ipc.Error{Code: ipc.CodeUnavailable, Message: "the resource's relay does not answer: " + err.Error()}
	}
	return err
}

// askAbout asks another relay about a resource.
func (m *mesh) askAbout(c *gossip.Candidate, path string, name []byte, wanted string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), announceTimeout)
	defer cancel()
	return m.ask(ctx, question{
		verb: http.MethodGet, url: base(c.URL) + path + url.PathEscape(string(name)), token: m.call, wanted: wanted, limit: 2 * maxDescriptor,
	})
}
