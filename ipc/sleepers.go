package ipc

import (
	"context"
	"os"
	"sync"
	"time"
)

// sleepers say which of a side's reader and writer sleeps on the socket, where only one can, and see to it that the other one
// learns of what comes there, since a wake may be meant for either.
type sleepers struct {
	mu    sync.Mutex
	taken bool // somebody is on the socket
	seats [2]seat
}

// seat is what is known of the reader or the writer.
type seat struct {
	told  bool          // there was a wake that may have been its, and it does not know
	waits bool          // for its channel
	woken chan struct{} // holds a value when it is to wait no more
}

type sleeper int

const (
	theReader sleeper = iota
	theWriter
)

func (p *sleepers) init() {
	for i := range p.seats {
		p.seats[i].woken = make(chan struct{}, 1)
	}
}

// turn is what a sleeper is to do.
type turn int

const (
	lookAgain turn = iota // there was a wake
	goPark                // on the socket, and leave then
	goWait                // see wait
)

// enter is called by who is about to sleep.
func (p *sleepers) enter(who sleeper) turn {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.seats[who]
	switch {
	case s.told:
		s.told = false
		return lookAgain
	case p.taken:
		s.waits = true
		return goWait
	}
	p.taken = true
	return goPark
}

// leave is called by who was on the socket, and tells whether something came there.
func (p *sleepers) leave(who sleeper, came bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = false
	other := &p.seats[1-who]
	other.told = other.told || came
	other.wake()
}

// tell says that there was a wake that may have been meant for who.
func (p *sleepers) tell(who sleeper) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats[who].told = true
	p.seats[who].wake()
}

// wake ends the waiting, if there is any: whoever waited looks again, and may be on the socket then.
func (s *seat) wake() {
	if s.waits {
		s.waits, s.told = false, false
		s.woken <- struct{}{}
	}
}

// wait waits until the caller is woken, or the socket is free. It returns an interrupted error when ctx or the time is over,
// unless that is nil.
func (p *sleepers) wait(ctx context.Context, who sleeper, late <-chan time.Time) error {
	s := &p.seats[who]
	select {
	case <-s.woken:
		return nil
	case <-ctx.Done():
	case <-late:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !s.waits { // it was woken just now
		<-s.woken
	}
	s.waits = false
	return os.ErrDeadlineExceeded
}
