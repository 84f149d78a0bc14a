package gossip

import (
	"math/rand/v2"
	"time"
)

// reunion notices that a cut has healed. Serf gossips who is back, but where many are, some of it gets lost, and who did not hear of a
// relay takes it for failed until the next exchange of all that serf knows, which may be a minute away. So one is made soon.
type reunion struct {
	returned int       // relays that are back since the last exchange
	due      time.Time // when the next one is; zero: not at all
}

const (
	reunionSize  = 2           // relays that return: one alone comes and goes
	reunionDelay = time.Second // until the exchange, and up to as much again
)

// observe compares two views of serf.
func (r *reunion) observe(now time.Time, before, view map[string]sighting) {
	for id, s := range view {
		if was, ok := before[id]; ok && s.living && !was.living {
			r.returned++
		}
	}
	if r.returned >= reunionSize && r.due.IsZero() {
		r.due = now.Add(reunionDelay + chance(reunionDelay))
	}
}

// ready tells that it is time for an exchange, once.
func (r *reunion) ready(now time.Time) bool {
	if r.due.IsZero() || now.Before(r.due) {
		return false
	}
	*r = reunion{}
	return true
}

// reunite exchanges all that serf knows with one of the nodes that live.
func (m *Mesh) reunite(nodes []node) {
	living := make([]string, 0, len(nodes))
	for _, n := range nodes {
		if n.status == Alive && n.name != m.membership.name {
			living = append(living, n.name+"/"+n.gossip)
		}
	}
	if len(living) == 0 {
		return
	}
	with := living[rand.IntN(len(living))]
	m.tasks.Go(func() {
		if _, err := m.membership.serf.Memberlist().Join([]string{with}); err != nil {
			m.config.Logger.Debug().Err(err).Msg("an exchange after a cut failed; there will be others")
		}
		m.look.ring()
	})
}
