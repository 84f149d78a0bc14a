package ipc

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Polling is how the connections of one party wait: for a moment they look again and again, which takes a core, and then they
// sleep, and being woken takes tens of microseconds where cores go to sleep too, as long as many a call. It is safe for
// concurrent use; connections of several clients and servers may have it in common.
type Polling struct {
	most   time.Duration
	active atomic.Int32 // so many poll
	procs  atomic.Int32 // as many as may; to ask the runtime each time takes as long as a call
}

// DefaultPoll is for how long a [Config] without a Polling polls at most. It is about twice what waking a peer takes: so two
// sides that have slept find each other awake.
const DefaultPoll = 150 * time.Microsecond

// NewPolling returns a Polling of at most so long each time; zero or less is not at all.
func NewPolling(most time.Duration) *Polling {
	p := &Polling{most: max(most, 0)}
	p.count()
	return p
}

func (p *Polling) count() { p.procs.Store(int32(min(runtime.GOMAXPROCS(0), runtime.NumCPU()))) }

// enter tells whether another one may poll. More than there are processors for would only keep each other from it, and a
// single one the peer needs.
func (p *Polling) enter() bool {
	procs := p.procs.Load()
	if procs > 1 && p.active.Add(1) <= procs {
		return true
	}
	if procs > 1 {
		p.active.Add(-1)
	}
	return false
}

// spinner decides for one reader whether to poll before it sleeps, and for how long. The rule is that of the Linux kernel for
// halted guests (halt_poll_ns): what came so soon that polling for as long as is allowed would have met it is polled for
// that long the next time; what came later halves the time, down to nothing. So a reader polls where that pays, and one that has
// nothing to expect soon stops after a few times.
//
// Where other processes want the core, polling is stealing from the one that is waited for. That is well as long as the polls
// that were met before have gained more than is lost when another process takes the core. Else no polling at all is done for
// a while, for twice as long whenever it turns out so again.
//
// What is met only once the processor was offered comes from a peer that runs on the same one, and two that poll keep each
// other there. So after some of that one of them, the client's, moves to another one, or sleeps if that does not help.
//
// Goroutines that the reader has just made runnable wait behind it, or take another core, unless it lets them run. That costs
// a wake of that core (see runtime.Gosched), as much as a whole call, so it is done where there are such goroutines, and now and
// then.
//
// A nil spinner does not poll.
type spinner struct {
	polling *Polling
	moves   bool          // it is the one of both sides that moves away from the other
	moved   time.Time     // when it did so last
	crowd   bool          // other goroutines wait for what the reader reads
	turns   int           // so many polls, all in all
	window  time.Duration // how long to poll the next time
	begin   time.Time     // since when somebody waits who did not meet it by polling; zero if nobody does
	taken   time.Time     // when the core was taken last
	off     bool          // for the penalty since then nothing is polled
	penalty time.Duration
	calm    int // so many polls were met since then
	late    int // so many of the last ones, one after the other, only once the processor was offered
}

const (
	// leastWindow is the shortest time that is polled: shorter is none.
	leastWindow = 5 * time.Microsecond
	// burst is for how long the processor is not offered to others.
	burst = 6 * time.Microsecond
	// takenAway is how long offering the processor takes if somebody took it.
	takenAway = 300 * time.Microsecond
	// lateOnes is after how many polls that were met late one of both sides moves away, if that was not less than moveRest
	// ago, or else sleeps.
	lateOnes = 4
	moveRest = time.Millisecond
	// gain is about what a poll that is met saves: two wakes.
	gain = 10 * time.Microsecond
	// minPause and maxPause bound for how long nothing is polled on a busy machine; after forgetting it is as if it
	// never had been.
	minPause   = time.Millisecond
	maxPause   = 100 * time.Millisecond
	forgetting = time.Second
	// politeTurns is after how many polls other goroutines may run in any case.
	politeTurns = 1024
)

func newSpinner(p *Polling) *spinner {
	return &spinner{polling: p, window: p.most}
}

// crowded tells the spinner whether other goroutines wait for what the reader reads.
func (s *spinner) crowded(yes bool) {
	if s != nil {
		s.crowd = yes
	}
}

// poll calls ready until it returns true, for as long as that may pay, and tells whether it did. If it returns false, the
// caller sleeps, and calls woken afterwards.
func (s *spinner) poll(ready func() bool) bool {
	if s == nil || s.polling.most == 0 {
		return false
	}
	s.begin = time.Time{}
	if s.off {
		if time.Since(s.taken) < s.penalty {
			return false
		}
		s.off = false
	}
	if s.late >= lateOnes && s.moves && s.partFails() {
		s.late = 0 // sleep
	} else if s.window > 0 && s.polling.enter() {
		met := s.spin(ready)
		s.polling.active.Add(-1)
		if met {
			return true
		}
		if s.off {
			return false
		}
	}
	if s.begin.IsZero() {
		s.begin = time.Now()
	}
	return false
}

func (s *spinner) spin(ready func() bool) bool {
	const looks = 8
	if s.turns++; s.crowd || s.turns%politeTurns == 0 {
		runtime.Gosched()
	}
	for range looks {
		if ready() {
			s.met(false)
			return true
		}
		pause()
	}
	s.begin = time.Now()
	for took := time.Duration(0); ; {
		for range looks {
			if ready() {
				s.met(took > burst)
				return true
			}
			pause()
		}
		took = time.Since(s.begin)
		if took > s.window {
			return false
		}
		if took > burst && s.contended(took) {
			return ready()
		}
		if s.crowd {
			runtime.Gosched()
		}
	}
}

// met counts a poll that was met, late or not.
func (s *spinner) met(late bool) {
	s.calm++
	if late {
		s.late++
	} else {
		s.late = 0
	}
}

// partFails moves to another processor than the peer's, unless that was done just now, and did not help.
func (s *spinner) partFails() bool {
	now := time.Now()
	if now.Sub(s.moved) < moveRest {
		return true
	}
	s.moved, s.late = now, 0
	moveAway()
	return false
}

// contended offers the processor to other processes, and tells whether one took it, and polling is to stop.
func (s *spinner) contended(before time.Duration) bool {
	yield()
	lost := time.Since(s.begin) - before
	if lost < takenAway {
		return false
	}
	now := time.Now()
	switch {
	case lost < time.Duration(s.calm)*gain:
		s.penalty = 0
	case now.Sub(s.taken) > forgetting:
		s.penalty = minPause
	default:
		s.penalty = min(max(2*s.penalty, minPause), maxPause)
	}
	s.taken, s.calm = now, 0
	s.off = true
	return true
}

// woken is told when the wait is over that poll did not end.
func (s *spinner) woken() {
	if s == nil || s.begin.IsZero() {
		return
	}
	took := time.Since(s.begin)
	s.begin = time.Time{}
	s.polling.count()
	if took <= s.polling.most {
		s.window = s.polling.most
		return
	}
	if s.window /= 2; s.window < leastWindow {
		s.window = 0
	}
}
