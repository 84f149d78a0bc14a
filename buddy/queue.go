package buddy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// queue is those who wait for memory, first come, first served: the first of them tries whenever something may have been
// freed, the others wait for their turn to be the first.
//
// No wake-up is lost: who waits is in the queue before he tries, and who frees looks at the queue after he freed.
type queue struct {
	length atomic.Int32 // of waiting; read without mu

	mu      sync.Mutex
	waiting []chan struct{} // each takes one wake-up that was not heard yet
	closed  bool
}

// join puts the caller at the end.
func (q *queue) join() chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	turn := make(chan struct{}, 1)
	q.waiting = append(q.waiting, turn)
	q.length.Add(1)
	if len(q.waiting) == 1 || q.closed {
		turn <- struct{}{}
	}
	return turn
}

// leave takes the caller out, and has the next one try, as there may be more, or what woke the caller was not used.
func (q *queue) leave(turn chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, turn)
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.length.Add(-1)
	q.wakeLocked()
}

// wake has the first one try. It costs a look at a number if nobody waits.
func (q *queue) wake() {
	if q.length.Load() == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wakeLocked()
}

func (q *queue) wakeLocked() {
	if len(q.waiting) > 0 {
		ring(q.waiting[0])
	}
}

// close has all of them try, now and for ever.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, turn := range q.waiting {
		ring(turn)
	}
}

func ring(turn chan struct{}) {
	select {
	case turn <- struct{}{}:
	default: // it was woken already, and did not try since
	}
}

// AllocWait is Alloc that waits for memory as long as the pool's, or all of its Budget, is in use. Those who wait are
// served in the order in which they came, so that a large block is not starved by small ones; one who calls Alloc does not
// queue, and between the pools of a Budget there is no order. If ctx ends first the error is that of ctx and [ErrExhausted].
func (p *Pool) AllocWait(ctx context.Context, n int) (Block, error) {
	if p.waiters.length.Load() == 0 {
		if block, err := p.Alloc(n); !errors.Is(err, ErrExhausted) {
			return block, err
		}
	}
	turn := p.waiters.join()
	defer p.waiters.leave(turn)
	p.config.Budget.wait(1) // before it tries, as wake relies on
	defer p.config.Budget.wait(-1)
	for {
		select {
		case <-turn:
			if block, err := p.Alloc(n); !errors.Is(err, ErrExhausted) {
				return block, err
			}
		case <-ctx.Done():
			return Block{}, fmt.Errorf("buddy: %w: %w", ErrExhausted, ctx.Err())
		}
	}
}
