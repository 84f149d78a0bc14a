// Package bubble runs tests in virtual time, with the race detector as well.
//
//	bubble.Test(t, func(t *testing.T) { time.Sleep(time.Hour) }) // takes no time
//
// It is [synctest.Test], but for a fault of Go's: several threads may run the timers of a bubble at once, while the race detector is told
// that it is always the same one, which corrupts the detector's memory and ends the process (go.dev/issue/78156, seen with Go 1.26.8).
// On one processor that can't happen, and the detector finds the same races, since it goes by what happens before what.
//
// It imports the standard library and internal/race, and is for tests only.
package bubble

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/ctwo-go/c2/internal/race"
)

// Test runs f in a bubble of its own, as [synctest.Test] does. With the race detector on, all of the process has one processor
// meanwhile, so no other such test may run beside it.
func Test(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if race.Enabled {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}
