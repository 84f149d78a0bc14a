package mesh

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// meshHosts has relays start before their seeds, and everybody call what is anywhere.
func meshHosts(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 4
	w := newWorld(t, c3, relays+1)
	laptop := w.hosts[relays]
	for i := relays - 1; i >= 0; i-- { // each with seeds that are not there yet
		w.hosts[i].startRelay(w.seeds(i + 1)[:], "--gossip-bind", w.hosts[i].addr.String()+":7946")
	}
	for i, h := range w.hosts[:relays] {
		h.server(fmt.Sprintf("own-%d", i), "common")
	}
	took := w.within(60*time.Second, "the relays have found each other", func() bool { return w.all(relays, func(h *meshHost) bool { return h.alive() == relays }) })
	t.Logf("%d relays with seeds that came up later found each other in %v", relays, took)
	took = w.within(20*time.Second, "all know all", func() bool { return w.knowAll(relays) })
	t.Logf("all had the routes of all %v later", took)
	t.Logf("c3 members says\n%s", w.members())

	for _, h := range w.hosts[:relays] {
		for i := range relays {
			var answer []string
			status := h.request("POST", fmt.Sprintf("/v1/resources/own-%d/Where", i), []byte("[]"), &answer)
			if want := fmt.Sprintf("server-%d", i); status != 200 || len(answer) != 1 || answer[0] != want {
				t.Errorf("relay %d asked for a call of own-%d: %d %v", h.index, i, status, answer)
			}
		}
	}
	t.Run("direct", func(t *testing.T) { meshDirect(t, w, laptop) })
	t.Run("no way to the owner", func(t *testing.T) { meshNoWay(t, w, laptop) })
}

// all tells whether something holds on the first n hosts.
func (w *world) all(n int, cond func(*meshHost) bool) bool {
	for _, h := range w.hosts[:n] {
		if !cond(h) {
			return false
		}
	}
	return true
}

// knowAll tells whether each of the first n relays has the routes of all.
func (w *world) knowAll(n int) bool {
	return w.all(n, func(h *meshHost) bool {
		for i := range n {
			if h.places(fmt.Sprintf("own-%d", i)) != fmt.Sprintf("r%d", i) {
				return false
			}
		}
		return len(h.places("common")) == len("r0 ")*n-1
	})
}

// meshDirect: a client that asks one relay calls at the one that has the resource.
func meshDirect(t *testing.T, w *world, laptop *meshHost) {
	first, owner := w.hosts[0], w.hosts[1]
	c := laptop.role([]string{"C2_RELAY=" + first.url}, "mesh-client")
	if o := c.ask(t, order{Do: "where", Name: "own-1"}); o.Result != "server-1" {
		t.Fatalf("calling own-1: %+v", o)
	}
	asked, called := w.wire.packets(laptop.addr, first.addr), w.wire.packets(laptop.addr, owner.addr)
	for range 20 {
		if o := c.ask(t, order{Do: "where", Name: "own-1"}); o.Result != "server-1" {
			t.Fatalf("calling own-1: %+v", o)
		}
	}
	asked, called = w.wire.packets(laptop.addr, first.addr)-asked, w.wire.packets(laptop.addr, owner.addr)-called
	t.Logf("20 calls took %d packets to the owner's relay, %d to the other", called, asked)
	if called < 20 || asked > 10 {
		t.Error("they did not go to the owner's relay")
	}
	c.Stop(t)
}

// meshNoWay: where a client can't reach the owner's relay, the one that it asks carries its calls.
func meshNoWay(t *testing.T, w *world, laptop *meshHost) {
	first, owner := w.hosts[0], w.hosts[1]
	for _, how := range []string{"no route", "no answer"} {
		if how == "no route" {
			laptop.route(t, "add", owner)
		} else {
			laptop.route(t, "delete", owner)
			w.wire.between(laptop.addr, owner.addr, func(l *line) { l.cut = true })
			defer w.wire.between(laptop.addr, owner.addr, func(l *line) { l.cut = false })
		}
		c := laptop.role([]string{"C2_RELAY=" + first.url}, "mesh-client")
		begun := time.Now()
		o := c.ask(t, order{Do: "where", Name: "own-1"})
		took := time.Since(begun)
		t.Logf("with %s to the owner's relay the first call took %v", how, took)
		if o.Result != "server-1" || took > 4*time.Second {
			t.Errorf("%s: %+v in %v", how, o, took)
		}
		asked := w.wire.packets(laptop.addr, first.addr)
		begun = time.Now()
		for range 20 {
			if o := c.ask(t, order{Do: "where", Name: "own-1"}); o.Result != "server-1" {
				t.Fatalf("%s: %+v", how, o)
			}
		}
		if asked = w.wire.packets(laptop.addr, first.addr) - asked; asked < 20 || time.Since(begun) > 3*time.Second {
			t.Errorf("%s: 20 calls took %v and %d packets to the relay that was asked", how, time.Since(begun), asked)
		}
		c.Stop(t)
	}
}

// route adds or deletes a route that makes a host unreachable.
func (h *meshHost) route(t *testing.T, verb string, to *meshHost) {
	t.Helper()
	if out, err := exec.Command("ip", "-n", h.namespace, "route", verb, "unreachable", to.addr.String()).CombinedOutput(); err != nil {
		t.Fatalf("ip route: %v: %s", err, out)
	}
}
