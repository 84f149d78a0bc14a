package sched

// waiter is one call in the queue.
type waiter struct {
	ready chan error // holds one value, so that whoever decides never blocks
	read  bool
	class *Class // nil if nobody counts it

	// Guarded by the scheduler's mutex.
	next, prev *waiter
	queued     bool
}

// newWaiter reuses a waiter that has received its answer, or makes one.
func (s *Scheduler) newWaiter(read bool, c *Class) *waiter {
	w, _ := s.waiters.Get().(*waiter)
	if w == nil {
		w = &waiter{ready: make(chan error, 1)}
	}
	w.read, w.class = read, c
	return w
}

// queue is a doubly linked list, so that a waiter anywhere in it leaves in constant time.
type queue struct {
	head, tail *waiter
	len        int
}

func (q *queue) push(w *waiter) {
	w.prev, w.queued = q.tail, true
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len++
}

// pop takes the head off a queue that is not empty.
func (q *queue) pop() *waiter {
	w := q.head
	q.remove(w)
	return w
}

func (q *queue) remove(w *waiter) {
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.next, w.prev, w.queued = nil, nil, false
	q.len--
}
