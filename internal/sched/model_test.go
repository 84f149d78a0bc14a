package sched_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/ctwo-go/c2/internal/sched"
)

// state is where a call stands.
type state uint8

const (
	waiting state = iota
	running
	ended // released, or refused with err
)

// call is one Acquire, as the model has it and as the scheduler answered.
type call struct {
	read   bool
	want   state
	err    error
	cancel context.CancelFunc
	done   chan struct{} // closed when Acquire returned
	got    error         // what it returned
}

// model is the specification, written without a queue: a call may run once no earlier
// call that is still alive conflicts with it.
type model struct {
	mode       sched.Mode
	maxPending int
	closed     bool
	calls      []*call // in the order of arrival
}

func (m *model) conflict(a, b *call) bool {
	switch m.mode {
	case sched.Parallel:
		return false
	case sched.ReadParallel:
		return !a.read || !b.read
	}
	return true
}

// settle runs every waiting call that nothing earlier stands in the way of.
func (m *model) settle() {
	for i, c := range m.calls {
		if c.want == waiting && !m.blocked(c, m.calls[:i]) {
			c.want = running
		}
	}
}

func (m *model) blocked(c *call, earlier []*call) bool {
	for _, e := range earlier {
		if e.want != ended && m.conflict(e, c) {
			return true
		}
	}
	return false
}

func (m *model) in(s state) []*call {
	var calls []*call
	for _, c := range m.calls {
		if c.want == s {
			calls = append(calls, c)
		}
	}
	return calls
}

// arrive adds a call and decides it as far as it can be decided at once.
func (m *model) arrive(c *call) {
	full := len(m.in(waiting)) >= m.maxPending
	m.calls = append(m.calls, c)
	switch m.settle(); {
	case m.closed:
		c.want, c.err = ended, sched.ErrClosed
	case c.want == waiting && full:
		c.want, c.err = ended, sched.ErrBusy
	}
}

func (m *model) end(c *call, err error) {
	c.want, c.err = ended, err
	m.settle()
}

func (m *model) close() {
	m.closed = true
	for _, c := range m.in(waiting) {
		c.want, c.err = ended, sched.ErrClosed
	}
}

func (m *model) stats() sched.Stats {
	st := sched.Stats{Pending: len(m.in(waiting))}
	for _, c := range m.in(running) {
		if c.read && m.mode != sched.Exclusive {
			st.Reads++
		} else {
			st.Writes++
		}
	}
	return st
}

// runProgram drives a scheduler and the model by the same byte program, inside a bubble,
// and compares them after every step. The first byte chooses the mode and the queue's
// bound; each later byte is a step: its low three bits say what, the rest which call.
func runProgram(t *testing.T, program []byte) {
	if len(program) == 0 {
		return
	}
	m := &model{mode: sched.Mode(program[0] % 3), maxPending: 1 + int(program[0]>>2)%12}
	s := sched.New(m.mode, m.maxPending)
	for i, b := range program[1:] {
		what := step(s, m, b)
		synctest.Wait()
		if err := compare(s, m); err != nil {
			t.Fatalf("step %d, %s: %v", i, what, err)
		}
	}
	finish(t, s, m)
}

// step applies one byte to both and says what it did.
func step(s *sched.Scheduler, m *model, b byte) string {
	pick := func(calls []*call) *call { return calls[int(b>>3)%len(calls)] }
	waits, runs := m.in(waiting), m.in(running)
	switch op := b & 7; {
	case op >= 5 && len(runs) > 0:
		c := pick(runs)
		s.Release(c.read)
		m.end(c, nil)
		return fmt.Sprintf("release(read=%t)", c.read)
	case op == 4 && len(waits) > 0:
		c := pick(waits)
		c.cancel()
		m.end(c, context.Canceled)
		return fmt.Sprintf("cancel(read=%t)", c.read)
	case op == 3 && b>>3 == 31:
		s.Close()
		m.close()
		return "close"
	default:
		c := &call{read: op%2 == 0, done: make(chan struct{})}
		var ctx context.Context
		ctx, c.cancel = context.WithCancel(context.Background())
		go func() {
			defer close(c.done)
			c.got = s.Acquire(ctx, c.read)
		}()
		m.arrive(c)
		return fmt.Sprintf("acquire(read=%t)", c.read)
	}
}

// compare reports where the scheduler is not where the model says.
func compare(s *sched.Scheduler, m *model) error {
	for i, c := range m.calls {
		select {
		case <-c.done:
			if c.want == waiting {
				return fmt.Errorf("call %d (read=%t) returned %v; it must wait", i, c.read, c.got)
			}
			if !errors.Is(c.got, c.err) {
				return fmt.Errorf("call %d (read=%t) returned %v; want %v", i, c.read, c.got, c.err)
			}
		default:
			if c.want != waiting {
				return fmt.Errorf("call %d (read=%t) waits; it must have returned %v", i, c.read, c.err)
			}
		}
	}
	if got, want := s.Stats(), m.stats(); got != want {
		return fmt.Errorf("stats are %+v; want %+v", got, want)
	}
	return nil
}

// finish closes and drains, so that the bubble ends with nothing left in it.
func finish(t *testing.T, s *sched.Scheduler, m *model) {
	s.Close()
	m.close()
	for _, c := range m.in(running) {
		s.Release(c.read)
		m.end(c, nil)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatalf("drain after the last release: %v", err)
	}
	synctest.Wait()
	if err := compare(s, m); err != nil {
		t.Fatalf("at the end: %v", err)
	}
	for _, c := range m.calls {
		c.cancel()
	}
}
