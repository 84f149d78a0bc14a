package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/gossip"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/internal/silence"
	"github.com/ctwo-go/c2/ipc"
)

// MeshConfig says how a relay finds others.
type MeshConfig struct {
	// Bind and Advertise are host:port where the relay gossips, and where others reach that; see [gossip.Config].
	Bind, Advertise string
	// Seeds are relays to join, by URL or by the host:port of their gossip.
	Seeds []string
	// Keys encrypt the gossip, the first of them; each has 16, 24 or 32 bytes. Default: it is not encrypted.
	Keys [][]byte
	// Snapshot is a file by which the relay finds the mesh again after a restart. Default: none.
	Snapshot string
	// TLS is for the connections to other relays, whose tokens are the relay's own. Default: the system's authorities.
	TLS *tls.Config
	// Tuning is how fast things go.
	Tuning gossip.Tuning
}

// mesh is the relay's side of the mesh: how it talks to other relays, and what it knows of them. A nil *mesh knows of none.
type mesh struct {
	relay    *Relay
	members  *gossip.Mesh
	http     *http.Client
	announce string // the token for changes
	call     string // the token for everything else

	untold untold // guarded by the relay's mu
	tables large

	left  atomic.Bool // by hand: the relay goes on alone
	keyMu sync.Mutex
	keys  [][]byte // guarded by keyMu
}

func (r *Relay) startMesh() error {
	c := r.config.Mesh
	if c == nil {
		return nil
	}
	if r.config.URL == "" {
		return errors.New("a relay of a mesh needs a URL by which the others reach it (--advertise-url)")
	}
	m := &mesh{relay: r, call: r.config.Token, announce: r.config.AnnounceToken, keys: c.Keys, tables: newLarge()}
	m.http = &http.Client{
		Transport: &http.Transport{
			// A host that swallows packets must not keep a call from the next candidate.
			DialContext: silence.Dialer(reachTimeout).DialContext, TLSHandshakeTimeout: reachTimeout,
			TLSClientConfig: c.TLS, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute,
			DisableCompression: true, WriteBufferSize: smallBody, ReadBufferSize: smallBody,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var err error
	m.members, err = gossip.Start(gossip.Config{
		ID: r.config.ID, URL: r.config.URL, Bind: c.Bind, Advertise: c.Advertise, Seeds: c.Seeds, Keys: c.Keys,
		Snapshot: c.Snapshot, Tuning: c.Tuning, Logger: r.log, Limits: r.tableLimits(),
		Resolve: m.resolve, Fetch: m.fetch, Push: m.push,
	})
	if err != nil {
		return fmt.Errorf("mesh: %w", err)
	}
	r.mesh = m
	return nil
}

// reachTimeout is how long another relay may take to be reached.
const reachTimeout = 2 * time.Second

// leave tells the others that the relay goes, and ends the gossip.
func (m *mesh) leave(ctx context.Context) {
	if m == nil {
		return
	}
	if err := m.members.Leave(ctx); err != nil {
		m.relay.log.Warn().Err(err).Msg("leaving the mesh")
	}
	if err := m.members.Shutdown(); err != nil {
		m.relay.log.Warn().Err(err).Msg("leaving the mesh")
	}
	m.http.CloseIdleConnections()
}

// routeOf is a route as other relays know it.
func routeOf(rt *route) gossip.Route {
	reads, writes := rt.accesses()
	return gossip.Route{
		Key: keyOf(rt), ID: rt.idText(), Contract: clip(rt.desc.Contract, relayapi.MaxName), Namespace: clip(rt.desc.Namespace, relayapi.MaxName),
		Version: clip(rt.desc.Version, maxShort), Reads: uint32(reads), Writes: uint32(writes),
	}
}

func keyOf(rt *route) gossip.Key { return gossip.Key{Name: rt.name, Instance: rt.server.instance} }

// maxShort bounds a version in gossip.
const maxShort = 128

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// lookup finds a name at other relays.
func (m *mesh) lookup(name string) []gossip.Candidate {
	if m == nil || m.left.Load() {
		return nil
	}
	return m.members.Lookup(name)
}

func remotePlace(c *gossip.Candidate) relayapi.Place {
	return relayapi.Place{Relay: c.Relay, URL: c.URL, Instance: c.Instance, ID: c.ID}
}

func remoteLine(c *gossip.Candidate) relayapi.Route {
	return relayapi.Route{
		Name: c.Name, Contract: c.Contract, Namespace: c.Namespace, Version: c.Version,
		Place: remotePlace(c), Reads: int(c.Reads), Writes: int(c.Writes),
	}
}

// list are the routes of all other relays.
func (m *mesh) list() []gossip.Candidate {
	if m == nil || m.left.Load() {
		return nil
	}
	return m.members.All()
}

// question is what is asked of another relay.
type question struct {
	verb, url string
	token     string
	wanted    string // the id of the only resource that may be spoken of, empty for any
	body      io.Reader
	limit     int // bytes of the answer
}

// ask makes a request of another relay, and returns its answer.
func (m *mesh) ask(ctx context.Context, q question) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, q.verb, q.url, q.body)
	if err != nil {
		return nil, err
	}
	if q.token != "" {
		req.Header.Set("Authorization", "Bearer "+q.token)
	}
	if q.wanted != "" {
		req.Header.Set(relayapi.HeaderResource, q.wanted)
	}
	req.Header.Set(relayapi.HeaderVia, m.relay.config.ID)
	resp, err := m.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, int64(q.limit)+1))
	switch {
	case err != nil:
		return nil, err
	case len(answer) > q.limit:
		return nil, fmt.Errorf("%s answered with more than %d bytes", q.url, q.limit)
	case resp.StatusCode/100 != 2:
		return nil, relayapi.ParseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), answer).Err()
	}
	return answer, nil
}

