package sched

import "context"

// Class is the calls of one kind, such as those of a method, which their [Scheduler] counts under the lock that it takes
// anyway. Its methods do what the scheduler's of the same name do.
type Class struct {
	scheduler *Scheduler
	read      bool
	counts    Counts // guarded by the scheduler's mu
}

// Counts says how many calls of a [Class] there are and were.
type Counts struct {
	Admitted uint64 // that run or ran
	Running  int
	Pending  int // that wait for their turn
}

// Class makes a class of calls that read, or write.
func (s *Scheduler) Class(read bool) *Class {
	return &Class{scheduler: s, read: read}
}

// Acquire is [Scheduler.Acquire] for a call of the class.
func (c *Class) Acquire(ctx context.Context) error { return c.scheduler.acquire(ctx, c.read, c) }

// TryAcquire is [Scheduler.TryAcquire] for a call of the class.
func (c *Class) TryAcquire() bool { return c.scheduler.tryAcquire(c.read, c) }

// Release is [Scheduler.Release] for a call of the class.
func (c *Class) Release() { c.scheduler.release(c.read, c) }

// Counts reports the figures of one moment.
func (c *Class) Counts() Counts {
	c.scheduler.mu.Lock()
	defer c.scheduler.mu.Unlock()
	return c.counts
}

// admittedLocked counts a call that may run. Like the others, it takes a nil class, of calls that nobody counts.
func (c *Class) admittedLocked() {
	if c != nil {
		c.counts.Admitted++
		c.counts.Running++
	}
}

func (c *Class) releasedLocked() {
	if c != nil {
		c.counts.Running--
	}
}

// pendingLocked counts calls that wait, or a negative number of those that do no more.
func (c *Class) pendingLocked(more int) {
	if c != nil {
		c.counts.Pending += more
	}
}
