package ring

import (
	"errors"
	"testing"

	"github.com/ctwo-go/c2/internal/interleave"
)

// A model of how the two ends wait for each other, as the package comment has it: each step is one load or store. All orders
// of all steps are tried. The memory is sequentially consistent, as sync/atomic's operations are.

// waiting is the state of the model: one writer that has records to write, one reader, a ring with room for few, and a bell
// on each side, which holds at most one ring of it.
type waiting struct {
	toWrite       int8 // records still to write
	written, head int8 // what the ring's words say

	state, rung    int8 // the reader's word; the last state for which the writer rang
	want, answered int8 // the writer's word; the last want that the reader answered
	forIn, forOut  bool // the bells
	writer, reader step
	seen           int8 // what the writer loaded of state
}

type step int8

const (
	begin step = iota
	asleep
	awake // to say so

	// The writer's.
	wrote  // W1 is done
	rings  // W2 has found a reader that sleeps
	full   // it has found no room
	wanted // it has said that it waits

	// The reader's.
	read    // it has read a record, and looks at want
	empty   // it has found nothing, and looks at want
	sleepy  // R1 is to be done
	settled // R1 is done
)

const (
	modelRoom    = 2
	modelRecords = 5
)

// faults are mistakes that the protocol could have. The test of the test makes each.
type faults struct {
	noRecheck     bool // the reader sleeps after R1 without R2
	noRoomRecheck bool // likewise the writer
	lookFirst     bool // W2 before W1
	sameState     bool // the reader's sleeps are told by one and the same state
	neverLooks    bool // the reader reads on without looking at want
}

func (f faults) moves(s waiting) []waiting { return append(f.write(s), f.read(s)...) }

func (f faults) write(s waiting) []waiting {
	n := s
	switch s.writer {
	case begin:
		switch {
		case s.toWrite == 0:
			return nil
		case f.lookFirst:
			n.seen, n.writer = s.state, wrote
		case s.written-s.head == modelRoom:
			n.writer = full
		default: // W1
			n.written++
			n.toWrite--
			n.writer = wrote
		}
	case wrote: // W2
		if f.lookFirst {
			if s.written-s.head == modelRoom {
				return nil // the variant is about the reader only
			}
			n.written++
			n.toWrite--
		} else {
			n.seen = s.state
		}
		n.writer = begin
		if n.seen%2 == 1 && n.seen != s.rung {
			n.writer = rings
		}
	case rings:
		n.rung, n.forIn, n.writer = s.seen, true, begin
	case full:
		n.want++
		n.writer = wanted
	case wanted:
		if f.noRoomRecheck || s.written-s.head == modelRoom {
			n.writer = asleep
		} else {
			n.want++
			n.writer = begin
		}
	case asleep:
		if !s.forOut {
			return nil
		}
		n.forOut, n.writer = false, awake
	case awake:
		n.want++
		n.writer = begin
	}
	return []waiting{n}
}

func (f faults) read(s waiting) (next []waiting) {
	n := s
	switch s.reader {
	case begin:
		if s.written == s.head {
			n.reader = empty
			break
		}
		n.head++
		next = append(next, n) // it reads on
		n.reader = read        // or looks at want first
	case read, empty:
		if n.reader = begin; s.reader == empty {
			n.reader = sleepy
		}
		if !f.neverLooks && s.want%2 == 1 && s.want != s.answered {
			n.answered, n.forOut = s.want, true
		}
	case sleepy: // R1
		if n.state++; f.sameState {
			n.state = 1
		}
		n.reader = settled
	case settled: // R2
		if f.noRecheck || s.written == s.head {
			n.reader = asleep
		} else {
			n.reader = awake
		}
	case asleep:
		if !s.forIn {
			return nil
		}
		n.forIn, n.reader = false, awake
	case awake: // R3
		if n.state++; f.sameState {
			n.state = 0
		}
		n.reader = begin
	}
	return append(next, n)
}

var errSleptOver = errors.New("everybody sleeps, and not all was read")

func (f faults) check() (int, error) {
	return interleave.Check(waiting{toWrite: modelRecords}, f.moves, func(s waiting, last bool) error {
		if last && (s.toWrite > 0 || s.head < s.written) {
			return errSleptOver
		}
		return nil
	})
}

func TestNoWakeIsLost(t *testing.T) {
	states, err := faults{}.check()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d states", states)
}

// TestModelFindsMistakes: the check above can fail.
func TestModelFindsMistakes(t *testing.T) {
	for what, f := range map[string]faults{
		"a reader that does not look again": {noRecheck: true},
		"a writer that does not look again": {noRoomRecheck: true},
		"a writer that looks first":         {lookFirst: true},
		"sleeps that can't be told apart":   {sameState: true},
		"a reader that never looks at want": {neverLooks: true},
	} {
		if _, err := f.check(); !errors.Is(err, errSleptOver) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
