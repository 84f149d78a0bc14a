package mesh

import (
	"fmt"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// meshRollingRestart restarts every relay in turn while clients read: one elsewhere that was told of all relays and
// one that was told of the first read what several hosts have, and one on the host of a resource reads that.
func meshRollingRestart(t *testing.T, c3 string) {
	leaktest.Check(t)
	const relays = 3
	w, _ := newMesh(t, c3, relays+1, relays)
	urls := w.hosts[0].url + "," + w.hosts[1].url + "," + w.hosts[2].url
	laptop := w.hosts[relays]
	clients := []struct {
		*meshProcess
		who, reads string
	}{
		{laptop.role([]string{"C2_RELAY=" + urls}, "mesh-client"), "told of all", "common"},
		{laptop.role([]string{"C2_RELAY=" + w.hosts[0].url}, "mesh-client"), "told of one", "common"},
		{w.hosts[0].role(nil, "mesh-client"), "beside the resource", "own-0"},
	}
	for _, c := range clients {
		if o := c.ask(t, order{Do: "read", Name: c.reads}); o.Code != "" {
			t.Fatalf("%s, reading %s: %+v", c.who, c.reads, o)
		}
	}
	for _, h := range w.hosts[:relays] {
		begun := time.Now()
		h.stopRelay()
		h.startRelay(w.seeds(relays))
		w.within(30*time.Second, "all know all again", func() bool { return w.knowAll(relays) })
		t.Logf("relay %d was restarted and all knew all in %v", h.index, time.Since(begun))
	}
	for _, c := range clients {
		o := c.ask(t, order{Do: "stop"})
		t.Logf("%s: %d reads of %s, %d failed", c.who, o.Count, c.reads, len(o.Failed))
		for _, why := range o.Failed {
			t.Errorf("%s: %s", c.who, why)
		}
		if o.Count < 100 {
			t.Errorf("%s: there were %d reads only", c.who, o.Count)
		}
	}
}

// meshMove moves a resource from host to host under a client that writes: it follows, and nothing is written twice.
func meshMove(t *testing.T, c3 string) {
	leaktest.Check(t)
	const hosts, writes = 3, 600
	w, servers := newMesh(t, c3, hosts, hosts)
	c := w.hosts[0].role(nil, "mesh-client")
	servers[1].ask(t, order{Do: "register", Name: "nomad"})
	w.within(10*time.Second, "it is known", func() bool { return w.hosts[0].places("nomad") == "r1" })

	at, lost := 1, 0
	done := make(map[string]bool) // keys that were written, as far as the client knows
	unsure := make(map[string]bool)
	for i := range writes {
		if i%100 == 50 {
			next := 1 + at%2
			if i%200 == 50 {
				servers[at].ask(t, order{Do: "unregister", Name: "nomad"})
				servers[next].ask(t, order{Do: "register", Name: "nomad"})
			} else { // for a moment it is at both
				servers[next].ask(t, order{Do: "register", Name: "nomad"})
				servers[at].ask(t, order{Do: "unregister", Name: "nomad"})
			}
			at = next
		}
		key := fmt.Sprintf("key-%d", i)
		for begun := time.Now(); ; {
			o := c.ask(t, order{Do: "post", Name: "nomad", Key: key})
			if o.Code == "" {
				done[key] = true
				break
			}
			if o.Ran {
				unsure[key] = true
				break
			}
			lost++
			if time.Since(begun) > 20*time.Second || o.Code != "not found" && o.Code != "unavailable" {
				t.Fatalf("write %d, for %v: %+v", i, time.Since(begun), o)
			}
			time.Sleep(5 * time.Millisecond) // a client's pause between attempts
		}
	}
	times := make(map[string]int)
	for _, s := range servers {
		for key, n := range s.ask(t, order{Do: "posts"}).All {
			times[key] += n
		}
	}
	t.Logf("%d writes with 6 moves: %d attempts found nothing, %d may have run", writes, lost, len(unsure))
	for i := range writes {
		key := fmt.Sprintf("key-%d", i)
		if n := times[key]; n > 1 || n == 0 && !unsure[key] {
			t.Errorf("%s was written %d times; known to be done: %t", key, n, done[key])
		}
	}
	if len(unsure) > 0 {
		t.Errorf("the outcome of %d writes is unknown, though all servers and relays lived", len(unsure))
	}
}

// meshWrites ends relays, with and without a word, while a client writes what two hosts have: whatever it is told was
// written is there once, and what it is told is unknown at most once.
func meshWrites(t *testing.T, c3 string) {
	leaktest.Check(t)
	const hosts = 3
	w, servers := newMesh(t, c3, hosts, hosts)
	for _, s := range servers[1:] {
		s.ask(t, order{Do: "register", Name: "ledger"})
	}
	knows := func() bool {
		return w.all(hosts, func(h *meshHost) bool { return len(h.places("ledger")) == len("r1 r2") })
	}
	w.within(10*time.Second, "it is known", knows)
	c := w.hosts[0].role(nil, "mesh-client")
	if o := c.ask(t, order{Do: "write", Name: "ledger"}); o.Code != "" {
		t.Fatalf("connecting: %+v", o)
	}
	for round := range 2 {
		for _, h := range w.hosts[1:] {
			if round == 0 {
				h.killRelay()
			} else {
				h.stopRelay()
			}
			h.startRelay(w.seeds(hosts))
			w.within(30*time.Second, "all know all again", func() bool { return w.knowAll(hosts) && knows() })
		}
	}
	o := c.ask(t, order{Do: "stop"})
	times := make(map[string]int)
	for _, s := range servers {
		for key, n := range s.ask(t, order{Do: "posts"}).All {
			times[key] += n
		}
	}
	unsure := 0
	for key, done := range o.All {
		if times[key] > 1 || times[key] < done {
			t.Errorf("%s was written %d times; known to be done: %d", key, times[key], done)
		}
		unsure += 1 - done
	}
	t.Logf("%d writes, %d may have run: %v", o.Count, unsure, o.Failed)
	if len(o.All) != o.Count || o.Count < 500 || unsure > 2 {
		t.Errorf("of %d writes %d were made, and the outcome of %d is unknown; two relays were killed", o.Count, len(o.All), unsure)
	}
}
