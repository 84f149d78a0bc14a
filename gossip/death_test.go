package gossip

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestDeaths: what a relay had that was killed is gone everywhere within ten seconds, in a mesh of twenty that is tuned for use and
// loses two of a hundred packets. Where who died is gossiped so unluckily that somebody misses it, it is later: about one death in a
// hundred. The time is virtual.
func TestDeaths(t *testing.T) {
	leaktest.Check(t)
	bubble.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Minute) }) // what serf left behind ends, if time goes on
		w := newWorld(t)
		w.tuning, w.ether = Tuning{}, newEther(7, 0.02)
		rnd := rand.New(rand.NewPCG(1, 2))
		first := w.start("r0")
		for i := 1; i < 20; i++ {
			w.start(fmt.Sprint("r", i), seeded(first))
		}
		late := 0
		for i := range 10 {
			m := w.start(fmt.Sprint("x", i), seeded(first))
			if err := m.Update([]Route{route("mortal", i)}, nil); err != nil {
				t.Fatal(err)
			}
			await.Nothing(t, time.Minute, w.whole)
			time.Sleep(time.Duration(rnd.Int64N(int64(3 * time.Second)))) // at any time between two probes
			w.kill(m)
			begun := time.Now()
			await.Nothing(t, time.Minute, func() string { return w.remembers("mortal") })
			took := time.Since(begun)
			t.Logf("gone after %v", took.Round(time.Millisecond))
			if took > 10*time.Second {
				late++
			}
		}
		if late > 2 {
			t.Errorf("%d of 10 were not gone after ten seconds", late)
		}
	})
}

// remembers says which relays still have a name.
func (w *world) remembers(name string) string {
	for _, m := range w.living() {
		if len(m.Lookup(name)) > 0 {
			return fmt.Sprintf("%s still has %s", m.ID(), name)
		}
	}
	return ""
}
