package ipc

import (
	"runtime"
	"time"
)

// spinner decides whether to poll a socket for a moment before sleeping on it. Being woken takes tens of microseconds
// where cores go to sleep, as long as a dozen small calls; polling takes a core. So it is done where it pays: after a
// success always, after a failure once more after one read, after another failure after two, four and so on, and as soon
// as a read that slept did so for no longer than polling would have taken.
type spinner struct {
	skip    int       // so many reads sleep at once
	penalty int       // how many after the last failure
	slept   time.Time // since when a read sleeps; zero if none does
}

const (
	// spinTime bounds one attempt. It is above what waking the peer takes: else two sides that were asleep could wait for
	// each other to be awake for ever.
	spinTime = 50 * time.Microsecond
	// maxSpinPenalty bounds what polling in vain costs: spinTime in so many reads.
	maxSpinPenalty = 256
)

// poll calls ready until it returns true, for at most spinTime, and tells whether it did. Other goroutines that can run
// do so in between.
func (s *spinner) poll(ready func() bool) bool {
	if s.skip > 0 {
		s.skip--
		s.slept = time.Now()
		return false
	}
	if runtime.GOMAXPROCS(0) == 1 || runtime.NumCPU() == 1 {
		return false // the peer needs the core
	}
	for begin := time.Now(); time.Since(begin) < spinTime; {
		runtime.Gosched()
		if ready() {
			s.penalty = 0
			return true
		}
	}
	s.penalty = min(max(1, 2*s.penalty), maxSpinPenalty)
	s.skip = s.penalty
	return false
}

// woken is told when a read is over that may have slept.
func (s *spinner) woken() {
	if s.slept.IsZero() {
		return
	}
	if time.Since(s.slept) < spinTime+wakeTime {
		s.skip = 0
	}
	s.slept = time.Time{}
}

// wakeTime is about what being woken adds to the time that a read sleeps.
const wakeTime = 50 * time.Microsecond
