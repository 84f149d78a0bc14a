package sched

import (
	"context"
	"errors"
	"sync"
)

// DefaultMaxPending bounds the queue of a [Scheduler] that was given no bound.
const DefaultMaxPending = 16384

var (
	// ErrBusy is returned when the queue is full. The call did not run; it may be retried.
	ErrBusy = errors.New("too many calls are waiting: retry later, or register the resource with a larger MaxPending")
	// ErrClosed is returned once the scheduler is closed. The call did not run.
	ErrClosed = errors.New("closed to new calls: connect to the resource again")
)

// Scheduler admits the calls of one resource. Make it with [New]; its methods may be
// used by any number of goroutines at once.
type Scheduler struct {
	mode       Mode
	maxPending int
	waiters    sync.Pool // of *waiter; each scheduler's own, as a channel belongs to its test's bubble

	mu     sync.Mutex
	queue  queue
	reads  int           // admitted and not yet released
	writes int           // at most 1, except under Parallel
	idle   chan struct{} // made by Drain, closed when the last call is released
	closed bool
}

// Stats is what a [Scheduler] is doing at one moment.
type Stats struct {
	Reads   int // reads that run
	Writes  int // writes that run; under Exclusive that is every call
	Pending int // calls that wait for their turn
}

// New returns a scheduler in which at most maxPending calls wait at a time, or
// [DefaultMaxPending] where maxPending is zero or less. A mode that does not exist acts
// as [Exclusive], the one that is safe for any resource.
func New(mode Mode, maxPending int) *Scheduler {
	if maxPending <= 0 {
		maxPending = DefaultMaxPending
	}
	return &Scheduler{mode: mode, maxPending: maxPending}
}

// Acquire waits for the call's turn and returns nil when it may run; [Scheduler.Release]
// must follow, with the same read. On any error the call was not admitted: the context's
// own error at once when it ends (or had ended before), [ErrBusy] at once when the queue
// is full, [ErrClosed] from [Scheduler.Close] on. A call that was admitted before its
// context ended gets nil. A nil context never ends.
func (s *Scheduler) Acquire(ctx context.Context, read bool) error { return s.acquire(ctx, read, nil) }

func (s *Scheduler) acquire(ctx context.Context, read bool, c *Class) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	read = s.effective(read)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.queue.head == nil && s.fitsLocked(read) {
		s.admitLocked(read, c)
		s.mu.Unlock()
		return nil
	}
	if s.queue.len >= s.maxPending {
		s.mu.Unlock()
		return ErrBusy
	}
	w := s.newWaiter(read, c)
	s.queue.push(w)
	c.pendingLocked(1)
	s.mu.Unlock()
	return s.wait(ctx, w)
}

// TryAcquire admits a call if it need not wait, and tells whether it did; [Scheduler.Release] must follow then.
func (s *Scheduler) TryAcquire(read bool) bool { return s.tryAcquire(read, nil) }

func (s *Scheduler) tryAcquire(read bool, c *Class) bool {
	read = s.effective(read)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.queue.head != nil || !s.fitsLocked(read) {
		return false
	}
	s.admitLocked(read, c)
	return true
}

// Release ends a call that [Scheduler.Acquire] admitted, and lets in whoever may run now.
// It panics when no such call runs: the lock would no longer protect the resource.
func (s *Scheduler) Release(read bool) { s.release(read, nil) }

func (s *Scheduler) release(read bool, c *Class) {
	read = s.effective(read)
	s.mu.Lock()
	running := &s.writes
	if read {
		running = &s.reads
	}
	if *running == 0 {
		s.mu.Unlock()
		panic("sched: Release without an Acquire of the same kind that returned nil")
	}
	*running--
	c.releasedLocked()
	s.grantLocked()
	if s.idle != nil && s.reads+s.writes == 0 {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
}

// Close ends admission: calls that wait and calls that come later get [ErrClosed], those
// that run go on. Closing again does nothing.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.queue.head != nil {
		w := s.queue.pop()
		w.class.pendingLocked(-1)
		w.ready <- ErrClosed
	}
}

// Drain waits until no call runs, and returns the context's error if that ends first.
// Call [Scheduler.Close] before it: on an open scheduler a new call may be running by the
// time Drain returns. A nil context never ends.
func (s *Scheduler) Drain(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	s.mu.Lock()
	if s.reads+s.writes == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stats reports what runs and what waits.
func (s *Scheduler) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Reads: s.reads, Writes: s.writes, Pending: s.queue.len}
}

// wait blocks until w is granted or refused, or until ctx ends.
func (s *Scheduler) wait(ctx context.Context, w *waiter) (err error) {
	select {
	case err = <-w.ready:
	case <-ctx.Done():
		if s.leave(w) {
			err = ctx.Err()
		} else {
			err = <-w.ready // decided before the context ended: that stands
		}
	}
	s.waiters.Put(w)
	return err
}

// leave takes w out of the queue, unless w was decided on and is no longer there.
func (s *Scheduler) leave(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !w.queued {
		return false
	}
	s.queue.remove(w)
	w.class.pendingLocked(-1)
	s.grantLocked() // w may have been the write that held back reads
	return true
}

// effective is the kind a call counts as: only two modes tell reads from writes.
func (s *Scheduler) effective(read bool) bool {
	return read && (s.mode == ReadParallel || s.mode == Parallel)
}

// fitsLocked reports whether a call may run beside those that run.
func (s *Scheduler) fitsLocked(read bool) bool {
	return s.mode == Parallel || s.writes == 0 && (read || s.reads == 0)
}

func (s *Scheduler) admitLocked(read bool, c *Class) {
	c.admittedLocked()
	if read {
		s.reads++
	} else {
		s.writes++
	}
}

// grantLocked admits from the head of the queue for as long as the next call fits.
func (s *Scheduler) grantLocked() {
	for w := s.queue.head; w != nil && s.fitsLocked(w.read); w = s.queue.head {
		s.queue.pop()
		w.class.pendingLocked(-1)
		s.admitLocked(w.read, w.class)
		w.ready <- nil
	}
}
