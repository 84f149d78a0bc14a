package gossip

import (
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"
)

// Candidate is a route of another relay that lives.
type Candidate struct {
	*Route               // must not be changed
	Relay  string        // the id of the relay that has it
	URL    string        // of that relay
	RTT    time.Duration // to it, as estimated some seconds ago; 0: not known yet

	order uint64 // the lower the nearer
}

// index finds candidates by name. It is safe for concurrent use, and a look-up waits for no more than a change to a part of it.
type index struct {
	seed   maphash.Seed
	shards [16]shard
}

type shard struct {
	mu    sync.RWMutex
	names map[string][]Candidate // in order; a slice that was given out is never written to
}

func newIndex() *index {
	x := &index{seed: maphash.MakeSeed()}
	for i := range x.shards {
		x.shards[i].names = make(map[string][]Candidate)
	}
	return x
}

func (x *index) shard(name string) *shard {
	return &x.shards[maphash.String(x.seed, name)%uint64(len(x.shards))]
}

// lookup returns the candidates for a name, nearest first. The slice must not be changed.
func (x *index) lookup(name string) []Candidate {
	s := x.shard(name)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.names[name]
}

// all returns every candidate, by name.
func (x *index) all() []Candidate {
	var list []Candidate
	for i := range x.shards {
		s := &x.shards[i]
		s.mu.RLock()
		for _, c := range s.names {
			list = append(list, c...)
		}
		s.mu.RUnlock()
	}
	slices.SortStableFunc(list, func(a, b Candidate) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// compare puts the nearest first. Relays that are about equally far are in an order that differs from relay to relay, so
// that not all of them call the same one.
func (c *Candidate) compare(other Candidate) int {
	if o := cmp.Compare(c.order, other.order); o != 0 {
		return o
	}
	if o := strings.Compare(c.Relay, other.Relay); o != 0 {
		return o
	}
	return strings.Compare(c.Instance, other.Instance)
}

// order is made of the time to a relay, coarsely, as the estimate trembles: half a millisecond and less, then
// by powers of two, then those that are not known. Behind that it is what tells two relays of equal distance apart.
func order(self, relay string, rtt time.Duration) uint64 {
	far := uint64(255)
	if rtt > 0 {
		far = uint64(bits.Len64(uint64(rtt / (500 * time.Microsecond))))
	}
	h := uint64(14695981039346656037) // FNV-1a: the same after each start
	for _, s := range [...]string{self, "\x00", relay} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	return far<<56 | h>>8
}

// put adds a candidate, in the place of the same relay's and server's if there is one.
func (x *index) put(c Candidate) {
	s := x.shard(c.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.names[c.Name]
	list := make([]Candidate, 0, len(old)+1)
	for _, o := range old {
		if o.Relay != c.Relay || o.Instance != c.Instance {
			list = append(list, o)
		}
	}
	at, _ := slices.BinarySearchFunc(list, c, func(o, c Candidate) int { return o.compare(c) })
	s.names[c.Name] = slices.Insert(list, at, c)
}

// remove removes a relay's route.
func (x *index) remove(relay string, k Key) {
	s := x.shard(k.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(slices.Clone(s.names[k.Name]), func(c Candidate) bool {
		return c.Relay == relay && c.Instance == k.Instance
	})
	if len(list) == 0 {
		delete(s.names, k.Name)
		return
	}
	s.names[k.Name] = list
}
