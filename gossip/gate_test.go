package gossip

import (
	"fmt"
	"testing"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestGate: a relay takes no more nodes than it may, whatever the others say.
func TestGate(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	var log logged
	a := w.start("a", func(c *Config) { c.Limits.Peers, c.Logger = 1, log.logger() }) // four nodes, itself among them
	b := w.start("b", seeded(a))
	for _, id := range []string{"c", "d"} {
		w.start(id, seeded(b))
	}
	await.Nothing(t, await.Limit, func() string {
		if n := len(a.Members()); n != 4 {
			return fmt.Sprintf("a has %d members", n)
		}
		return ""
	})
	w.start("e", seeded(b))
	await.Nothing(t, await.Limit, func() string {
		if n := len(b.Members()); n != 5 {
			return fmt.Sprintf("b has %d members", n)
		}
		if log.count("1 more are not taken") == 0 {
			return "a was not told of the fifth"
		}
		return ""
	})
	if n := len(a.Members()); n != 4 {
		t.Errorf("a has %d members", n)
	}
}
