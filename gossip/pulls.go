package gossip

import (
	"errors"
	"time"
)

// pulling is what is to be asked of a peer.
type pulling struct {
	due      time.Time // when; zero: nothing is
	under    bool      // an answer is awaited
	whole    bool      // everything, as the difference did not lead to the owner's digest
	gap      bool      // a push began after the version that is known
	failures int       // in a row
	faults   int       // answers in a row that were no good
	not      time.Time // not before this
}

// pull is one question that the catalog wants to be asked.
type pull struct {
	relay string
	url   string
	query Query
	force bool // the owner's word counts, whatever version is known

	failures int // of those before, in a row
}

// patience is how many times as long as usual the answer may take: a large table that comes by a slow line needs more than the first
// time, and a relay that never answers is no reason to give every other one so much.
func (q *pull) patience() time.Duration { return time.Duration(min(1+q.failures, maxPatience)) }

const maxPatience = 12

// scheduleLocked decides whether and when p is to be asked.
func (c *catalog) scheduleLocked(now time.Time, p *peer) {
	p.doubt.observe(now, p)
	if !p.wanting(now, c.pace.confirm) {
		p.pull = pulling{under: p.pull.under, not: p.pull.not}
		return
	}
	if p.pull.under || !p.pull.due.IsZero() {
		return
	}
	// The first pull of a table has no push to wait for. The more relays there are, the more come at once: spread them.
	wait := c.chance(time.Duration(len(c.peers)) * time.Millisecond)
	if p.table != nil && p.table.incarnation == p.seen.Incarnation && !p.pull.gap {
		wait += c.pace.grace
	}
	p.pull.due = latest(now.Add(wait), p.pull.not)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// wanting tells whether p's table is another one than its owner says that it has.
func (p *peer) wanting(now time.Time, confirm time.Duration) bool {
	s, t := p.seen, p.table
	switch {
	case !s.living || s.URL == "":
		return false
	case t == nil || t.incarnation != s.Incarnation || t.version < s.Version || p.pull.whole || p.pull.gap:
		return true
	case t.version == s.Version:
		return t.digest != s.Digest
	}
	return p.unconfirmed(now, confirm)
}

// unconfirmed tells that serf does not know of what was pushed, though there was time: it may have been made up.
func (p *peer) unconfirmed(now time.Time, confirm time.Duration) bool {
	return p.table != nil && p.table.version > p.seen.Version && (now.Sub(p.told) > confirm || p.doubt.old(now, confirm))
}

// due returns up to n pulls whose time has come. Each must be brought to an end by answered.
func (c *catalog) due(now time.Time, n int) []pull {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []pull
	for _, p := range c.peers {
		if len(list) >= n {
			break
		}
		if p.pull.due.IsZero() || p.pull.due.After(now) || p.pull.under {
			continue
		}
		p.pull.due, p.pull.under = time.Time{}, true
		list = append(list, c.questionLocked(now, p))
	}
	return list
}

func (c *catalog) questionLocked(now time.Time, p *peer) pull {
	s, t := p.seen, p.table
	q := pull{relay: s.ID, url: s.URL, query: Query{Incarnation: s.Incarnation}, failures: p.pull.failures}
	if t == nil || t.incarnation != s.Incarnation {
		return q
	}
	q.force = p.unconfirmed(now, c.pace.confirm)
	if !q.force && !p.pull.whole && (t.version != s.Version || t.digest == s.Digest) {
		q.query.Since = t.version
	}
	return q
}

// next is when due has something to return, as far as is known now; the zero time if nothing is to be pulled.
func (c *catalog) next() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var first time.Time
	for _, p := range c.peers {
		if d := p.pull.due; !d.IsZero() && !p.pull.under && (first.IsZero() || d.Before(first)) {
			first = d
		}
	}
	return first
}

// judgeLocked decides from how a pull ended, or a push that was no good, how soon p is asked again.
func (c *catalog) judgeLocked(now time.Time, p *peer, err error, partial bool) {
	var fault faulty
	switch {
	case err == nil:
		p.pull.failures, p.pull.whole, p.pull.gap = 0, false, false
	case errors.Is(err, errDigest) && partial && !p.pull.whole:
		c.counts.Faults++
		p.pull.whole = true
	case errors.As(err, &fault):
		c.counts.Faults++
		if p.pull.faults == 0 {
			c.log.Warn().Err(fault.error).Str("relay", p.seen.ID).Str("url", p.seen.URL).Msg(fault.story())
		}
		p.pull.whole = false
		p.pull.not = now.Add(backoff(c.pace.amends, c.pace.amendMax, p.pull.faults, c.chance))
		p.pull.faults++
	default:
		// Also an old answer, if the table is still not what its owner says.
		p.pull.gap = p.pull.gap && !errors.Is(err, errStale)
		c.counts.Failed++
		c.log.Debug().Err(err).Str("relay", p.seen.ID).Msg("a pull of routes failed")
		p.pull.not = now.Add(backoff(c.pace.retry, c.pace.retryMax, p.pull.failures, c.chance))
		if p.pull.failures++; p.pull.failures == silentPulls {
			c.log.Warn().Err(err).Str("relay", p.seen.ID).Str("url", p.seen.URL).
				Msg("this relay lives, but does not answer at its URL; its changes are not known here until it does")
		}
	}
}

// story is what the log says of it.
func (f faulty) story() string {
	if errors.As(f.error, new(crowded)) {
		return "there is no room for the routes of this relay; those known of it stay, and it is asked again from time to time"
	}
	return "what this relay says of its routes is no good; those known of it stay"
}

// silentPulls is after how many failed pulls in a row it is said that a relay does not answer. They take longer than serf needs to
// notice that it has died.
const silentPulls = 16

// backoff is the time before the next try after that many failures, with some chance in it.
func backoff(first, limit time.Duration, failures int, chance func(time.Duration) time.Duration) time.Duration {
	d := min(limit, first<<min(failures, 20))
	return d/2 + chance(d/2)
}
