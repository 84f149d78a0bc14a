package c2_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// fakeRelay is a relay as docs/relay.md has it, as far as clients and servers go: it takes announcements, resolves names
// and passes calls on to the servers.
type fakeRelay struct {
	t       testing.TB
	id      string
	address string      // host:port
	token   string      // what it demands of all, if anything
	tls     *tls.Config // nil for none
	node    *c2.Node

	mu          sync.Mutex
	server      *httptest.Server // nil while it is down
	starts      int
	incarnation string
	servers     map[string]*fakeServer // by instance
	seen        []relayapi.Announcement
	requests    map[string]int // by method and path

	// What tests make it do otherwise.
	refuse     map[string]string                             // resources that are not taken, with the code
	candidates func([]relayapi.Place) []relayapi.Place       // what it says where a resource is
	lie        func(http.ResponseWriter, *http.Request) bool // answers in its place, if it says so
	noHint     bool                                          // it tells no ipc addresses
}

// fakeServer is a server that has announced itself.
type fakeServer struct {
	address   string
	instance  string
	revision  uint64
	resources map[string]string // ids by name
	client    *ipc.Client
}

// newFakeRelay starts a relay that ends with the test.
func newFakeRelay(t testing.TB) *fakeRelay {
	t.Helper()
	r := downRelay(t)
	r.start()
	return r
}

// downRelay is a relay that has an address, but is not there yet.
func downRelay(t testing.TB) *fakeRelay {
	t.Helper()
	r := &fakeRelay{t: t, id: "r1", address: child.FreeAddress(t), requests: make(map[string]int), node: newNode(t)}
	t.Cleanup(r.stop)
	return r
}

func (r *fakeRelay) url() string {
	if r.tls != nil {
		return "https://" + r.address
	}
	return "http://" + r.address
}

// start starts it, with nothing announced.
func (r *fakeRelay) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts++
	r.incarnation = strconv.Itoa(r.starts)
	r.servers = make(map[string]*fakeServer)
	r.server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.server.Listener.Close()
	r.server.Listener = l
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if r.tls != nil {
		r.server.TLS = r.tls.Clone()
		r.server.StartTLS()
		return
	}
	r.server.Start()
}

// dropConnections ends all connections of clients and servers.
func (r *fakeRelay) dropConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server.CloseClientConnections()
}

// placesAt makes a relay say that what it has is to be reached at another URL.
func placesAt(url string) func([]relayapi.Place) []relayapi.Place {
	return func(places []relayapi.Place) []relayapi.Place {
		for i := range places {
			places[i].URL = url
		}
		return places
	}
}

// stop ends it and all connections, as if it were killed.
func (r *fakeRelay) stop() {
	r.mu.Lock()
	s, servers := r.server, r.servers
	r.server, r.servers = nil, nil
	r.mu.Unlock()
	if s == nil {
		return
	}
	for _, s := range servers {
		s.client.Close()
	}
	s.CloseClientConnections()
	s.Close()
}

// do changes what the relay does.
func (r *fakeRelay) do(change func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change()
}

// count tells how many requests there were of a method to a path that begins so.
func (r *fakeRelay) count(method, prefix string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, times := range r.requests {
		if strings.HasPrefix(what, method+" "+prefix) {
			n += times
		}
	}
	return n
}

// has tells whether the relay has a resource of that name.
func (r *fakeRelay) has(name string) bool { return len(r.places(name)) > 0 }

// awaitRoute waits for a resource to be announced.
func (r *fakeRelay) awaitRoute(name string) {
	r.t.Helper()
	await.True(r.t, name+" is announced", func() bool { return r.has(name) })
}

