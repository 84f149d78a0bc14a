package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/child"
)

// world is a mesh in this process: gossip over loopback, pulls and pushes by calls. Its network can be cut in two.
type world struct {
	t testing.TB

	mu     sync.Mutex
	meshes map[string]*Mesh  // by URL
	side   map[string]int    // of a URL; relays of different sides don't reach each other
	gossip map[string]string // URLs by gossip address
	cut    bool

	tuning Tuning
	ether  *ether // carries the gossip; nil: loopback does
}

func newWorld(t testing.TB) *world {
	return &world{t: t, tuning: quick, meshes: make(map[string]*Mesh), side: make(map[string]int), gossip: make(map[string]string)}
}

// quick is a tuning for tests that wait for failures.
var quick = Tuning{
	ProbeInterval: 200 * time.Millisecond, ProbeTimeout: 100 * time.Millisecond, SuspicionMult: 2, GossipInterval: 20 * time.Millisecond,
	ReconnectInterval: 300 * time.Millisecond, StreamTimeout: time.Second,
	LeaveTimeout: 300 * time.Millisecond, LeaveDelay: 50 * time.Millisecond,
	SeedRetryMax: time.Second, HTTPTimeout: time.Second,
}

func at(id string) string { return "http://" + id + ":80" }

// start starts a relay; edit may change its configuration.
func (w *world) start(id string, edit ...func(*Config)) *Mesh {
	w.t.Helper()
	c := Config{
		ID: id, URL: at(id), Tuning: w.tuning,
		Fetch: func(ctx context.Context, to string, q Query) ([]byte, error) {
			m, err := w.reach(at(id), to)
			if err != nil {
				return nil, err
			}
			return m.Table(q), nil
		},
		Push: func(ctx context.Context, to string, delta []byte) error {
			m, err := w.reach(at(id), to)
			if err != nil {
				return err
			}
			return m.Receive(delta)
		},
		Resolve: func(ctx context.Context, to string) (string, error) {
			m, err := w.reach(at(id), to)
			if err != nil {
				return "", err
			}
			return m.Address(), nil
		},
		transport: func(t memberlist.NodeAwareTransport) memberlist.NodeAwareTransport { return filter{t, w, at(id)} },
	}
	if w.ether != nil {
		c.listen = w.ether.listen
	} else {
		c.Bind = child.FreeAddress(w.t) // where it can be started anew
	}
	for _, e := range edit {
		e(&c)
	}
	m, err := Start(c)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.meshes[c.URL] = m
	w.gossip[m.Address()] = c.URL
	w.mu.Unlock()
	w.t.Cleanup(func() { w.kill(m) })
	return m
}

// seeded makes a relay join another one.
func seeded(by *Mesh) func(*Config) { return func(c *Config) { c.Seeds = []string{by.Address()} } }

// kill ends a relay without a word.
func (w *world) kill(m *Mesh) {
	w.mu.Lock()
	if w.meshes[m.config.URL] == m {
		delete(w.meshes, m.config.URL)
	}
	w.mu.Unlock()
	if err := m.Shutdown(); err != nil {
		w.t.Error(err)
	}
}

func (w *world) blocked(from, to string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut && w.side[from] != w.side[to]
}

// split cuts the network: those of the ids on one side, all others on the other one.
func (w *world) split(ids ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.side = true, make(map[string]int)
	for _, id := range ids {
		w.side[at(id)] = 1
	}
}

func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
}

var errCut = errors.New("no route to host")

func (w *world) reach(from, to string) (*Mesh, error) {
	if w.ether != nil {
		w.ether.pause()
	}
	w.mu.Lock()
	m := w.meshes[to]
	w.mu.Unlock()
	if m == nil || w.blocked(from, to) {
		return nil, errCut
	}
	return m, nil
}

// filter is a transport that a cut network stops.
type filter struct {
	memberlist.NodeAwareTransport
	world *world
	from  string
}

func (f filter) stops(address string) bool {
	f.world.mu.Lock()
	to := f.world.gossip[address]
	f.world.mu.Unlock()
	return f.world.blocked(f.from, to)
}

func (f filter) WriteTo(b []byte, address string) (time.Time, error) {
	return f.WriteToAddress(b, memberlist.Address{Addr: address})
}

func (f filter) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if f.stops(a.Addr) {
		return time.Now(), nil // a packet gets lost
	}
	return f.NodeAwareTransport.WriteToAddress(b, a)
}

func (f filter) DialTimeout(address string, d time.Duration) (net.Conn, error) {
	return f.DialAddressTimeout(memberlist.Address{Addr: address}, d)
}

func (f filter) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	if f.stops(a.Addr) {
		return nil, errCut
	}
	return f.NodeAwareTransport.DialAddressTimeout(a, d)
}

// living returns the relays that run, by id.
func (w *world) living() []*Mesh {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*Mesh
	for _, m := range w.meshes {
		list = append(list, m)
	}
	slices.SortFunc(list, func(a, b *Mesh) int { return strings.Compare(a.ID(), b.ID()) })
	return list
}

// whole says what is missing for every relay to see all others and exactly their routes, and nothing else.
func (w *world) whole() string {
	list := w.living()
	for _, m := range list {
		alive := 0
		for _, o := range m.Members() {
			if o.Status == Alive || o.Status == Superseded {
				alive++
			}
		}
		if alive != len(list) {
			return fmt.Sprintf("%s sees %d living members of %d", m.ID(), alive, len(list))
		}
		if problem := sees(m, list); problem != "" {
			return problem
		}
	}
	return ""
}

// sees says which routes of the others m does not have, or has though they don't.
func sees(m *Mesh, list []*Mesh) string {
	want := make(map[string]Route)
	for _, o := range list {
		if o == m {
			continue
		}
		o.ledger.mu.Lock()
		for _, r := range o.ledger.now.routes {
			want[o.ID()+"\x00"+r.Name+"\x00"+r.Instance] = *r
		}
		o.ledger.mu.Unlock()
	}
	got := m.All()
	for _, c := range got {
		r, ok := want[c.Relay+"\x00"+c.Name+"\x00"+c.Instance]
		if !ok {
			return fmt.Sprintf("%s has a ghost: %s of %s", m.ID(), c.Name, c.Relay)
		}
		if r != *c.Route {
			return fmt.Sprintf("%s has %v, not %v, of %s", m.ID(), *c.Route, r, c.Relay)
		}
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%s has %d routes of %d", m.ID(), len(got), len(want))
	}
	return ""
}

// route makes a route as relays have them.
func route(name string, n int) Route {
	return Route{
		Key: Key{Name: name, Instance: fmt.Sprintf("%032x", n)}, ID: fmt.Sprintf("%016x", n), Contract: "demo.Counter",
		Version: "0.1.0", Reads: 3, Writes: 2,
	}
}

// logged collects log lines.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

func (l *logged) logger() zerolog.Logger { return zerolog.New(l) }
