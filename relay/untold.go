package relay

import (
	"container/list"
	"errors"

	"github.com/ctwo-go/c2/gossip"
)

// untold are routes of this relay for which the table that the others have of it has no room, in the order in which they came. They
// are told when there is room again. The relay's mu guards it. The zero value has none.
type untold struct {
	queue list.List // of *route
	byKey map[gossip.Key]*list.Element
	said  bool // that there are some
}

func (u *untold) add(rt *route) {
	if u.byKey == nil {
		u.byKey = make(map[gossip.Key]*list.Element)
	}
	u.byKey[keyOf(rt)] = u.queue.PushBack(rt)
}

func (u *untold) drop(k gossip.Key) {
	if e := u.byKey[k]; e != nil {
		u.queue.Remove(e)
		delete(u.byKey, k)
	}
}

// first is the one that has waited longest, nil if none waits.
func (u *untold) first() *route {
	if e := u.queue.Front(); e != nil {
		return e.Value.(*route)
	}
	return nil
}

// put tells the mesh of a route, and remove that it is gone. The relay's mu is held, so that the changes come in order.
func (m *mesh) put(rt *route) {
	if m == nil {
		return
	}
	m.untold.drop(keyOf(rt))
	if err := m.members.Update([]gossip.Route{routeOf(rt)}, nil); err != nil {
		_ = m.members.Update(nil, []gossip.Key{keyOf(rt)}) // what the key stood for is not there any more
		m.refused(rt, err)
	}
	m.tellOn()
}

func (m *mesh) remove(rt *route) {
	if m == nil {
		return
	}
	m.untold.drop(keyOf(rt))
	_ = m.members.Update(nil, []gossip.Key{keyOf(rt)}) // less is always taken
	m.tellOn()
}

func (m *mesh) refused(rt *route, err error) {
	if !errors.Is(err, gossip.ErrFull) {
		m.relay.log.Warn().Err(err).Msg("a route is not known to other relays")
		return
	}
	m.untold.add(rt)
	if !m.untold.said {
		m.untold.said = true
		m.relay.log.Warn().Err(err).Str("resource", rt.name).
			Msg("the table that other relays have of this one is full: they find neither this resource nor more that come, until others go")
	}
}

// tellOn tells of those that wait, as far as there is room.
func (m *mesh) tellOn() {
	for rt := m.untold.first(); rt != nil; rt = m.untold.first() {
		if err := m.members.Update([]gossip.Route{routeOf(rt)}, nil); err != nil {
			return
		}
		m.untold.drop(keyOf(rt))
	}
	if m.untold.said {
		m.untold.said = false
		m.relay.log.Info().Msg("other relays find all resources of this one again")
	}
}
