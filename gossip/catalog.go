package gossip

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// sighting is what serf says of a relay, of its latest start if it has several.
type sighting struct {
	Tag
	living bool
}

// peer is another relay. What is known of its table stays when it fails, so that its return costs nothing.
type peer struct {
	seen  sighting
	table *replica // its last good one, of whatever incarnation; nil: none yet
	shown bool     // the table is in the index
	rtt   time.Duration
	order uint64
	told  time.Time // when a push or the owner last changed the table
	doubt doubt
	pull  pulling
}

// catalog is what is known of all other relays and their tables. It is safe for concurrent use.
type catalog struct {
	self   string
	limits Limits
	pace   pace
	log    zerolog.Logger
	index  *index
	chance func(time.Duration) time.Duration // some time up to that

	mu     sync.Mutex
	peers  map[string]*peer
	routes int // of all peers' tables
	counts Counts
}

// Counts are what a relay has done for its view of the mesh since it started.
type Counts struct {
	Pulls   uint64 // answers that came
	Failed  uint64 // pulls without an answer
	Faults  uint64 // answers and pushes that were no good: malformed, too large, of another digest than their owner says
	Pushes  uint64 // that came and changed a table
	BytesIn uint64 // of answers and pushes
}

// pace is when a catalog does what.
type pace struct {
	grace    time.Duration // for which a pull waits, as a push may be under way
	retry    time.Duration // after the first failure; doubled with each other one
	retryMax time.Duration
	amends   time.Duration // after a fault; doubled with each other one
	amendMax time.Duration
	confirm  time.Duration // within which serf has to know of a version that was pushed
}

var defaultPace = pace{
	grace: 100 * time.Millisecond, retry: 100 * time.Millisecond, retryMax: 2 * time.Second,
	amends: 5 * time.Second, amendMax: 5 * time.Minute, confirm: 15 * time.Second,
}

func newCatalog(self string, limits Limits, pace pace, log zerolog.Logger, chance func(time.Duration) time.Duration) *catalog {
	return &catalog{
		self: self, limits: limits, pace: pace, log: log, index: newIndex(), chance: chance,
		peers: make(map[string]*peer),
	}
}

// observe takes serf's view, which has each relay once. Who is not in it any more is forgotten.
func (c *catalog) observe(now time.Time, view map[string]sighting) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.peers {
		if _, ok := view[id]; !ok {
			c.forgetLocked(id, p)
		}
	}
	for id, s := range view {
		p := c.peers[id]
		switch {
		case p == nil && len(c.peers) >= c.limits.Peers && !(s.living && c.giveWayLocked()):
			continue
		case p == nil:
			p = &peer{order: order(c.self, id, 0)}
			c.peers[id] = p
		case p.seen == s:
			c.scheduleLocked(now, p)
			continue
		}
		c.sightLocked(now, p, s)
	}
}

// giveWayLocked forgets one that does not live, for one that does, and tells whether there was one.
func (c *catalog) giveWayLocked() bool {
	for id, p := range c.peers {
		if !p.seen.living {
			c.forgetLocked(id, p)
			return true
		}
	}
	return false
}

func (c *catalog) forgetLocked(id string, p *peer) {
	c.showLocked(p, false)
	if p.table != nil {
		c.routes -= len(p.table.routes)
	}
	delete(c.peers, id)
}

// sightLocked takes news of a peer.
func (c *catalog) sightLocked(now time.Time, p *peer, s sighting) {
	returned := s.living && !p.seen.living || s.Incarnation != p.seen.Incarnation
	moved := s.URL != p.seen.URL
	if moved {
		c.showLocked(p, false)
	}
	p.seen = s
	if returned {
		p.pull = pulling{under: p.pull.under, faults: p.pull.faults}
	}
	if s.living && s.Version == 0 && (p.table == nil || p.table.incarnation != s.Incarnation) {
		c.replaceLocked(p, newReplica(s.Incarnation))
	}
	c.showLocked(p, s.living && p.table != nil && p.table.incarnation == s.Incarnation)
	c.scheduleLocked(now, p)
}

// replaceLocked gives p another table, which is not shown yet.
func (c *catalog) replaceLocked(p *peer, t *replica) {
	c.showLocked(p, false)
	if p.table != nil {
		c.routes -= len(p.table.routes)
	}
	p.table = t
	c.routes += len(t.routes)
}

// showLocked puts p's routes into the index, or takes them out.
func (c *catalog) showLocked(p *peer, show bool) {
	if p.shown == show {
		return
	}
	p.shown = show
	for _, r := range p.table.routes {
		if show {
			c.index.put(p.candidate(r))
		} else {
			c.index.remove(p.seen.ID, r.Key)
		}
	}
}

func (p *peer) candidate(r *Route) Candidate {
	return Candidate{Route: r, Relay: p.seen.ID, URL: p.seen.URL, RTT: p.rtt, order: p.order}
}

