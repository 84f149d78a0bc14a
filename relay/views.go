package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// writeJSON makes v the answer.
func writeJSON(ctx *fasthttp.RequestCtx, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx.Response.Header.SetContentType(relayapi.TypeJSON)
	ctx.Response.SetBodyRaw(append(body, '\n'))
	return nil
}

// notFound is the error about a name that nobody has.
func notFound(name []byte) error {
	return &ipc.Error{Code: ipc.CodeNotFound, Message: fmt.Sprintf("no resource %.255q is announced here", name)}
}

func (r *Relay) serveList(ctx *fasthttp.RequestCtx) error {
	list := relayapi.Routes{Relay: r.config.ID, Resources: []relayapi.Route{}}
	for _, rt := range r.listRoutes() {
		list.Resources = append(list.Resources, r.line(rt))
	}
	others := r.mesh.list()
	for i := range others {
		list.Resources = append(list.Resources, remoteLine(&others[i]))
	}
	return writeJSON(ctx, list)
}

// described is a descriptor with the resource's id.
type described struct {
	ID string `json:"id"`
	*c2.Descriptor
}

func (r *Relay) serveDescriptor(ctx *fasthttp.RequestCtx, name []byte) error {
	wanted, err := wantedID(ctx)
	if err != nil {
		return err
	}
	routes := r.candidates(name)
	i := slices.IndexFunc(routes, func(rt *route) bool { return wanted == 0 || rt.id == wanted })
	if i >= 0 {
		return writeJSON(ctx, described{routes[i].idText(), routes[i].desc})
	}
	err = r.serveElsewhere(ctx, relayapi.PathResources+"/", name)
	if len(routes) > 0 && err != nil && asError(err).Code == ipc.CodeNotFound {
		return staleID(wanted)
	}
	return err
}

func (r *Relay) serveResolution(ctx *fasthttp.RequestCtx, name []byte) error {
	routes, others := r.candidates(name), r.mesh.lookup(string(name))
	if len(routes)+len(others) == 0 {
		return notFound(name)
	}
	found := relayapi.Resolution{Name: string(name)}
	for _, rt := range routes {
		found.Candidates = append(found.Candidates, r.place(rt))
	}
	for i := range others {
		found.Candidates = append(found.Candidates, remotePlace(&others[i]))
	}
	return writeJSON(ctx, found)
}

func (r *Relay) serveStats(ctx *fasthttp.RequestCtx, name []byte) error {
	routes := r.candidates(name)
	if len(routes) == 0 {
		return r.serveElsewhere(ctx, relayapi.PathStats, name)
	}
	s := routes[0].figures.stats()
	s.Name, s.Relay, s.Since = string(name), r.config.ID, r.since.UTC().Format(time.RFC3339)
	return writeJSON(ctx, s)
}

// maxAnnouncement bounds an announcement's bytes: with names of usual lengths, some hundred thousand resources.
const maxAnnouncement = 32 << 20

func (r *Relay) serveAnnouncement(ctx *fasthttp.RequestCtx) error {
	if err := wantType(ctx, relayapi.TypeJSON); err != nil {
		return err
	}
	end, err := r.announcements.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	body, err := r.readBody(ctx, nil, maxAnnouncement, time.Time{})
	if err != nil {
		return err
	}
	var a relayapi.Announcement
	switch err := relayapi.Unmarshal(body, maxAnnouncement, &a); {
	case errors.Is(err, relayapi.ErrTooLarge):
		return &ipc.Error{Code: ipc.CodeTooLarge, Message: "the announcement is " + err.Error()}
	case err != nil:
		return &ipc.Error{Code: ipc.CodeInvalid, Message: "the announcement is not what docs/relay.md says: " + err.Error()}
	}
	if len(a.Resources) > r.config.MaxRoutes {
		return &ipc.Error{Code: ipc.CodeTooLarge, Message: fmt.Sprintf("%d resources, the relay takes %d (--max-routes)", len(a.Resources), r.config.MaxRoutes)}
	}
	accepted, err := r.announce(&a)
	if err != nil {
		if asError(err).Code != ipc.CodeStale {
			r.metrics.discarded.Add(1)
			if !r.draining.Load() && r.refusals.news(a.Address, err.Error()) {
				r.log.Warn().Str("address", a.Address).Err(err).Msg("announcement refused")
			}
		}
		return err
	}
	r.refusals.forget(a.Address)
	if a.Resources != nil {
		r.metrics.announced.Add(1)
	}
	return writeJSON(ctx, accepted)
}

func (r *Relay) serveWithdrawal(ctx *fasthttp.RequestCtx, name, query []byte) error {
	instance, err := queryValue(query, "instance")
	if err != nil {
		return err
	}
	if !r.withdraw(string(name), instance) {
		return notFound(name)
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// queryValue is the value of a query's key, which alone may be there.
func queryValue(query []byte, key string) (string, error) {
	if len(query) == 0 {
		return "", nil
	}
	name, value, _ := bytes.Cut(query, []byte("="))
	text, err := unescape(value)
	if err != nil || string(name) != key || bytes.IndexByte(value, '&') >= 0 {
		return "", &ipc.Error{Code: ipc.CodeInvalid, Message: fmt.Sprintf("query %.80q: only %s=… is taken", query, key)}
	}
	return string(text), nil
}