// resolve asks the relay at a URL for its gossip address.
func (m *mesh) resolve(ctx context.Context, relayURL string) (string, error) {
	body, err := m.ask(ctx, question{verb: http.MethodGet, url: base(relayURL) + relayapi.PathMembers, token: m.call, limit: maxAnnouncement})
	if err != nil {
		return "", err
	}
	var list relayapi.Members
	if err := relayapi.Unmarshal(body, maxAnnouncement, &list); err != nil {
		return "", fmt.Errorf("%s does not answer as a relay: %w", relayURL, err)
	}
	for _, member := range list.Members {
		if member.ID == list.Relay && member.Gossip != "" {
			return member.Gossip, nil
		}
	}
	return "", fmt.Errorf("%s is a relay without a mesh; give it --gossip-bind or --seeds", relayURL)
}

func (m *mesh) fetch(ctx context.Context, relayURL string, q gossip.Query) ([]byte, error) {
	return m.ask(ctx, question{
		verb: http.MethodGet, url: base(relayURL) + relayapi.PathTable + "?" + q.Encode(), token: m.call, limit: m.tableBytes(),
	})
}

func (m *mesh) push(ctx context.Context, relayURL string, delta []byte) error {
	_, err := m.ask(ctx, question{
		verb: http.MethodPost, url: base(relayURL) + relayapi.PathTable, token: m.announce, body: bytes.NewReader(delta), limit: smallBody,
	})
	return err
}

// tableBytes bounds what another relay may send of its table.
func (m *mesh) tableBytes() int { return m.relay.tableLimits().DeltaBytes() }

// tableLimits bound the tables of the mesh, which should be the same for all its relays.
func (r *Relay) tableLimits() gossip.Limits {
	return gossip.Limits{Routes: r.config.MaxRoutes, TableBytes: max(r.config.MaxRoutes*routeBytes, 4<<20)}
}

// routeBytes is what a route takes in a table, if its names are not unusually long.
const routeBytes = 256

func base(relayURL string) string { return strings.TrimSuffix(relayURL, "/") }

var errNoMesh = &ipc.Error{Code: ipc.CodeUnsupported, Message: "this relay is in no mesh (--gossip-bind, --seeds)"}

// serveTable answers another relay that asks for the table, or tells of its own.
func (r *Relay) serveTable(ctx *fasthttp.RequestCtx, verb string, query []byte) error {
	if r.mesh == nil {
		return errNoMesh
	}
	if verb == fasthttp.MethodPost {
		return r.takeTable(ctx)
	}
	if err := r.guard.mayCall(ctx); err != nil {
		return err
	}
	q, err := parseQuery(query)
	if err != nil {
		return err
	}
	ctx.Response.Header.SetContentType("application/octet-stream")
	ctx.Response.SetBodyRaw(r.mesh.members.Table(q))
	return nil
}

