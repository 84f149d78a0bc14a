package interleave

import (
	"errors"
	"strings"
	"testing"
)

// counter is two parties that each add one to a number, by reading and then writing it.
type counter struct {
	n    int
	read [2]int // what each has read, -1 before
	done [2]bool
}

func increments(s counter) (next []counter) {
	for i := range s.done {
		n := s
		switch {
		case s.done[i]:
			continue
		case s.read[i] < 0:
			n.read[i] = s.n
		default:
			n.n, n.done[i] = s.read[i]+1, true
		}
		next = append(next, n)
	}
	return next
}

func TestFindsTheRace(t *testing.T) {
	lost := errors.New("an increment was lost")
	states, err := Check(counter{read: [2]int{-1, -1}}, increments, func(s counter, last bool) error {
		if last && s.n != 2 {
			return lost
		}
		return nil
	})
	if !errors.Is(err, lost) || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("got %v, want four steps to the lost increment", err)
	}
	if states < 5 {
		t.Errorf("%d states were visited", states)
	}
}

func TestVisitsAll(t *testing.T) {
	finals := 0
	states, err := Check(counter{read: [2]int{-1, -1}}, increments, func(_ counter, last bool) error {
		if last {
			finals++
		}
		return nil
	})
	// Each reads and writes: before, between and after for both, where the second may have read 0 or 1.
	if err != nil || states != 13 || finals != 3 {
		t.Errorf("%d states, %d of them final, %v", states, finals, err)
	}
}

func TestRefusesEndlessModels(t *testing.T) {
	if testing.Short() {
		t.Skip("visits millions of states")
	}
	_, err := Check(0, func(n int) []int { return []int{n + 1} }, func(int, bool) error { return nil })
	if err == nil {
		t.Error("a model without an end was checked")
	}
}
