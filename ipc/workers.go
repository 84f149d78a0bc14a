package ipc

import "sync/atomic"

// workers run a connection's calls beside the goroutine that reads. One that is done waits for another call: the stack of a new goroutine
// would have to grow first, which takes as long as many a call.
type workers struct {
	calls chan *Call // nobody waits to send
	idle  atomic.Int32
	ended <-chan struct{} // of the connection
}

// maxIdleWorkers bounds those that wait. Any number may run.
const maxIdleWorkers = 32

func newWorkers(ended <-chan struct{}) *workers {
	return &workers{calls: make(chan *Call), ended: ended}
}

// run has a call served by one who waits, or a new one.
func (w *workers) run(call *Call) {
	select {
	case w.calls <- call:
	default:
		go w.work(call)
	}
}

func (w *workers) work(call *Call) {
	for call != nil {
		call.conn.serve(call)
		call = w.next()
	}
}

// next waits for a call. It is nil if there are enough who do, or will be none.
func (w *workers) next() (call *Call) {
	defer w.idle.Add(-1)
	if w.idle.Add(1) > maxIdleWorkers {
		return nil
	}
	select {
	case call = <-w.calls:
	case <-w.ended:
	}
	return call
}
