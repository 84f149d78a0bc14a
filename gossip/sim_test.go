package gossip

import (
	"container/heap"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var schedules = flag.Int("schedules", 1000, "how many random schedules TestSchedules runs")

// sim is a mesh in virtual time: ledgers, catalogs and outboxes as they are in a relay, between them a network that loses, repeats,
// delays and is cut, and a model of what serf tells. All chance comes from one seed.
//
// The model of serf: each relay hears of each other one about once a second, if it can, what was so up to a second before; never
// less than it heard already of the same start. Who can't be reached for some seconds is taken for failed, now and then
// also who can.
type sim struct {
	rnd    *rand.Rand
	now    time.Time
	events agenda
	seq    int
	relays []*simRelay
	cut    bool
	loss   float64
	starts uint64
}

// simRelay is one relay, through all its starts.
type simRelay struct {
	id      string
	side    int
	up      bool
	ledger  *ledger
	catalog *catalog
	outbox  *outbox
	view    map[string]sighting
	lost    map[string]time.Time // since when who can't be reached
	tags    []pastTag
	wake    time.Time // when run is scheduled for
}

// pastTag is a tag with the time since when it was the relay's.
type pastTag struct {
	since time.Time
	tag   Tag
}

type event struct {
	at  time.Time
	seq int
	do  func()
}

// agenda is a heap of events by time, then in the order in which they were made.
type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at.Before(a[j].at) || a[i].at.Equal(a[j].at) && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(e any)   { *a = append(*a, e.(event)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func newSim(seed uint64, relays int) *sim {
	s := &sim{rnd: rand.New(rand.NewPCG(seed, 7)), now: epoch}
	for i := range relays {
		s.relays = append(s.relays, &simRelay{id: fmt.Sprint("r", i)})
	}
	for _, r := range s.relays {
		s.start(r)
		for _, o := range s.relays {
			if o != r {
				s.hear(r, o)
			}
		}
	}
	return s
}

func (s *sim) after(d time.Duration, do func()) {
	s.seq++
	heap.Push(&s.events, event{s.now.Add(d), s.seq, do})
}

// some is a time up to d.
func (s *sim) some(d time.Duration) time.Duration { return time.Duration(s.rnd.Int64N(int64(d))) }

func (s *sim) run(until time.Time) {
	for len(s.events) > 0 && !s.events[0].at.After(until) {
		e := heap.Pop(&s.events).(event)
		s.now = e.at
		e.do()
	}
	s.now = until
}

func (s *sim) reach(a, b *simRelay) bool { return a.up && b.up && (!s.cut || a.side == b.side) }

func (s *sim) start(r *simRelay) {
	s.starts++
	limits := Limits{}.withDefaults()
	r.up = true
	r.ledger = newLedger(r.id, s.starts, limits)
	r.ledger.keep = 8
	r.catalog = newCatalog(r.id, limits, defaultPace, zerolog.Nop(), s.some1)
	r.outbox = newOutbox(r.ledger, s.some1)
	r.view, r.lost = make(map[string]sighting), make(map[string]time.Time)
	r.tags, r.wake = nil, time.Time{}
	s.tag(r)
}

func (s *sim) some1(d time.Duration) time.Duration { return s.some(max(d, 1)) }

// tag makes r's tag what its table is.
func (s *sim) tag(r *simRelay) {
	r.tags = append(r.tags, pastTag{s.now, r.ledger.tag(at(r.id))})
}

// hear makes r hear of o now and from then on about once a second.
func (s *sim) hear(r, o *simRelay) {
	s.after(s.some(2*time.Second), func() { s.hear(r, o) })
	if !r.up {
		return
	}
	if !s.reach(r, o) || s.rnd.Float64() < s.loss/20 {
		since, ok := r.lost[o.id]
		if !ok {
			r.lost[o.id] = s.now
		} else if s.now.Sub(since) > 2*time.Second+s.some(4*time.Second) {
			s.see(r, sighting{r.view[o.id].Tag, false})
		}
		return
	}
	delete(r.lost, o.id)
	past := s.now.Add(-s.some(time.Second))
	heard := o.tags[0].tag
	for _, p := range o.tags {
		if !p.since.After(past) {
			heard = p.tag
		}
	}
	if was := r.view[o.id]; was.Incarnation == heard.Incarnation && was.Version > heard.Version {
		heard = was.Tag
	}
	s.see(r, sighting{heard, true})
}

func (s *sim) see(r *simRelay, what sighting) {
	if what.ID == "" {
		return
	}
	r.view[what.ID] = what
	r.catalog.observe(s.now, r.view)
	r.outbox.observe(s.now, r.view)
	s.step(r)
}

// step does what a relay has to do now, and schedules the next time.
func (s *sim) step(r *simRelay) {
	for _, q := range sorted(r.catalog.due(s.now, 4), func(q pull) string { return q.relay }) {
		s.fetch(r, q)
	}
	for _, p := range sorted(r.outbox.due(s.now, 4), func(p push) string { return p.relay }) {
		s.push(r, p)
	}
	next := r.catalog.next()
	if at, ok := r.outbox.next(); ok && (next.IsZero() || at.Before(next)) {
		next = latest(at, s.now.Add(10*time.Millisecond))
	}
	if next.IsZero() || r.wake.After(s.now) && !next.Before(r.wake) {
		return
	}
	r.wake = latest(next, s.now.Add(time.Millisecond))
	ledger := r.ledger
	s.after(r.wake.Sub(s.now), func() {
		if r.up && r.ledger == ledger {
			s.step(r)
		}
	})
}

func sorted[T any](list []T, key func(T) string) []T {
	slices.SortFunc(list, func(a, b T) int {
		if key(a) < key(b) {
			return -1
		}
		return 1
	})
	return list
}

func (s *sim) find(url string) *simRelay {
	return s.relays[slices.IndexFunc(s.relays, func(r *simRelay) bool { return at(r.id) == url })]
}

// fetch carries a pull there and back, or loses it.
func (s *sim) fetch(r *simRelay, q pull) {
	o, catalog := s.find(q.url), r.catalog
	back := func(body []byte, err error) {
		catalog.answered(s.now, q, body, err)
		if r.up && r.catalog == catalog {
			s.step(r)
		}
	}
	s.after(s.some(100*time.Millisecond), func() {
		if !s.reach(r, o) || s.rnd.Float64() < s.loss {
			s.after(s.some(time.Second), func() { back(nil, errCut) })
			return
		}
		body, _ := o.ledger.answer(q.query)
		s.after(s.some(300*time.Millisecond), func() {
			if !s.reach(r, o) || s.rnd.Float64() < s.loss {
				back(nil, errCut)
				return
			}
			back(body, nil)
		})
	})
}

// push carries a push there, perhaps twice and late, and its answer back, or loses either.
func (s *sim) push(r *simRelay, p push) {
	o, outbox := s.find(p.url), r.outbox
	body := slices.Clone(p.body)
	deliver := func() error {
		if !s.reach(r, o) || s.rnd.Float64() < s.loss {
			return errCut
		}
		err := o.catalog.receive(s.now, body)
		s.step(o)
		return err
	}
	s.after(s.some(200*time.Millisecond), func() {
		err := deliver()
		if s.rnd.Float64() < s.loss {
			err = errCut
		}
		outbox.done(s.now, p, err)
		if r.up && r.outbox == outbox {
			s.step(r)
		}
	})
	if s.rnd.Float64() < s.loss {
		s.after(s.some(5*time.Second), func() { _ = deliver() })
	}
}

// announce makes a random change to r's table; its tag follows some time later.
func (s *sim) announce(t *testing.T, r *simRelay) {
	mutate(t, r.ledger.change, s.rnd)
	ledger := r.ledger
	s.after(s.some(time.Second), func() {
		if r.up && r.ledger == ledger {
			s.tag(r)
		}
	})
	s.step(r)
}

// act does something at random.
func (s *sim) act(t *testing.T) {
	r := s.relays[s.rnd.IntN(len(s.relays))]
	switch n := s.rnd.IntN(20); {
	case n < 14 && r.up:
		s.announce(t, r)
	case n < 16 && r.up:
		r.up = false
	case n < 18 && !r.up:
		s.start(r)
	case n == 18:
		s.cut = true
		for _, r := range s.relays {
			r.side = s.rnd.IntN(2)
		}
	case n == 19:
		s.cut = false
	}
}

// wrong says which routes a relay has that it should not have, or has not.
func (s *sim) wrong() string {
	for _, r := range s.relays {
		if !r.up {
			continue
		}
		want := 0
		for _, o := range s.relays {
			if o == r || !o.up {
				continue
			}
			want += len(o.ledger.now.routes)
		}
		got := r.catalog.index.all()
		for _, c := range got {
			o := s.find(c.URL)
			if real := o.ledger.now.routes[c.Key]; !o.up || real == nil || *real != *c.Route {
				return fmt.Sprintf("%s has a ghost, %s of %s", r.id, c.Name, c.Relay)
			}
		}
		if len(got) != want {
			return fmt.Sprintf("%s has %d routes of %d", r.id, len(got), want)
		}
	}
	return ""
}

// TestSchedules runs random schedules of announcements, withdrawals, kills, restarts, cuts and heals over a network that loses,
// repeats and delays. When all is over, each relay has the others' routes and no other ones. The relays keep so little history
// that who was away often gets the whole.
func TestSchedules(t *testing.T) {
	var slowest time.Duration
	n := *schedules
	if testing.Short() {
		n = min(n, 100)
	}
	for seed := range uint64(n) {
		s := newSim(seed, 2+int(seed%6))
		s.loss = float64(seed%4) * 0.1
		end := epoch.Add(30 * time.Second)
		for at := epoch; at.Before(end); at = at.Add(s.some(time.Second)) {
			s.run(at)
			s.act(t)
		}
		s.run(end)
		s.cut, s.loss = false, 0
		healed := s.now
		for s.wrong() != "" {
			if s.now.Sub(healed) > 40*time.Second {
				t.Fatalf("seed %d: %v after the heal %s", seed, s.now.Sub(healed), s.wrong())
			}
			s.run(s.now.Add(100 * time.Millisecond))
		}
		slowest = max(slowest, s.now.Sub(healed))
		// What was on its way must not change it any more.
		s.run(s.now.Add(20 * time.Second))
		if problem := s.wrong(); problem != "" {
			t.Fatalf("seed %d: it was right, and then %s", seed, problem)
		}
	}
	t.Logf("%d schedules: no route lost, no ghost; the slowest was right %v after the end, failures of those killed last included", n, slowest)
}
