package ipc

import (
	"errors"
	"testing"

	"github.com/ctwo-go/c2/internal/interleave"
)

// A model of rings.sleep, with the real sleepers: a reader and a writer of one side wait, one of them on the socket, where
// bytes come that may be meant for either. Each step is one that others can see, and all orders of all steps are tried.
// That the peer rings for who has said that it sleeps is package ring's business, and tried there.

type sleepState struct {
	due   [2]bool // what the sleeper waits for is there
	said  [2]bool // it has said that it sleeps
	rang  [2]bool // the peer has looked at that
	bytes bool    // the socket has some
	at    [2]sleeping

	taken       bool // as in sleepers
	told, waits [2]bool
	woken       [2]bool // the channel holds a value
	interrupts  int8    // so many more contexts end
}

type sleeping int8

const (
	says sleeping = iota
	looks
	enters
	onSocket
	leaves // with what came there
	leavesEmpty
	waiting
	done
)

// real is the real one in the model's state.
func (s *sleepState) real() *sleepers {
	p := &sleepers{taken: s.taken}
	p.init()
	for i := range p.seats {
		p.seats[i].told, p.seats[i].waits = s.told[i], s.waits[i]
		if s.woken[i] {
			p.seats[i].woken <- struct{}{}
		}
	}
	return p
}

func (s *sleepState) keep(p *sleepers) {
	s.taken = p.taken
	for i := range p.seats {
		s.told[i], s.waits[i], s.woken[i] = p.seats[i].told, p.seats[i].waits, len(p.seats[i].woken) > 0
	}
}

// oversights are mistakes that there could be, and were.
type oversights struct {
	forget  bool // who leaves does not tell of what came
	selfish bool // who leaves wakes nobody
}

func (o oversights) moves(s sleepState) (next []sleepState) {
	for i := range s.at {
		n := s
		switch {
		case !s.due[i]:
			n.due[i] = true
		case !s.rang[i]:
			n.rang[i] = true
			n.bytes = s.bytes || s.said[i]
		default:
			continue
		}
		next = append(next, n)
	}
	for i := range s.at {
		if n := s; o.step(&n, i) {
			next = append(next, n)
		}
		if n := s; s.at[i] == onSocket && s.interrupts > 0 { // by a context that is over: the caller looks again
			n.interrupts--
			n.at[i] = leavesEmpty
			next = append(next, n)
		}
	}
	return next
}

// step is one of a sleeper's. It tells whether there is any.
func (o oversights) step(n *sleepState, i int) bool {
	at, who, p := &n.at[i], sleeper(i), n.real()
	switch *at {
	case says:
		n.said[i] = true
		*at = looks
		return true
	case looks:
		if *at = enters; n.due[i] {
			*at = done
		}
		return true
	case enters:
		*at = map[turn]sleeping{lookAgain: looks, goPark: onSocket, goWait: waiting}[p.enter(who)]
	case onSocket:
		if !n.bytes {
			return false
		}
		n.bytes = false
		*at = leaves
		return true
	case leaves, leavesEmpty:
		if came := *at == leaves; o.selfish {
			p.taken = false
		} else {
			p.leave(who, came && !o.forget)
		}
		*at = looks
	case waiting:
		if !n.woken[i] {
			return false
		}
		<-p.seats[i].woken
		*at = looks
	case done:
		return false
	}
	n.keep(p)
	return true
}

var errSleepsOn = errors.New("a sleeper sleeps on, though what it waits for is there")

func (o oversights) check() (int, error) {
	return interleave.Check(sleepState{interrupts: 2}, o.moves, func(s sleepState, last bool) error {
		if last && s.at != [2]sleeping{done, done} {
			return errSleepsOn
		}
		return nil
	})
}

func TestModelOfSleepers(t *testing.T) {
	states, err := oversights{}.check()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d states", states)
}

// TestModelOfSleepersFindsMistakes: the check above can fail.
func TestModelOfSleepersFindsMistakes(t *testing.T) {
	for what, o := range map[string]oversights{
		"a wake that another one took":          {forget: true},
		"nobody learns that the socket is free": {selfish: true},
	} {
		if _, err := o.check(); !errors.Is(err, errSleepsOn) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