func parseQuery(query []byte) (gossip.Query, error) {
	values, err := url.ParseQuery(string(query))
	var q gossip.Query
	if err == nil {
		q, err = gossip.ParseQuery(values.Get("incarnation"), values.Get("since"))
	}
	if err != nil {
		return q, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()}
	}
	return q, nil
}

// takeTable takes what another relay tells of its table. It is believed for as long as what serf says of that relay bears it out.
func (r *Relay) takeTable(ctx *fasthttp.RequestCtx) error {
	if err := r.guard.mayTell(ctx); err != nil {
		return err
	}
	end, err := r.mesh.tables.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	body, err := r.readBody(ctx, nil, int64(r.mesh.tableBytes()), time.Time{})
	if err != nil {
		return err
	}
	if err := r.mesh.members.Receive(body); err != nil {
		code := ipc.CodeInvalid
		if errors.Is(err, gossip.ErrUnknown) {
			code = ipc.CodeStale
		}
		return &ipc.Error{Code: code, Message: err.Error()}
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
	return nil
}

// serveMembers lists the relays of the mesh, or has the relay join one or leave it.
func (r *Relay) serveMembers(ctx *fasthttp.RequestCtx, verb string) error {
	switch verb {
	case fasthttp.MethodPost, fasthttp.MethodDelete:
		if err := r.guard.mayAnnounce(ctx); err != nil {
			return err
		}
		if r.mesh == nil {
			return errNoMesh
		}
		if verb == fasthttp.MethodDelete {
			if err := r.mesh.depart(); err != nil {
				return &ipc.Error{Code: ipc.CodeUnavailable, Message: err.Error()}
			}
			ctx.SetStatusCode(fasthttp.StatusNoContent)
			return nil
		}
		return r.joinMesh(ctx)
	case fasthttp.MethodGet, fasthttp.MethodHead:
		if err := r.guard.mayCall(ctx); err != nil {
			return err
		}
		return writeJSON(ctx, r.members())
	}
	return wrongVerb(ctx, "GET, POST, DELETE")
}

// maxJoining bounds a request to join.
const maxJoining = 64 << 10

func (r *Relay) joinMesh(ctx *fasthttp.RequestCtx) error {
	if err := wantType(ctx, relayapi.TypeJSON); err != nil {
		return err
	}
	body, err := r.readBody(ctx, nil, maxJoining, time.Time{})
	if err != nil {
		return err
	}
	var j relayapi.Joining
	if err := relayapi.Unmarshal(body, maxJoining, &j); err != nil || len(j.Addresses) == 0 {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: `want {"addresses": ["http://host:port"]}`}
	}
	if err := r.mesh.members.CheckSeeds(j.Addresses...); err != nil {
		return &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()}
	}
	wait, cancel := context.WithTimeout(context.Background(), announceTimeout)
	defer cancel()
	if err := r.mesh.members.Join(wait, j.Addresses...); err != nil {
		return &ipc.Error{Code: ipc.CodeUnavailable, Message: err.Error()}
	}
	return writeJSON(ctx, r.members())
}

// leaveTimeout bounds how long leaving a mesh may take.
const leaveTimeout = 8 * time.Second

// depart leaves the mesh while the relay goes on alone. It takes about a second.
func (m *mesh) depart() error {
	m.left.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	return m.members.Leave(ctx)
}

func (r *Relay) members() relayapi.Members {
	list := relayapi.Members{Relay: r.config.ID}
	if r.mesh == nil || r.mesh.left.Load() {
		routes, _ := r.sizes()
		list.Members = []relayapi.Member{{ID: r.config.ID, URL: r.config.URL, Status: "alive", Incarnation: r.incarnation, Routes: routes}}
		return list
	}
	for _, m := range r.mesh.members.Members() {
		one := relayapi.Member{
			ID: m.ID, URL: m.URL, Gossip: m.Gossip, Status: string(m.Status), Version: m.Version, Routes: m.Routes, RTT: m.RTT.Seconds(),
		}
		if m.Incarnation > 0 {
			one.Incarnation = strconv.FormatUint(m.Incarnation, 16)
		}
		list.Members = append(list.Members, one)
	}
	return list
}
