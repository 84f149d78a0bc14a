package gossip

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
)

// TestCrowd runs up to a hundred relays with real serf, as it is tuned for use, through a cut and the rounds of TestChaos, in a bubble of
// virtual time and over a network in memory that loses some packets. What happens is drawn from a seed; in which order goroutines run
// is not.
func TestCrowd(t *testing.T) {
	for seed, relays := range []int{100, 50} {
		if testing.Short() || race.Enabled {
			relays = 25
		}
		t.Run(fmt.Sprint(relays), func(t *testing.T) {
			leaktest.Check(t)
			bubble.Test(t, func(t *testing.T) { crowd(t, uint64(seed), relays) })
		})
	}
}

func crowd(t *testing.T, seed uint64, relays int) {
	t.Cleanup(func() { time.Sleep(time.Minute) }) // what serf left behind ends, if time goes on
	c := &chaos{world: newWorld(t), rnd: rand.New(rand.NewPCG(seed, 5)), t: t}
	c.tuning, c.ether = Tuning{}, newEther(seed, 0.02)
	first := c.start("r0")
	for i := 1; i < relays; i++ {
		c.start(fmt.Sprint("r", i), seeded(first))
	}
	await.Nothing(t, time.Minute, c.whole)
	c.cutInHalves()
	c.heal()
	await.Nothing(t, 5*time.Second, c.whole)
	for range 2 {
		c.round()
		c.heal()
		begun := time.Now()
		await.Nothing(t, 2*time.Minute, c.whole)
		t.Logf("%d relays whole after %v", len(c.living()), time.Since(begun).Round(time.Millisecond))
	}
}

// cutInHalves cuts the network, waits until all have given up the other side, and has each announce something.
func (c *chaos) cutInHalves() {
	var side []string
	for _, m := range c.living() {
		if c.rnd.IntN(2) == 0 {
			side = append(side, m.ID())
		}
	}
	c.split(side...)
	for _, m := range c.living() {
		await.Nothing(c.t, 2*time.Minute, func() string { return c.apart(m) })
		mutate(c.t, m.Update, c.rnd)
	}
}

// TestReunion: an exchange follows the return of several, once, and not that of one.
func TestReunion(t *testing.T) {
	var r reunion
	now := time.Unix(1000, 0)
	away := map[string]sighting{"a": {}, "b": {}, "c": {living: true}}
	back := func(ids ...string) map[string]sighting {
		view := map[string]sighting{"c": {living: true}, "new": {living: true}}
		for _, id := range ids {
			view[id] = sighting{living: true}
		}
		return view
	}
	r.observe(now, away, back("a"))
	if r.ready(now.Add(time.Minute)) {
		t.Error("an exchange for one that returned")
	}
	r.observe(now, away, back("b"))
	if r.ready(now) {
		t.Error("an exchange at once, while serf still gossips")
	}
	if now = now.Add(2 * reunionDelay); !r.ready(now) {
		t.Error("no exchange after two returned")
	}
	if r.ready(now.Add(time.Minute)) {
		t.Error("two exchanges")
	}
}
