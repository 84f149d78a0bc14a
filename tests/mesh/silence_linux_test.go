package mesh

import (
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/silence"
)

// meshSilence cuts the wire under calls with all the time in the world: one that waits for its answer, and some that are made
// after it, on connections that seem open. All end, as calls that may have run; and so does what the one did at the server.
func meshSilence(t *testing.T, c3 string) {
	leaktest.Check(t)
	w, servers := newMesh(t, c3, 2, 1)
	home, laptop := w.hosts[0], w.hosts[1]
	var clients []*meshProcess
	for range 2 {
		c := laptop.role([]string{"C2_RELAY=" + home.url}, "mesh-client")
		if o := c.ask(t, order{Do: "where", Name: home.own()}); o.Code != "" {
			t.Fatalf("before the cut: %+v", o)
		}
		clients = append(clients, c)
	}
	posted := func(key string) bool { return servers[0].ask(t, order{Do: "posts"}).All[key] > 0 }

	var calls sync.WaitGroup
	ends := func(c *meshProcess, what, do string) {
		calls.Go(func() {
			begun := time.Now()
			o := c.ask(t, order{Do: do, Name: home.own(), Timeout: 10 * time.Minute})
			took := time.Since(begun)
			t.Logf("%s ended after %v: %s", what, took, o.Text)
			if o.Code != "unavailable" || !o.Ran || took > silence.Limit+15*time.Second {
				t.Errorf("%s ended after %v: %+v", what, took, o)
			}
		})
	}
	ends(clients[0], "the call that waited", "read-on")
	w.within(10*time.Second, "the call runs", func() bool { return posted("reads") })
	w.wire.between(home.addr, laptop.addr, func(l *line) { l.cut = true })
	ends(clients[1], "the call that was sent in vain", "where")
	calls.Wait()
	took := w.within(15*time.Second, "the relay has cancelled the call", func() bool { return posted("read") })
	t.Logf("the server heard of it %v later", took)
}
