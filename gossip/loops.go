package gossip

import (
	"context"
	"time"
)

// The rhythm of watch.
const (
	lookInterval    = time.Second      // for what no event tells, as that a member is leaving
	measureInterval = 10 * time.Second // for the estimates of times
	lookDelay       = 10 * time.Millisecond
)

// watch compares what serf knows with the tables that are there, and pulls what is missing.
func (m *Mesh) watch() {
	running := make(chan struct{}, m.config.Tuning.Parallel)
	var measured time.Time
	for {
		view := m.observe()
		now := time.Now()
		if now.Sub(measured) > measureInterval {
			measured = now
			m.measure(view)
		}
		for _, q := range m.catalog.due(now, cap(running)-len(running)) {
			running <- struct{}{}
			m.tasks.Go(func() {
				m.pull(q)
				<-running
				m.look.ring()
			})
		}
		wait := lookInterval
		if next := m.catalog.next(); !next.IsZero() && len(running) < cap(running) {
			wait = min(wait, max(time.Until(next), 0))
		}
		if !m.look.wait(m.ctx, wait) {
			return
		}
		// Events come in swarms.
		if !m.sleep(lookDelay) {
			return
		}
	}
}

// observe looks at what serf knows.
func (m *Mesh) observe() map[string]sighting {
	nodes := m.membership.nodes()
	m.membership.gate.observe(nodes)
	m.mu.Lock()
	view := m.roster.view(nodes)
	twins := m.roster.twins
	m.mu.Unlock()
	m.watchTwins(twins)
	before := make(map[string]sighting)
	if p := m.membership.latest.view.Swap(&view); p != nil {
		before = *p
	}
	if living(view) > 0 && living(before) == 0 {
		m.retag.ring() // what was announced to nobody, or while the relay joined
	}
	if m.reunion.observe(time.Now(), before, view); m.reunion.ready(time.Now()) && !m.leaving.Load() {
		m.reunite(nodes)
	}
	m.catalog.observe(time.Now(), view)
	m.outbox.observe(time.Now(), view)
	if _, ok := m.outbox.next(); ok {
		m.changed.ring()
	}
	m.remember(nodes)
	return view
}

func living(view map[string]sighting) int {
	n := 0
	for _, s := range view {
		if s.living {
			n++
		}
	}
	return n
}

// measure tells the catalog how far the others are.
func (m *Mesh) measure(view map[string]sighting) {
	m.catalog.measure(func(id string) time.Duration {
		s, ok := view[id]
		if !ok {
			return 0
		}
		return m.membership.rtt(nodeName(id, s.Incarnation))
	})
}

// remember tells the snapshot's keeper who is there.
func (m *Mesh) remember(nodes []node) {
	if m.keeper == nil {
		return
	}
	var living []string
	for _, n := range nodes {
		if n.status == Alive && n.name != m.membership.name {
			living = append(living, n.gossip)
		}
	}
	m.keeper.note(living)
}

// pull asks an owner for his table.
func (m *Mesh) pull(q pull) {
	ctx, cancel := context.WithTimeout(m.ctx, q.patience()*m.config.Tuning.HTTPTimeout)
	defer cancel()
	body, err := m.config.Fetch(ctx, q.url, q.query)
	m.catalog.answered(time.Now(), q, body, err)
}

// echo is how long after a change the tag is announced a second time, plus a chance of as much again. Memberlist can lose a
// message before it was sent once: when its queue runs empty it numbers messages from the start again, and one of the same number
// and length replaces another one. What is lost so would be known by the next exchange over TCP only.
const echo = time.Second

// announce keeps the tag what the own table is. Setting it takes serf some hundred milliseconds, in which changes gather.
func (m *Mesh) announce() {
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-m.retag:
			again.Reset(echo + chance(echo))
		case <-again.C:
		case <-m.ctx.Done():
			return
		}
		if m.leaving.Load() {
			continue
		}
		tag := m.ledger.tag(m.config.URL).String()
		if err := m.membership.serf.SetTags(map[string]string{tagKey: tag}); err != nil {
			m.config.Logger.Debug().Err(err).Msg("the relay's tag is not yet with as many as it should be")
		}
	}
}

// push tells the others what changed in the own table.
func (m *Mesh) push() {
	if m.config.Push == nil {
		return
	}
	running := make(chan struct{}, m.config.Tuning.Parallel)
	for {
		wait := time.Hour
		if at, ok := m.outbox.next(); ok && len(running) < cap(running) {
			wait = max(time.Until(at), 0)
		}
		if !m.changed.wait(m.ctx, wait) || !m.sleep(m.config.Tuning.PushDelay) {
			return
		}
		for _, p := range m.outbox.due(time.Now(), cap(running)-len(running)) {
			running <- struct{}{}
			m.tasks.Go(func() {
				m.deliver(p)
				<-running
				m.changed.ring()
			})
		}
	}
}

func (m *Mesh) deliver(p push) {
	ctx, cancel := context.WithTimeout(m.ctx, m.config.Tuning.HTTPTimeout)
	defer cancel()
	err := m.config.Push(ctx, p.url, p.body)
	m.outbox.done(time.Now(), p, err)
	if err != nil && m.ctx.Err() == nil {
		m.config.Logger.Debug().Err(err).Str("relay", p.relay).Msg("a push of routes failed; the relay will pull them")
	}
}
