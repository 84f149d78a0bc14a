package ipc

import (
	"sync/atomic"
	"time"
)

// A call is run by the goroutine that read it where that may be: handing it to another would cost more than many a call
// takes, above all where that wakes a thread. But a slow call must not hold up the next. Through rings, a client that waits
// for what has not been read says so (see rings.urge), and another goroutine goes on reading. So calls are run in this way
// whether others are in flight or not, as long as they turn out to be quick: those that are not had better use other cores.
//
// Over a socket nobody can tell, so only a call that comes alone is run in this way, and a watchdog has another goroutine read
// where one has been at it for a while.
//
// A connection whose calls were slow gives its next ones goroutines of their own, the more of them the more often it happens.

// inline is the state of this for one connection.
type inline struct {
	// turn is odd while the reading goroutine runs a call. Whoever makes it even, that goroutine, the bell or the watchdog,
	// says who reads on.
	turn  atomic.Uint64
	urged atomic.Bool // the bell was rung, and nobody has acted on it

	seen uint64 // the turn at the watchdog's last look, and its own

	// timer is for a turn behind which more waits, with nobody left to ring; armed is the turn, zero if it does not run.
	timer *time.Timer
	armed atomic.Uint64

	// The reading goroutine's own.
	spawn   int // so many calls get a goroutine of their own
	penalty int // how many the last time
	quick   int // so many calls were quick since
	slow    int // grows by slow calls, and shrinks by quick ones
}

const (
	// watchTick is how often the watchdog looks: a call that runs for one to two ticks is slow.
	watchTick = 10 * time.Millisecond
	// watchRest is after how many ticks without any such call the watchdog stops.
	watchRest = 5

	// quickTime is how long a call may take with others in flight: some ten times what a goroutine of its own would cost.
	quickTime = 20 * time.Microsecond

	// patience is how long a call may take whose client sleeps, with more to read behind it.
	patience = 200 * time.Microsecond

	minPenalty = 64
	maxPenalty = 1 << 16
	// tooSlow is how far slow may grow by slowStep for each slow call: to more than one in nine, or a few in a row. A call may
	// just have lost its core for a while.
	tooSlow  = 40
	slowStep = 8
	// forgiven is after how many quick calls for each call of a penalty half of it is forgotten.
	forgiven = 4
)

// suits tells whether the reading goroutine is to run a call itself.
func (in *inline) suits() bool {
	if in.spawn > 0 {
		in.spawn--
		return false
	}
	return true
}

func (in *inline) punish() {
	in.penalty = min(max(2*in.penalty, minPenalty), maxPenalty)
	in.spawn, in.quick, in.slow = in.penalty, 0, 0
}

// judge is told how long a call took that ran with others in flight.
func (in *inline) judge(took time.Duration) {
	if took > quickTime {
		if in.slow += slowStep; in.slow > tooSlow {
			in.punish()
		}
		return
	}
	in.slow = max(in.slow-1, 0)
	if in.quick++; in.quick > forgiven*in.penalty {
		in.penalty, in.quick = in.penalty/2, 0
	}
}

// arm sees to it that the turn is looked at again soon.
func (in *inline) arm(turn uint64) {
	if in.armed.Swap(turn) == 0 { // else the timer runs, and will find this turn
		in.timer.Reset(patience)
	}
}

// lookAgain is called when the timer has run out.
func (c *serverConn) lookAgain() {
	armed := c.inline.armed.Load()
	turn := c.inline.turn.Load()
	waits := turn%2 == 1 && c.conn.pending()
	switch {
	case waits && turn != armed:
		c.inline.armed.Store(turn)
		c.inline.timer.Reset(patience)
	case !c.inline.armed.CompareAndSwap(armed, 0): // the next turn is armed
		c.inline.timer.Reset(patience)
	case waits:
		c.relieve(turn)
	}
}

// suitsInline tells whether the reading goroutine is to run a call itself.
func (c *serverConn) suitsInline(call *Call) bool {
	return (call.alone && !c.reader.buffered() || c.conn.hasBell()) && c.inline.suits()
}

// runInline runs a call on this, the reading goroutine. It returns false if another one reads by now.
func (c *serverConn) runInline(call *Call) (reading bool) {
	turn := c.inline.turn.Add(1)
	switch {
	case !c.conn.hasBell():
		c.server.watchdog.wake(c.server)
	case c.conn.over():
		c.relieve(turn) // nobody will ring any more
	case !c.conn.pending():
	case c.inline.urged.Swap(false):
		c.relieve(turn) // the bell was before the turn
	case c.conn.peerSleeps():
		c.inline.arm(turn) // it has not rung because this side slept, too, and would have woken up
	}
	alone := call.alone
	var begin time.Time
	if !alone {
		begin = time.Now()
	}
	defer func() {
		mine := c.inline.turn.CompareAndSwap(turn, turn+1)
		if mine && !reading { // the handler is ending this goroutine
			go c.run()
		}
		if reading = reading && mine; reading && !alone {
			c.inline.judge(time.Since(begin))
		}
	}()
	c.serve(call)
	return true
}

// relieve lets another goroutine read if the reading one still runs the call that it ran at the given turn.
func (c *serverConn) relieve(turn uint64) {
	if c.inline.turn.CompareAndSwap(turn, turn+1) {
		go func() {
			if c.conn.hasBell() {
				c.inline.judge(patience)
			} else {
				c.inline.punish() // it was found out late
			}
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