// answered takes the answer to a pull, or why there is none.
func (c *catalog) answered(now time.Time, q pull, body []byte, err error) {
	var d *Delta
	if err == nil {
		d, err = ParseDelta(body, c.limits)
		if err == nil && (d.Relay != q.relay || d.Incarnation != q.query.Incarnation) {
			err = fmt.Errorf("gossip: asked for %s's table of incarnation %016x and got %s's of %016x; is the URL that relay's?",
				q.relay, q.query.Incarnation, clip(d.Relay), d.Incarnation)
		}
		if err != nil {
			err = faulty{err}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[q.relay]
	if p == nil {
		return
	}
	p.pull.under = false
	if p.seen.Incarnation == q.query.Incarnation {
		if err == nil {
			c.counts.Pulls++
			c.counts.BytesIn += uint64(len(body))
			err = c.answerLocked(now, p, d, q.force)
		}
		c.judgeLocked(now, p, err, q.query.Since > 0)
	}
	c.scheduleLocked(now, p)
}

func (c *catalog) answerLocked(now time.Time, p *peer, d *Delta, force bool) error {
	if d.Version == p.seen.Version && d.Digest != p.seen.Digest {
		return faulty{fmt.Errorf("%w: the tag says %016x, the table %016x", errDigest, p.seen.Digest, d.Digest)}
	}
	forged := force && p.table != nil && p.table.incarnation == d.Incarnation && d.Version < p.table.version
	err := c.takeLocked(p, d, force)
	if err != nil {
		return err
	}
	p.told, p.doubt.version = now, 0 // by the owner himself: serf may learn of it later
	if forged {
		c.disbelieveLocked(now, p)
	}
	return nil
}

// faulty wraps why what a peer sent is not taken, unlike why it can't be had.
type faulty struct{ error }

func (f faulty) Unwrap() error { return f.error }

// crowded is what is wrong when the fault is nobody's: there is no room for so many.
type crowded struct{ error }

func (c crowded) Unwrap() error { return c.error }

// takeLocked applies d to p's table.
func (c *catalog) takeLocked(p *peer, d *Delta, force bool) error {
	t, fresh := p.table, false
	if t == nil || t.incarnation != d.Incarnation {
		t, fresh = newReplica(d.Incarnation), true
	}
	// What comes at most is counted first: a table that is too much must not replace the last good one.
	others := c.routes
	if p.table != nil {
		others -= len(p.table.routes)
	}
	grown := len(d.Put)
	if d.Base > 0 {
		grown += len(t.routes)
	}
	if others+grown > c.limits.TotalRoutes {
		others -= c.makeRoomLocked(p)
	}
	if others+grown > c.limits.TotalRoutes {
		return faulty{crowded{full("routes of all relays", others+grown, c.limits.TotalRoutes)}}
	}
	before := len(t.routes)
	change, err := t.apply(d, force, c.limits)
	switch {
	case errors.Is(err, errStale), errors.Is(err, errGap):
		return err
	case err != nil:
		return faulty{err}
	case fresh:
		c.replaceLocked(p, t)
		c.showLocked(p, p.seen.living && p.seen.Incarnation == t.incarnation)
		return nil
	}
	c.routes += len(t.routes) - before
	if p.shown {
		for _, r := range change.gone {
			c.index.remove(p.seen.ID, r.Key)
		}
		for _, r := range change.come {
			c.index.put(p.candidate(r))
		}
	}
	return nil
}

// makeRoomLocked drops the tables of those that don't live, but p's, and returns how many routes that were.
func (c *catalog) makeRoomLocked(p *peer) int {
	was := c.routes
	for _, other := range c.peers {
		if other != p && !other.seen.living && other.table != nil {
			c.routes -= len(other.table.routes)
			other.table = nil
		}
	}
	return was - c.routes
}

// ErrUnknown is returned for a push of a relay that serf has not told of, or not of that incarnation.
var ErrUnknown = errors.New("the relay is not known to be alive")

// receive takes a pushed delta.
func (c *catalog) receive(now time.Time, body []byte) error {
	d, err := ParseDelta(body, c.limits)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.counts.Faults++
		return err
	}
	p := c.peers[d.Relay]
	if p == nil || !p.seen.living || p.seen.Incarnation != d.Incarnation {
		return fmt.Errorf("gossip: a push of relay %q, incarnation %016x: %w", clip(d.Relay), d.Incarnation, ErrUnknown)
	}
	if now.Before(p.doubt.deaf) {
		return nil // if it is true, the tag will say so
	}
	err = c.takeLocked(p, d, false)
	switch {
	case err == nil:
		c.counts.Pushes++
		c.counts.BytesIn += uint64(len(body))
		p.told = now
	case errors.Is(err, errStale):
		return nil
	case errors.Is(err, errGap):
		// The tag will say so, too; it is later.
		p.pull.gap = true
		c.scheduleLocked(now, p)
		return nil
	default:
		// What was pushed is only a hint: whether the owner lies is asked of himself.
		c.counts.Faults++
		return err
	}
	c.scheduleLocked(now, p)
	return nil
}

// measure takes new estimates of the times to relays.
func (c *catalog) measure(rtt func(id string) time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, p := range c.peers {
		p.rtt = rtt(id)
		o := order(c.self, id, p.rtt)
		if o == p.order {
			continue
		}
		p.order = o
		if p.shown {
			for _, r := range p.table.routes {
				c.index.put(p.candidate(r))
			}
		}
	}
}

// known is what is known of a peer's table.
type known struct {
	version uint64
	routes  int
	rtt     time.Duration
}

func (c *catalog) known(id string) known {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[id]
	if p == nil {
		return known{}
	}
	k := known{rtt: p.rtt}
	if p.table != nil && p.table.incarnation == p.seen.Incarnation {
		k.version, k.routes = p.table.version, len(p.table.routes)
	}
	return k
}
