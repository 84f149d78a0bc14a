package gossip

import "time"

// Status is what serf says of a member.
type Status string

// The statuses. A member that left said so; one that failed did not, and may come back.
const (
	Alive   Status = "alive"
	Leaving Status = "leaving"
	Left    Status = "left"
	Failed  Status = "failed"

	// Superseded is a member that lives, but a later start of the same id does, too, and only the routes of that one count. It is
	// either a former start, which will be given up within seconds, or one of two relays with the same id.
	Superseded Status = "superseded"
)

// Member is one relay of the mesh, or something else that has joined it: a serf agent has an ID, an address and a status only.
type Member struct {
	ID          string
	URL         string
	Gossip      string // host:port
	Status      Status
	Incarnation uint64        // 0: it is no relay
	Version     uint64        // of its route table, as it is known here
	Routes      int           // likewise
	RTT         time.Duration // as estimated; 0: not known
	Self        bool          // it is the relay that was asked
}

// node is a member as serf has it.
type node struct {
	name   string
	gossip string
	status Status
	tag    string // "": it is no relay
}

// roster makes of serf's nodes who the relays are: the same relay may be there several times, with a node for each start.
type roster struct {
	self Tag
	name string // of the own node

	parsed map[string]Tag // tags by their text; what is no tag has no ID
	twins  []Tag          // of other nodes that live under the own id; replaced, never written to
}

// view returns each other relay, by its latest start that lives or, if none does, its latest.
func (r *roster) view(nodes []node) map[string]sighting {
	view := make(map[string]sighting, len(nodes))
	parsed := make(map[string]Tag, len(nodes))
	r.twins = nil
	for _, n := range nodes {
		t := r.parse(n.tag)
		parsed[n.tag] = t
		if t.ID == "" || n.name == r.name {
			continue
		}
		s := sighting{Tag: t, living: n.status == Alive}
		if t.ID == r.self.ID {
			if s.living {
				r.twins = append(r.twins, t)
			}
			continue
		}
		if old, ok := view[t.ID]; !ok || s.after(old) {
			view[t.ID] = s
		}
	}
	r.parsed = parsed
	return view
}

func (r *roster) parse(text string) Tag {
	if t, ok := r.parsed[text]; ok {
		return t
	}
	t, err := ParseTag(text)
	if err != nil {
		return Tag{}
	}
	return t
}

// after tells whether s is to be believed rather than other, of the same relay.
func (s sighting) after(other sighting) bool {
	if s.living != other.living {
		return s.living
	}
	return s.Incarnation > other.Incarnation
}

// members lists the nodes as members, without the former starts of a relay that lives and has been given up.
func (r *roster) members(nodes []node, view map[string]sighting) []Member {
	latest := r.self.Incarnation
	for _, t := range r.twins {
		latest = max(latest, t.Incarnation)
	}
	list := make([]Member, 0, len(nodes))
	for _, n := range nodes {
		t := r.parse(n.tag)
		m := Member{ID: t.ID, URL: t.URL, Gossip: n.gossip, Status: n.status, Incarnation: t.Incarnation, Self: n.name == r.name}
		if t.ID == "" {
			m.ID = n.name
		}
		former := t.ID == r.self.ID && t.Incarnation < latest
		if s, ok := view[t.ID]; ok {
			former = s.Incarnation > t.Incarnation
		}
		switch {
		case former && n.status == Alive:
			m.Status = Superseded
		case !m.Self && n.status != Alive && (former || t.ID == r.self.ID):
			continue
		}
		list = append(list, m)
	}
	return list
}