func (r *fakeRelay) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests[req.Method+" "+req.URL.EscapedPath()]++
	lie, token := r.lie, r.token
	r.mu.Unlock()
	if lie != nil && lie(w, req) {
		return
	}
	if token != "" && req.Header.Get("Authorization") != "Bearer "+token {
		problem(w, &ipc.Error{Code: ipc.CodeDenied, Message: "a token is needed"})
		return
	}
	var parts []string
	for _, p := range strings.Split(strings.TrimPrefix(req.URL.EscapedPath(), "/v1/"), "/") {
		p, err := url.PathUnescape(p)
		if err != nil {
			problem(w, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()})
			return
		}
		parts = append(parts, p)
	}
	switch what := req.Method + " " + parts[0]; {
	case what == "POST resources" && len(parts) == 3:
		r.call(w, req, parts[1], parts[2])
	case what == "GET resources" && len(parts) == 1:
		r.list(w)
	case what == "GET resources" && len(parts) == 2:
		r.describe(w, req, parts[1])
	case what == "GET resolve" && len(parts) == 2:
		r.resolve(w, parts[1])
	case what == "POST routes" && len(parts) == 1:
		r.announce(w, req)
	default:
		problem(w, &ipc.Error{Code: ipc.CodeNotFound, Message: "no such path"})
	}
}

func problem(w http.ResponseWriter, e *ipc.Error) {
	p := relayapi.NewProblem(e)
	w.Header().Set("Content-Type", relayapi.TypeProblem)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", relayapi.TypeJSON)
	json.NewEncoder(w).Encode(v)
}

// places are where a resource is, at servers that live.
func (r *fakeRelay) places(name string) (places []relayapi.Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for instance, s := range r.servers {
		if id, ok := s.resources[name]; ok && s.lives() {
			p := relayapi.Place{Relay: r.id, Address: s.address, Instance: instance, ID: id}
			if r.noHint {
				p.Address = ""
			}
			places = append(places, p)
		}
	}
	return places
}

func (s *fakeServer) lives() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	instance, err := s.client.Instance(ctx)
	return err == nil && hex.EncodeToString(instance[:]) == s.instance
}

func (r *fakeRelay) resolve(w http.ResponseWriter, name string) {
	places := r.places(name)
	r.mu.Lock()
	if r.candidates != nil {
		places = r.candidates(places)
	}
	r.mu.Unlock()
	if len(places) == 0 {
		problem(w, &ipc.Error{Code: ipc.CodeNotFound, Message: fmt.Sprintf("no resource %q is announced here", name)})
		return
	}
	answer(w, relayapi.Resolution{Name: name, Candidates: places})
}

func (r *fakeRelay) list(w http.ResponseWriter) {
	routes := relayapi.Routes{Relay: r.id}
	r.mu.Lock()
	for instance, s := range r.servers {
		for name, id := range s.resources {
			routes.Resources = append(routes.Resources, relayapi.Route{Name: name, Place: relayapi.Place{Relay: r.id, Instance: instance, ID: id}})
		}
	}
	r.mu.Unlock()
	answer(w, routes)
}

// find finds the server of a resource, of the given id if there is one.
func (r *fakeRelay) find(name, id string) (*fakeServer, uint64, *ipc.Error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := false
	for _, s := range r.servers {
		have, ok := s.resources[name]
		known = known || ok
		if ok && (id == "" || id == have) && s.lives() {
			n, _ := strconv.ParseUint(have, 16, 64)
			return s, n, nil
		}
	}
	if known || id != "" {
		return nil, 0, &ipc.Error{Code: ipc.CodeStale, Message: "no resource of that id is here"}
	}
	return nil, 0, &ipc.Error{Code: ipc.CodeNotFound, Message: fmt.Sprintf("no resource %q is announced here", name)}
}

func (r *fakeRelay) descriptor(ctx context.Context, s *fakeServer, name string) (*c2.Descriptor, error) {
	d, err := c2.ConnectDynamic(ctx, name, c2.At(s.address), c2.On(r.node))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Descriptor(), nil
}

