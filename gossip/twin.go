package gossip

import (
	"context"
	"slices"
	"time"
)

// twins are the nodes that live under the relay's own id. One may be its former start, which serf has not given up yet, or another
// relay that was given the same id.
type twins struct {
	list   []twin // watch's alone, like all of this
	answer chan confirmation
	asking bool
	told   bool // that there is one
}

type twin struct {
	Tag
	since time.Time
	asked time.Time
	sure  bool // it is another relay
}

// confirmation is whether the start of that incarnation has answered.
type confirmation struct {
	incarnation uint64
	lives       bool
}

// How it is found out what a twin is: by asking at its URL, again and again, or in the end because it still lives. The dead are
// given up sooner, also in a large mesh.
const (
	twinAskInterval = 5 * time.Second
	twinSure        = time.Minute
)

// observe takes the tags of the nodes that live now. It returns one that is to be asked for its table, if any, and one that has just
// turned out to be another relay, if that is the first.
func (t *twins) observe(now time.Time, tags []Tag) (ask, found *Tag) {
	t.list = slices.DeleteFunc(t.list, func(w twin) bool {
		return !slices.ContainsFunc(tags, func(tag Tag) bool { return tag.Incarnation == w.Incarnation })
	})
	for _, tag := range tags {
		i := slices.IndexFunc(t.list, func(w twin) bool { return w.Incarnation == tag.Incarnation })
		if i < 0 {
			i = len(t.list)
			t.list = append(t.list, twin{since: now})
		}
		w := &t.list[i]
		w.Tag = tag
		w.sure = w.sure || now.Sub(w.since) > twinSure
		switch {
		case w.sure:
			found = &w.Tag
		case ask == nil && !t.asking && w.URL != "" && now.Sub(w.asked) > twinAskInterval:
			w.asked, ask = now, &w.Tag
		}
	}
	if t.told == (found != nil) {
		return ask, nil
	}
	t.told = found != nil
	return ask, found
}

// confirm takes the answer to a question.
func (t *twins) confirm(c confirmation) {
	t.asking = false
	for i := range t.list {
		if w := &t.list[i]; w.Incarnation == c.incarnation {
			w.sure = w.sure || c.lives
		}
	}
}

// watchTwins finds out what lives under the own id, and says it if that is another relay.
func (m *Mesh) watchTwins(tags []Tag) {
	select {
	case c := <-m.twins.answer:
		m.twins.confirm(c)
	default:
	}
	ask, found := m.twins.observe(time.Now(), tags)
	if ask != nil {
		m.twins.asking = true
		tag := *ask
		m.tasks.Go(func() {
			m.twins.answer <- confirmation{tag.Incarnation, m.isThere(tag)}
			m.look.ring()
		})
	}
	if found == nil {
		return
	}
	which := "later; the others have the routes of that one and not of this one"
	if found.Incarnation < m.Incarnation() {
		which = "before; the others have the routes of this one and not of that one"
	}
	m.config.Logger.Error().Str("relay", m.config.ID).Str("url", found.URL).
		Msg("another relay has the same id and started " + which + ": give each relay an id of its own")
}

// isThere tells whether the start of a relay of which a tag tells answers at its URL.
func (m *Mesh) isThere(tag Tag) bool {
	ctx, cancel := context.WithTimeout(m.ctx, m.config.Tuning.HTTPTimeout)
	defer cancel()
	body, err := m.config.Fetch(ctx, tag.URL, Query{Incarnation: tag.Incarnation, Since: tag.Version})
	if err != nil {
		return false
	}
	d, err := ParseDelta(body, m.config.Limits)
	return err == nil && d.Relay == tag.ID && d.Incarnation == tag.Incarnation
}
