package mesh

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// newMesh is a world whose first hosts have a relay and a server, with all routes everywhere. The server on host N has "own-N"
// and "common".
func newMesh(t *testing.T, c3 string, hosts, relays int, flags ...string) (w *world, servers []*meshProcess) {
	t.Helper()
	w = newWorld(t, c3, hosts)
	for _, h := range w.hosts[:relays] {
		h.startRelay(append(flags, w.seeds(relays))...)
	}
	for i, h := range w.hosts[:relays] {
		servers = append(servers, h.server(fmt.Sprintf("own-%d", i), "common"))
	}
	w.within(30*time.Second, "all know all", func() bool { return w.knowAll(relays) })
	return w, servers
}

// meshKills kills relays and servers: what they had is gone everywhere soon, and comes back with them.
func meshKills(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 3
	w, servers := newMesh(t, c3, relays, relays)
	others := w.hosts[:2]
	gone := func() bool {
		return w.all(len(others), func(h *meshHost) bool { return h.places("own-2") == "" && h.places("common") != "" && h.alive() == 2 })
	}

	servers[2].Kill()
	took := w.within(10*time.Second, "the routes of a server that was killed are gone", func() bool {
		return w.all(relays, func(h *meshHost) bool { return h.places("own-2") == "" })
	})
	t.Logf("the routes of a server that was killed were gone everywhere in %v", took)
	servers[2] = w.hosts[2].server("own-2", "common")
	took = w.within(10*time.Second, "they are back", func() bool { return w.knowAll(relays) })
	t.Logf("they were back in %v", took)

	w.hosts[2].killRelay()
	took = w.within(20*time.Second, "the routes of a relay that was killed are gone", gone)
	t.Logf("the routes of a relay that was killed were gone everywhere in %v; c3 members says\n%s", took, w.members())
	w.hosts[2].startRelay(w.seeds(relays))
	took = w.within(20*time.Second, "the server has found it again", func() bool { return w.hosts[2].places("own-2") == "r2" })
	t.Logf("when it was started again its server was there in %v", took)
	took = w.within(20*time.Second, "all know all again", func() bool { return w.knowAll(relays) })
	t.Logf("all knew all %v later; c3 members says\n%s", took, w.members())

	w.hosts[2].stopRelay()
	took = w.within(10*time.Second, "the routes of a relay that ended are gone", func() bool {
		return w.all(len(others), func(h *meshHost) bool { return h.places("own-2") == "" })
	})
	t.Logf("the routes of a relay that ended were gone everywhere in %v after that; c3 members says\n%s", took, w.members())
	w.hosts[2].startRelay(w.seeds(relays))
	took = w.within(20*time.Second, "all know all again", func() bool { return w.knowAll(relays) })
	t.Logf("all knew all %v after its start", took)
}

// meshParts takes the link between two halves of a mesh away, and gives it back.
func meshParts(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 4
	w, _ := newMesh(t, c3, relays, relays)
	far := map[*meshHost]*meshHost{w.hosts[0]: w.hosts[2], w.hosts[1]: w.hosts[3], w.hosts[2]: w.hosts[0], w.hosts[3]: w.hosts[1]}
	clients := make(map[*meshHost]*meshProcess)
	for h, f := range far {
		clients[h] = h.role(nil, "mesh-client")
		for _, name := range []string{h.own(), f.own()} {
			if o := clients[h].ask(t, order{Do: "where", Name: name}); o.Code != "" {
				t.Fatalf("%s before the parting: %+v", name, o)
			}
		}
	}
	cut := func(cut bool) {
		for _, a := range w.hosts[:2] {
			for _, b := range w.hosts[2:] {
				w.wire.between(a.addr, b.addr, func(l *line) { l.cut = cut })
			}
		}
	}
	cut(true)
	w.farCalls(far, clients, 3*time.Second) // at the worst moment: nobody knows yet
	took := w.within(30*time.Second, "each half knows that the other is gone", func() bool {
		return w.all(relays, func(h *meshHost) bool {
			return h.alive() == 2 && h.places(h.own()) != "" && h.places(far[h].own()) == "" && len(h.places("common")) == len("r0 r1")
		})
	})
	t.Logf("each half knew that the other was gone in %v; c3 members says\n%s", took, w.members())
	w.farCalls(far, clients, 8*time.Second) // connecting is given up, and the relay asked

	cut(false)
	took = w.within(60*time.Second, "all relays are members again", func() bool { return w.all(relays, func(h *meshHost) bool { return h.alive() == relays }) })
	t.Logf("all relays were members again %v after the healing", took)
	took = w.within(60*time.Second, "all know all again", func() bool { return w.knowAll(relays) })
	t.Logf("all tables were equal %v later", took)
	for h, f := range far {
		if o := clients[h].ask(t, order{Do: "where", Name: f.own()}); o.Code != "" {
			t.Errorf("host %d calls %s after the healing: %+v", h.index, f.own(), o)
		}
	}
}

// own is the name of what only the host's server has.
func (h *meshHost) own() string { return fmt.Sprintf("own-%d", h.index) }

// farCalls has clients call what is on their side, and what is on the other, which fails in the given time
// or with it.
func (w *world) farCalls(far map[*meshHost]*meshHost, clients map[*meshHost]*meshProcess, timeout time.Duration) {
	w.Helper()
	var all sync.WaitGroup
	for h, f := range far {
		all.Go(func() {
			if o := clients[h].ask(w, order{Do: "where", Name: h.own()}); o.Code != "" {
				w.Errorf("host %d calls %s: %+v", h.index, h.own(), o)
			}
			begun := time.Now()
			o := clients[h].ask(w, order{Do: "where", Name: f.own(), Timeout: timeout})
			w.Logf("host %d is told of %s in %v: %s: %s", h.index, f.own(), time.Since(begun), o.Code, o.Text)
			if o.Code != "not found" && o.Code != "unavailable" && o.Code != "deadline" || time.Since(begun) > timeout+time.Second {
				w.Errorf("host %d calls %s: %+v in %v", h.index, f.own(), o, time.Since(begun))
			}
		})
	}
	all.Wait()
}