func (r *fakeRelay) describe(w http.ResponseWriter, req *http.Request, name string) {
	s, id, failed := r.find(name, req.Header.Get(relayapi.HeaderResource))
	if failed != nil {
		problem(w, failed)
		return
	}
	desc, err := r.descriptor(req.Context(), s, name)
	if err != nil {
		problem(w, wire(err))
		return
	}
	answer(w, struct {
		*c2.Descriptor
		ID string `json:"id"`
	}{desc, fmt.Sprintf("%016x", id)})
}

// wire is any error as an ipc.Error.
func wire(err error) *ipc.Error {
	var e *ipc.Error
	var own *c2.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &own):
		return &ipc.Error{Code: ipc.Code(own.Code), Message: own.Message, MayHaveRun: own.MayHaveRun}
	}
	return &ipc.Error{Code: ipc.CodeInternal, Message: err.Error()}
}

func (r *fakeRelay) call(w http.ResponseWriter, req *http.Request, name, method string) {
	if req.Header.Get("Content-Type") != relayapi.TypeCBOR {
		problem(w, &ipc.Error{Code: ipc.CodeUnsupported, Message: "want CBOR"})
		return
	}
	ctx := req.Context()
	if text := req.Header.Get(relayapi.HeaderTimeout); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			problem(w, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()})
			return
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	s, id, failed := r.find(name, req.Header.Get(relayapi.HeaderResource))
	if failed != nil {
		problem(w, failed)
		return
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		problem(w, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()})
		return
	}
	p, err := r.pass(ctx, s, id, name, method, body)
	if err != nil {
		problem(w, wire(err))
		return
	}
	defer p.Release()
	w.Header().Set("Content-Type", relayapi.TypeCBOR)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.Bytes())))
	w.Write(p.Bytes())
}

func (r *fakeRelay) pass(ctx context.Context, s *fakeServer, id uint64, name, method string, body []byte) (*ipc.Payload, error) {
	desc, err := r.descriptor(ctx, s, name)
	if err != nil {
		return nil, err
	}
	for i, m := range desc.Methods {
		if m.Name == method {
			return s.client.Call(ctx, ipc.Request{Resource: id, Method: uint32(i), Args: ipc.Bytes(body)})
		}
	}
	return nil, &ipc.Error{Code: ipc.CodeNotFound, Message: "no such method"}
}

func (r *fakeRelay) announce(w http.ResponseWriter, req *http.Request) {
	var a relayapi.Announcement
	if err := json.NewDecoder(req.Body).Decode(&a); err != nil {
		problem(w, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()})
		return
	}
	r.mu.Lock()
	r.seen = append(r.seen, a)
	s := r.servers[a.Instance]
	acceptance := relayapi.Acceptance{Relay: r.id, Incarnation: r.incarnation, Revision: a.Revision}
	r.mu.Unlock()
	if a.Resources == nil {
		if s == nil || s.revision != a.Revision {
			problem(w, &ipc.Error{Code: ipc.CodeStale, Message: "announce everything"})
			return
		}
		answer(w, acceptance)
		return
	}
	known := s
	s = &fakeServer{address: a.Address, instance: a.Instance, revision: a.Revision, resources: make(map[string]string)}
	if known != nil {
		s.client = known.client // with the calls that go on there
	} else {
		s.client = ipc.NewClient(a.Address, ipc.Config{Memory: ipc.NewMemory(ipc.MemoryConfig{Off: true})})
	}
	if !s.lives() {
		s.client.Close()
		problem(w, &ipc.Error{Code: ipc.CodeMismatch, Message: "that server is not there"})
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, res := range a.Resources {
		if code := r.refuse[res.Name]; code != "" {
			acceptance.Refused = append(acceptance.Refused, relayapi.Refusal{Name: res.Name, Code: code, Detail: "no"})
			continue
		}
		s.resources[res.Name] = res.ID
	}
	if r.servers == nil { // it was stopped meanwhile
		s.client.Close()
		return
	}
	r.servers[a.Instance] = s
	answer(w, acceptance)
}
