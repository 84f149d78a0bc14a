package gossip

import "time"

// doubt is about pushes that serf does not bear out: who can post a push can make one up.
type doubt struct {
	version uint64    // the first that was pushed and that serf has not told of; 0: none
	since   time.Time // when that came
	forged  bool      // the owner did not know what had been pushed in his name, once at least
	deaf    time.Time // pushes are not taken before
}

// staleDoubt is for how many times pace.confirm serf may lag behind while pushes go on: in a large mesh tags wait for each other.
const staleDoubt = 4

// observe compares a peer's table with what serf says.
func (b *doubt) observe(now time.Time, p *peer) {
	switch t := p.table; {
	case t == nil || t.incarnation != p.seen.Incarnation || t.version <= p.seen.Version:
		b.version = 0
	case b.version == 0 || p.seen.Version >= b.version:
		b.version, b.since = t.version, now
	}
}

// old tells that serf has not told of a pushed version for so long that the owner should be asked, though pushes go on.
func (b *doubt) old(now time.Time, confirm time.Duration) bool {
	if !b.forged {
		confirm *= staleDoubt
	}
	return b.version > 0 && now.Sub(b.since) > confirm
}

// disbelieveLocked takes no pushes in the name of p for some minutes: the tag says what is true, a little later.
func (c *catalog) disbelieveLocked(now time.Time, p *peer) {
	p.doubt.deaf = now.Add(c.pace.amendMax/2 + c.chance(c.pace.amendMax/2))
	if !p.doubt.forged {
		c.log.Warn().Str("relay", p.seen.ID).Str("url", p.seen.URL).
			Msg("somebody pushed routes in the name of this relay, which does not know of them; give the relays a token")
	}
	p.doubt.forged = true
}
