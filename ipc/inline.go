package ipc

import (
	"sync/atomic"
	"time"
)

// A call that comes alone is run by the goroutine that read it: handing it to another would cost more than many a call
// takes, above all where that wakes a thread. But a slow call must not hold up the next. Through rings, a client that waits
// for what has not been read says so (see rings.urge), and another goroutine goes on reading. Over a socket nobody
// can tell, so a watchdog looks after the goroutines that run calls in this way, and has another one read where one has been at
// it for a while. A connection that needed this gives its next calls goroutines of their own, the more of them the more
// often it happens.

// inline is the state of this for one connection.
type inline struct {
	// turn is odd while the reading goroutine runs a call. Whoever makes it even, that goroutine or the watchdog, says
	// who reads on.
	turn atomic.Uint64

	seen uint64 // the turn at the watchdog's last look, and its own

	// The reading goroutine's own.
	spawn   int // so many calls get a goroutine of their own
	penalty int // how many the last time
}

const (
	// watchTick is how often the watchdog looks: a call that runs for one to two ticks is slow.
	watchTick = 10 * time.Millisecond
	// watchRest is after how many ticks without any such call the watchdog stops.
	watchRest = 5

	minPenalty = 64
	maxPenalty = 1 << 16
)

// suits tells whether the reading goroutine is to run a call itself.
func (in *inline) suits(alone bool) bool {
	if in.spawn > 0 {
		in.spawn--
		return false
	}
	return alone
}

func (in *inline) punish() {
	in.penalty = min(max(2*in.penalty, minPenalty), maxPenalty)
	in.spawn = in.penalty
}

// runInline runs a call on this, the reading goroutine. It returns false if another one reads by now.
func (c *serverConn) runInline(call *Call) (reading bool) {
	turn := c.inline.turn.Add(1)
	switch {
	case !c.conn.hasBell():
		c.server.watchdog.wake(c.server)
	case c.conn.pending():
		c.relieve(turn) // the bell for it may have been before the turn
	}
	defer func() {
		mine := c.inline.turn.CompareAndSwap(turn, turn+1)
		if mine && !reading { // the handler is ending this goroutine
			go c.run()
		}
		reading = reading && mine
	}()
	c.serve(call)
	return true
}

// relieve lets another goroutine read if the reading one still runs the call that it ran at the given turn.
func (c *serverConn) relieve(turn uint64) {
	if c.inline.turn.CompareAndSwap(turn, turn+1) {
		go func() {
			c.inline.punish()
			c.run()
		}()
	}
}

// watchdog looks after the calls that run inline, as long as there are any.
type watchdog struct{ awake atomic.Bool }

// wake is called by a connection's reading goroutine, which the server's wait group counts.
func (w *watchdog) wake(s *Server) {
	if !w.awake.Load() && w.awake.CompareAndSwap(false, true) {
		s.wg.Go(func() { w.watch(s) })
	}
}

func (w *watchdog) watch(s *Server) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	for quiet := 0; quiet < watchRest; quiet++ {
		<-tick.C
		conns := s.snapshot()
		if len(conns) == 0 {
			break
		}
		for _, c := range conns {
			turn := c.inline.turn.Load()
			if turn != c.inline.seen {
				quiet = 0
			} else if turn%2 == 1 {
				c.relieve(turn)
			}
			c.inline.seen = turn
		}
	}
	w.awake.Store(false)
	// A call that began before that relies on being watched; one that begins now wakes the watchdog itself.
	for _, c := range s.snapshot() {
		if c.inline.turn.Load()%2 == 1 {
			w.wake(s)
		}
	}
}
