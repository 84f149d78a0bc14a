package ipc

import (
	"errors"
	"testing"

	"github.com/ctwo-go/c2/internal/interleave"
)

// A model of how a call is found that waits behind a slow one, through rings: who writes calls, the client's and the server's
// readers, the goroutine that waits for the alarm, and the timer. Each step is one load or store of what they share, and all
// orders of all steps are tried, with the client's end at any time. Whichever call is slow, for ever, the calls behind it must
// be read, and the end be seen.
//
// That a sleeper is woken is package ring's business, and tried there: here a wake comes as soon as it is due.

type held struct {
	toWrite, written, head int8 // calls; head is how far the server has read
	answers                int8 // that the client has not read

	clientNaps, serverNaps bool // what the readers' states say
	urgedAt                int8 // one more than the head for which the client has rung
	alarms                 bool // the alarm has bytes
	ends                   bool // the client may
	gone                   bool // it has, and with it the alarm
	deaf                   bool // the server knows that the alarm has ended

	turn          int8
	urged         bool
	armed         int8
	relieved      bool // another goroutine reads, and gives what it reads to others
	writer        hold
	client        hold
	server        hold
	watch         hold
	timer         hold
	watchT, timeT int8 // the turns that they loaded
	timeA         int8 // what the timer loaded of armed
}

type hold int8

const (
	idle hold = iota

	// Of the writer and the client's reader: in urge.
	mayUrge // whether the server naps is to be looked at
	urging  // whether it has read all

	// Of the client's reader.
	dozy   // it has said that it sleeps
	asleep // after urge

	// Of the server's reader.
	hasRead
	inTurn   // turn is odd
	crowded  // there is more
	notUrged // and the bell was not rung
	running
	stuck    // in a call that never ends
	replaced // another one reads
	nodding

	// Of the watch, and of the timer.
	heardEnd
	rung
	told
	sawTurn
	sawPending
)

// mistakes that there could be, and were.
type mistakes struct {
	noLook  bool // the turn is not looked at for a bell that was before it
	noTimer bool // nor is it found when the client slept already
	early   bool // the turn is loaded before the bell is said to have been rung
	noEnd   bool // the turn is not looked at for an end that was before it
}

func (m mistakes) moves(s held) []held {
	var next []held
	if s.relieved {
		return nil // all is well
	}
	parties := []func(held) []held{m.serverMoves, m.watchMoves, m.timerMoves}
	if !s.gone {
		left := s
		if left.gone = true; s.ends {
			next = append(next, left)
		}
		parties = append(parties, writerMoves, clientMoves)
	}
	for _, party := range parties {
		next = append(next, party(s)...)
	}
	return next
}

// urge is rings.urge, in three steps of whoever is at *at.
func urge(s held, at *hold, n *held, after hold) {
	switch *at {
	case mayUrge:
		if *at = urging; s.serverNaps {
			*at = after
		}
	case urging:
		if s.head < s.written && s.urgedAt != s.head+1 {
			n.urgedAt, n.alarms = s.head+1, true
		}
		*at = after
	}
}

func writerMoves(s held) []held {
	n := s
	switch {
	case s.writer != idle:
		urge(s, &n.writer, &n, idle)
	case s.toWrite == 0:
		return nil
	default:
		n.toWrite--
		n.written++
		if s.clientNaps { // loaded after the write; to load it at once leaves no order out, as only its reader changes it
			n.writer = mayUrge
		}
		unrushed := n
		unrushed.writer = mayUrge
		return []held{n, unrushed}
	}
	return []held{n}
}

func clientMoves(s held) []held {
	n := s
	switch s.client {
	case idle:
		if s.answers > 0 {
			n.answers--
		} else {
			n.clientNaps, n.client = true, dozy
		}
	case dozy:
		if n.client = mayUrge; s.answers > 0 {
			n.clientNaps, n.client = false, idle
		}
	case mayUrge, urging:
		urge(s, &n.client, &n, asleep)
	case asleep:
		if s.answers == 0 {
			return nil
		}
		n.clientNaps, n.client = false, idle
	}
	return []held{n}
}

