package gossip

import (
	"sync"
	"time"
)

// party is a relay that is told of changes.
type party struct {
	seen     sighting // one that does not live is kept: when it returns it is told what it missed
	acked    uint64   // the version that it is known to have been told of
	tried    uint64   // the version that it was last sent
	under    bool     // a push is under way
	failures int      // in a row
	not      time.Time
}

// push is a delta for one relay.
type push struct {
	relay       string
	incarnation uint64 // the receiver's
	url         string
	version     uint64 // to which the delta leads
	body        []byte // must not be changed
}

// outbox is who is to be told of what. A push is an attempt to be faster than the tag: one that fails is repeated a few times, and
// then not before the next change. It is safe for concurrent use.
type outbox struct {
	ledger *ledger
	chance func(time.Duration) time.Duration

	mu      sync.Mutex
	parties map[string]*party
	settled uint64    // a version that tags had the time to tell of
	latest  uint64    // the version at marked
	marked  time.Time // when settled was set
}

// settling is how long a tag may take to be everywhere: until then who is new is pushed to as well.
const settling = 5 * time.Second

// How often, and after which times, a relay that does not take pushes is tried.
const (
	pushTries    = 4
	pushRetry    = time.Second
	pushRetryMax = 30 * time.Second
)

func newOutbox(l *ledger, chance func(time.Duration) time.Duration) *outbox {
	return &outbox{ledger: l, chance: chance, parties: make(map[string]*party)}
}

// observe takes serf's view.
func (o *outbox) observe(now time.Time, view map[string]sighting) {
	version := o.ledger.version()
	o.mu.Lock()
	defer o.mu.Unlock()
	if now.Sub(o.marked) > settling {
		o.settled, o.latest, o.marked = o.latest, version, now
	}
	for id := range o.parties {
		if _, ok := view[id]; !ok {
			delete(o.parties, id)
		}
	}
	for id, s := range view {
		p := o.parties[id]
		switch {
		case p == nil && (!s.living || s.URL == ""):
			continue
		case p == nil || p.seen.Incarnation != s.Incarnation:
			// It pulls what it learns of by the tag, and is told what that may not yet say.
			p = &party{acked: o.settled, tried: o.settled}
			o.parties[id] = p
		case s.living && !p.seen.living:
			p.tried, p.failures, p.not = p.acked, 0, time.Time{}
		}
		p.seen = s
	}
}

func (p *party) wants(version uint64) bool {
	return p.seen.living && p.seen.URL != "" && !p.under && p.tried < version
}

// due returns up to n pushes whose time has come. Each must be brought to an end by done.
func (o *outbox) due(now time.Time, n int) []push {
	version := o.ledger.version()
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []push
	for id, p := range o.parties {
		if len(list) >= n {
			break
		}
		if !p.wants(version) || p.not.After(now) {
			continue
		}
		body, to := o.ledger.answer(Query{Incarnation: o.ledger.incarnation, Since: p.acked})
		p.under, p.tried = true, to
		list = append(list, push{id, p.seen.Incarnation, p.seen.URL, to, body})
	}
	return list
}

// done takes how a push ended.
func (o *outbox) done(now time.Time, sent push, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.parties[sent.relay]
	if p == nil || p.seen.Incarnation != sent.incarnation {
		return
	}
	p.under = false
	if err != nil {
		p.not = now.Add(backoff(pushRetry, pushRetryMax, p.failures, o.chance))
		p.failures++
		if p.failures < pushTries {
			p.tried = p.acked
		}
		return
	}
	p.acked, p.failures = max(p.acked, sent.version), 0
}

// next is when due has something to return; ok is false if all is told or under way.
func (o *outbox) next() (at time.Time, ok bool) {
	version := o.ledger.version()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.parties {
		if p.wants(version) && (!ok || p.not.Before(at)) {
			at, ok = p.not, true
		}
	}
	return at, ok
}

// quiet tells that everybody was told, or did not take it.
func (o *outbox) quiet() bool {
	version := o.ledger.version()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.parties {
		if p.seen.living && (p.under || p.tried < version && p.failures == 0) {
			return false
		}
	}
	return true
}
