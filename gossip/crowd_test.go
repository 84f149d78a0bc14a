package gossip

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestCrowd runs a hundred relays with real serf, as it is tuned for use, through the rounds of TestChaos, in a bubble of virtual time
// and over a network in memory that loses some packets. What happens is drawn from a seed; in which order goroutines run is not.
func TestCrowd(t *testing.T) {
	relays := 100
	if testing.Short() || raceEnabled {
		relays = 25
	}
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			leaktest.Check(t)
			synctest.Test(t, func(t *testing.T) { crowd(t, seed, relays) })
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
	await(t, time.Minute, c.whole)
	for range 3 {
		c.round()
		c.heal()
		begun := time.Now()
		await(t, 2*time.Minute, c.whole)
		t.Logf("%d relays whole after %v", len(c.living()), time.Since(begun).Round(time.Millisecond))
	}
}
