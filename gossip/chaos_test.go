package gossip

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestChaos runs relays with real serf through rounds of announcements, withdrawals, kills, returns, leaves and cuts, everything
// at once. After each round the network heals, and every relay must have exactly the others' routes.
func TestChaos(t *testing.T) {
	relays, rounds := 20, 3
	if testing.Short() {
		relays, rounds = 6, 2
	}
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			leaktest.Check(t)
			c := &chaos{world: newWorld(t), rnd: rand.New(rand.NewPCG(seed, 3)), t: t}
			first := c.start("r0")
			for i := 1; i < relays; i++ {
				c.start(fmt.Sprint("r", i), seeded(first))
			}
			await.Nothing(t, 20*time.Second, c.whole)
			for range rounds {
				c.round()
				c.heal()
				begun := time.Now()
				await.Nothing(t, 30*time.Second, c.whole)
				t.Logf("%d relays whole after %v", len(c.living()), time.Since(begun).Round(time.Millisecond))
			}
		})
	}
}

type chaos struct {
	*world
	rnd  *rand.Rand
	t    *testing.T
	dead []string
}

// round does something to each relay. One at least lives through it: the seed of those that return.
func (c *chaos) round() {
	cut := c.rnd.IntN(2) == 0
	if cut {
		var side []string
		for _, m := range c.living() {
			if c.rnd.IntN(2) == 0 {
				side = append(side, m.ID())
			}
		}
		c.split(side...)
	}
	var gone sync.WaitGroup
	back := c.dead
	c.dead = nil
	living := c.living()
	for i, m := range living {
		switch n := c.rnd.IntN(8); {
		case i == 0 || n < 5:
			for range 3 {
				mutate(c.t, m.Update, c.rnd)
			}
		case n == 5:
			c.dead = append(c.dead, m.ID())
			gone.Go(func() {
				_ = m.Leave(c.t.Context())
				c.kill(m)
			})
		case n == 6:
			c.dead = append(c.dead, m.ID())
			gone.Go(func() { c.kill(m) })
		default:
			address := m.Address()
			c.kill(m)
			c.start(m.ID(), seeded(living[0]), func(c *Config) { c.Bind = address })
		}
	}
	for _, id := range back {
		c.start(id, seeded(living[0]))
	}
	gone.Wait()
	if cut {
		await.Nothing(c.t, 2*time.Minute, func() string { return c.apart(living[0]) })
	}
}

// apart says whom of the other side of a cut m still takes for alive.
func (c *chaos) apart(m *Mesh) string {
	for _, o := range m.Members() {
		if o.Status == Alive && c.blocked(at(m.ID()), o.URL) {
			return fmt.Sprintf("%s takes %s for alive, which is cut off", m.ID(), o.ID)
		}
	}
	return ""
}
