package main

import (
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// plan says how much is measured.
type plan struct {
	small  smallPlan
	sizes  []int // of echoes, in bytes
	tables []int // in rows
	rounds int   // turns of each way under each condition,
	large  int   // or so many where payloads are large
	bytes  int   // that a turn of echoes or tables moves about: it has as many calls as that gives, within bounds
	calls  int   // but not more
	span   time.Duration
	whole  bool // whole answers are compared
}

// smallPlan is how much is measured of small calls.
type smallPlan struct {
	size         int // in bytes
	calls        int // of a turn, back to back
	rounds       int
	pause        time.Duration // between calls that are not back to back
	pausedCalls  int           // of a turn
	pausedRounds int
	callers      int           // at once
	span         time.Duration // of a turn with so many
	manyRounds   int
}

// fullPlan takes some minutes.
func fullPlan() plan {
	return plan{
		small: smallPlan{
			size: 64, calls: 500, rounds: 20,
			pause: 5 * time.Millisecond, pausedCalls: 40, pausedRounds: 10,
			callers: 32, span: 400 * time.Millisecond, manyRounds: 5,
		},
		sizes:  []int{1 << 10, 16 << 10, 256 << 10, 1 << 20, 16 << 20, 64 << 20, 256 << 20},
		tables: []int{1000, 10_000, 100_000, 1_000_000, 3_000_000},
		rounds: 5,
		large:  3,
		bytes:  64 << 20,
		calls:  200,
		span:   time.Second,
	}
}

// quickPlan takes some seconds. It finds out whether everything works, and no more.
func quickPlan() plan {
	return plan{
		small: smallPlan{
			size: 64, calls: 100, rounds: 2,
			pause: time.Millisecond, pausedCalls: 10, pausedRounds: 1,
			callers: 32, span: 50 * time.Millisecond, manyRounds: 1,
		},
		sizes:  []int{1 << 10, 256 << 10, 6 << 20},
		tables: []int{1000, 100_000},
		rounds: 2,
		large:  1,
		bytes:  1 << 20,
		calls:  20,
		span:   100 * time.Millisecond,
		whole:  true,
	}
}

// callsOf is how many calls of so many bytes make a turn, and how many before them do not count: these fetch memory, and
// find both processes awake.
func (p plan) callsOf(bytes int) (calls, warm int) {
	calls = min(max(2, p.bytes/bytes), p.calls)
	return calls, max(1, calls/10)
}

// roundsOf is how many turns of a request each way has.
func (p plan) roundsOf(req turn.Request) int {
	if turn.IsLarge(req) {
		return p.large
	}
	return p.rounds
}
