package mesh

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// meshBadLinks loses a tenth of all packets, and delays them: the mesh converges, calls work, and of two places of a name
// the nearer one is first when the relays have measured how far they are.
func meshBadLinks(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 3
	w := newWorld(t, c3, relays+1)
	near, far, laptop := w.hosts[1], w.hosts[2], w.hosts[relays]
	link := func(a, b *meshHost, delay time.Duration) {
		w.wire.between(a.addr, b.addr, func(l *line) { l.delay, l.loss = delay, 0.1 })
	}
	link(w.hosts[0], near, 5*time.Millisecond)
	link(w.hosts[0], far, 50*time.Millisecond)
	link(near, far, 50*time.Millisecond)
	for _, h := range w.hosts[:relays] {
		h.startRelay(w.seeds(relays))
	}
	for _, h := range w.hosts[1:relays] {
		h.server(h.own(), "common")
	}
	first := w.hosts[0]
	took := w.within(60*time.Second, "all know all", func() bool {
		return w.all(relays, func(h *meshHost) bool {
			return h.alive() == relays && h.places("own-1") == "r1" && h.places("own-2") == "r2" && len(h.places("common")) == len("r1 r2")
		})
	})
	t.Logf("with a loss of a tenth, and up to 50 ms each way, all knew all in %v", took)

	c := laptop.role([]string{"C2_RELAY=" + first.url}, "mesh-client")
	link(laptop, far, 50*time.Millisecond)
	for _, name := range []string{"own-1", "own-2"} {
		begun := time.Now()
		for range 10 {
			if o := c.ask(t, order{Do: "where", Name: name}); o.Code != "" {
				t.Errorf("%s: %+v", name, o)
			}
		}
		t.Logf("connecting to %s and 10 calls took %v", name, time.Since(begun))
	}
	took = w.within(45*time.Second, "the nearer one is first", func() bool { return first.places("common") == "r1 r2" && first.measured() == 2 })
	t.Logf("the nearer of two places was first %v later; c3 members says\n%s", took, w.members())
	if got := first.rtt("r2"); got < 0.03 || got > 0.5 {
		t.Errorf("a relay that is 100 ms away and back is said to be %.3f s away", got)
	}
}

// rtt is how far a relay is, as the host's says, in seconds.
func (h *meshHost) rtt(relay string) float64 {
	if m := member(h, relay); m != nil {
		return m.RTT
	}
	return 0
}

// measured is of how many other relays the host's knows how far they are, and that the first of them is nearest.
func (h *meshHost) measured() int {
	r1, r2 := h.rtt("r1"), h.rtt("r2")
	if r1 > 0 && r2 > r1 {
		return 2
	}
	return 0
}

// meshKeys has relays with keys: one with another key, or with none, does not get in, and keys are changed by restarting
// relays with the new one beside the old one.
func meshKeys(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 2
	w := newWorld(t, c3, relays+1)
	stranger := w.hosts[relays]
	for _, h := range w.hosts[:relays] {
		h.startWithKeys("old")
	}
	w.hosts[0].server("own-0")
	inMesh := func(n int) bool {
		return w.all(relays, func(h *meshHost) bool { return h.alive() == n && h.places("own-0") == "r0" })
	}
	took := w.within(30*time.Second, "relays with one key find each other", func() bool { return inMesh(relays) })
	t.Logf("relays with one key found each other in %v", took)
	if packets := w.wire.packets(w.hosts[0].addr, w.hosts[1].addr); packets == 0 {
		t.Error("nothing went over the wire")
	}
	for _, key := range []string{"", "other"} {
		if key == "" {
			stranger.startRelay(w.seeds(relays))
		} else {
			stranger.startWithKeys(key)
		}
		w.within(10*time.Second, "the stranger serves", func() bool { return stranger.alive() == 1 })
		out, code := stranger.c3("join", w.hosts[0].url)
		t.Logf("joining with key %q: status %d, %s", key, code, strings.TrimSpace(out))
		if code == 0 || stranger.alive() != 1 || !inMesh(relays) || stranger.places("own-0") != "" {
			t.Errorf("a relay with key %q: %s", key, w.members())
		}
		stranger.killRelay()
	}

	// The new key is made known first, then used, and then the old one is forgotten.
	for _, keys := range [][]string{{"old", "new"}, {"new", "old"}, {"new"}} {
		for _, h := range w.hosts[:relays] {
			h.stopRelay()
			h.startWithKeys(keys...)
			w.within(30*time.Second, fmt.Sprintf("relay %d is in the mesh with keys %v", h.index, keys), func() bool { return inMesh(relays) })
		}
	}
	stranger.startWithKeys("new")
	took = w.within(30*time.Second, "a third relay with the new key is in the mesh", func() bool { return inMesh(relays+1) && stranger.places("own-0") == "r0" })
	t.Logf("a third relay with the new key was in after %v", took)
}

// startWithKeys starts the host's relay with some keys, the first of which it encrypts with.
func (h *meshHost) startWithKeys(keys ...string) {
	h.world.Helper()
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("%-32s", k))) + "\n")
	}
	h.world.must(os.WriteFile(h.path("keys"), []byte(text.String()), 0o600))
	h.startRelay(h.world.seeds(2), "--gossip-key-file", "keys")
}
