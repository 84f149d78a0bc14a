package ipc

import (
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
)

// pollingOn is a Polling as on a machine with so many cores.
func pollingOn(procs int32) *Polling {
	p := NewPolling(DefaultPoll)
	p.procs.Store(procs)
	return p
}

func never() bool { return false }

func TestPollingMeetsWhatIsThere(t *testing.T) {
	var s *spinner
	await.True(t, "what is there at the 20th look is met", func() bool { // unless the core is taken just then
		s = newSpinner(pollingOn(2))
		looks := 0
		return s.poll(func() bool { looks++; return looks == 20 }) && looks == 20
	})
	if n := s.polling.active.Load(); n != 0 {
		t.Errorf("%d poll, and nobody does", n)
	}
}

// TestPollingGivesUp: who waits in vain polls for half as long each time, and then not at all, until something comes soon.
func TestPollingGivesUp(t *testing.T) {
	s := newSpinner(pollingOn(2))
	for range 20 {
		s.off = false // the machine may be busy
		if s.poll(never) {
			t.Fatal("nothing was met")
		}
		s.begin = s.begin.Add(-time.Second) // so long did it sleep
		s.woken()
	}
	if s.window != 0 {
		t.Errorf("it would still poll for %v", s.window)
	}
	looks := 0
	s.poll(func() bool { looks++; return false })
	if looks > 0 {
		t.Errorf("it looked %d times", looks)
	}
	await.True(t, "what came soon is polled for", func() bool { // soon, unless the core is taken just then
		s.begin = time.Now()
		s.woken()
		return s.window == DefaultPoll
	})
}

// TestPollingOfMany: no more poll at a time than there are processors, and none where there is one.
func TestPollingOfMany(t *testing.T) {
	p := pollingOn(2)
	for i, want := range []bool{true, true, false} {
		if got := p.enter(); got != want {
			t.Errorf("poller %d of 2 processors may poll: %v", i+1, got)
		}
	}
	p.active.Add(-1)
	if !p.enter() {
		t.Error("after one has left, no other may poll")
	}
	if pollingOn(1).enter() {
		t.Error("the peer's only processor is taken")
	}
}

// TestPollingOnABusyMachine: where the core is taken before polling has paid, it is not tried for a while, for longer each time.
func TestPollingOnABusyMachine(t *testing.T) {
	s := newSpinner(pollingOn(2))
	taken := func(want time.Duration) {
		t.Helper()
		s.begin = time.Now().Add(-time.Second)
		if !s.contended(0) {
			t.Fatal("nobody took the core")
		}
		if s.penalty != want {
			t.Fatalf("nothing is polled for %v, want %v", s.penalty, want)
		}
	}
	for want := minPause; want < 2*maxPause; want *= 2 {
		taken(min(want, maxPause))
	}
	s.taken = time.Now().Add(time.Hour) // so that the pause is not over, however slowly this goes
	if s.poll(func() bool { return true }) {
		t.Error("it polls all the same")
	}
	s.taken = time.Now().Add(-maxPause)
	if !s.poll(func() bool { return true }) {
		t.Error("it does not poll after that")
	}
	s.taken = s.taken.Add(-2 * forgetting)
	taken(minPause)
	s.calm = int(time.Minute / gain) // polls that saved more than is lost
	taken(0)
}

func TestNoPolling(t *testing.T) {
	for _, s := range []*spinner{nil, newSpinner(NewPolling(0)), newSpinner(NewPolling(-1))} {
		if s.poll(func() bool { t.Error("it looks"); return true }) {
			t.Error("it polls")
		}
		s.woken()
		s.crowded(true)
	}
}
