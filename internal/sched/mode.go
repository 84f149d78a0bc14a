package sched

import "fmt"

// Mode says which calls may run beside each other.
type Mode uint8

const (
	// ReadParallel runs reads beside reads and every write alone. It is the zero value.
	ReadParallel Mode = iota
	// Exclusive runs every call alone, as if all of them wrote.
	Exclusive
	// Parallel runs every call at once; the resource does its own locking. Calls are
	// still counted, so that [Scheduler.Drain] can wait for them.
	Parallel
)

// String returns the mode's name in lower case, as settings and logs spell it.
func (m Mode) String() string {
	switch m {
	case ReadParallel:
		return "read-parallel"
	case Exclusive:
		return "exclusive"
	case Parallel:
		return "parallel"
	}
	return fmt.Sprintf("mode(%d)", uint8(m))
}