func (m mistakes) serverMoves(s held) []held {
	n := s
	switch s.server {
	case idle:
		if s.head == s.written {
			n.serverNaps, n.server = true, nodding
		} else {
			n.head++
			n.server = hasRead
		}
	case nodding:
		if s.head == s.written {
			return nil
		}
		n.serverNaps, n.server = false, idle
	case hasRead:
		n.turn++
		n.server = inTurn
	case inTurn:
		if s.deaf && !m.noEnd {
			n.server = running
			n.relieve(s.turn)
		} else if n.server = crowded; s.head == s.written || m.noLook {
			n.server = running
		}
	case crowded:
		if n.server = notUrged; s.urged {
			n.urged, n.server = false, running
			n.relieve(s.turn)
		}
	case notUrged:
		if s.clientNaps && !m.noTimer {
			n.armed = s.turn
		}
		n.server = running
	case running:
		if s.turn%2 == 0 {
			n.server = replaced
			return []held{n}
		}
		n.turn++
		n.answers++
		n.server = idle
		slow := s
		slow.server = stuck
		return []held{n, slow}
	default:
		return nil
	}
	return []held{n}
}

// relieve is serverConn.relieve.
func (s *held) relieve(turn int8) {
	if s.turn == turn {
		s.turn++
		s.relieved = true
	}
}

// watchMoves are those of rings.watch and serverConn.readNow.
func (m mistakes) watchMoves(s held) []held {
	n := s
	switch s.watch {
	case idle:
		switch {
		case s.alarms:
			n.alarms, n.watch = false, rung
		case s.gone && !s.deaf:
			n.deaf, n.watch = true, heardEnd
		default:
			return nil
		}
	case heardEnd:
		n.watch = idle
		if s.turn%2 == 1 {
			n.relieve(s.turn)
		}
	case rung:
		if n.watch = told; s.head == s.written {
			n.watch = idle
		}
	case told:
		n.watch = sawTurn
		if m.early {
			n.watchT = s.turn
		} else {
			n.urged = true
		}
	case sawTurn:
		if n.watch = sawPending; m.early {
			n.urged = true
		} else {
			n.watchT = s.turn
		}
	case sawPending:
		if n.watch = idle; s.watchT%2 == 1 && s.head < s.written {
			n.relieve(s.watchT)
		}
	}
	return []held{n}
}

// timerMoves are those of serverConn.lookAgain.
func (m mistakes) timerMoves(s held) []held {
	n := s
	switch s.timer {
	case idle:
		if s.armed == 0 {
			return nil
		}
		n.timeA, n.timer = s.armed, told
	case told:
		n.timeT, n.timer = s.turn, sawTurn
	case sawTurn:
		waits := s.timeT%2 == 1 && s.head < s.written
		switch n.timer = idle; {
		case waits && s.timeT != s.timeA:
			n.armed = s.timeT
		case s.armed != s.timeA:
		default:
			if n.armed = 0; waits {
				n.relieve(s.timeT)
			}
		}
	}
	return []held{n}
}

var errHeldUp = errors.New("a call, or the end, waits behind a slow call, and nobody will find it")

func (m mistakes) check(calls int8, ends bool) (int, error) {
	return interleave.Check(held{toWrite: calls, ends: ends}, m.moves, func(s held, last bool) error {
		if last && !s.relieved && (s.head < s.written || s.gone && s.server == stuck) {
			return errHeldUp
		}
		return nil
	})
}

func TestModelOfSlowCalls(t *testing.T) {
	calls := int8(3)
	if testing.Short() {
		calls = 2
	}
	for _, ends := range []bool{false, true} {
		states, err := mistakes{}.check(calls, ends)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d states", states)
		calls = 2
	}
}

// TestModelOfSlowCallsFindsMistakes: the check above can fail.
func TestModelOfSlowCallsFindsMistakes(t *testing.T) {
	for what, m := range map[string]mistakes{
		"a bell before the turn is lost":     {noLook: true},
		"nobody looks where both have slept": {noTimer: true},
		"the turn is loaded too early":       {early: true},
		"an end before the turn is lost":     {noEnd: true},
	} {
		if _, err := m.check(3, m.noEnd); !errors.Is(err, errHeldUp) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
