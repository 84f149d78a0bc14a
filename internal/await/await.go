// Package await waits in tests for what takes an unknown time, and says what did not come.
//
//	await.True(t, "the connection has ended", func() bool { return server.Connections() == 0 })
//
// What is waited for is asked again and again, with pauses that grow with the time that has passed. So a test takes hardly longer
// than it must, and one that fails says after what. In a bubble of testing/synctest it waits in the bubble's time.
//
// It imports the standard library only, and is for tests only.
package await

import (
	"testing"
	"time"
)

// Limit is how long [True] waits: longer than what works takes on a busy machine.
const Limit = 20 * time.Second

// True waits until cond holds, or fails the test after [Limit] with what was to come.
func True(t testing.TB, what string, cond func() bool) {
	t.Helper()
	if took, ok := Within(Limit, cond); !ok {
		t.Fatalf("not within %v: %s", took.Round(time.Millisecond), what)
	}
}

// Nothing waits until problem returns an empty string, or fails the test after limit with what it returned last.
func Nothing(t testing.TB, limit time.Duration, problem func() string) {
	t.Helper()
	last := ""
	took, ok := Within(limit, func() bool {
		last = problem()
		return last == ""
	})
	if !ok {
		t.Fatalf("after %v: %s", took.Round(time.Millisecond), last)
	}
}

// Within waits until cond holds or limit is over. It returns how long that took, and whether cond holds.
func Within(limit time.Duration, cond func() bool) (took time.Duration, ok bool) {
	for begun := time.Now(); ; time.Sleep(pause(took)) {
		ok = cond()
		took = time.Since(begun)
		if ok || took >= limit {
			return took, ok
		}
	}
}

// pause is how long to wait before asking again, after having waited for a while: short enough that the time that something takes is
// known to some hundredths, and long enough to leave the processor to what is waited for.
func pause(waited time.Duration) time.Duration {
	return min(max(waited/32, 200*time.Microsecond), 200*time.Millisecond)
}
