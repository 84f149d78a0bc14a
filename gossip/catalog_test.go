package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

var epoch = time.Unix(1_700_000_000, 0)

func never(time.Duration) time.Duration { return 0 }

// catalogWith is the catalog of relay z that sees one other relay alive.
func catalogWith(id string, tag Tag) *catalog {
	c := newCatalog("z", Limits{}.withDefaults(), defaultPace, zerolog.Nop(), never)
	c.observe(epoch, map[string]sighting{id: {tag, true}})
	return c
}

// owner is a relay's table, with what others see of it.
type owner struct{ *ledger }

func newOwner(t *testing.T, routes ...Route) owner {
	t.Helper()
	l := newLedger("a", 7, Limits{}.withDefaults())
	if _, err := l.update(routes, nil); err != nil {
		t.Fatal(err)
	}
	return owner{l}
}

func (o owner) view() map[string]sighting { return map[string]sighting{"a": {o.tag(at("a")), true}} }

// pullAll answers what the catalog asks until some time, and returns the questions.
func pullAll(c *catalog, now *time.Time, until time.Time, answer func(Query) ([]byte, error)) (asked []Query) {
	for {
		next := c.next()
		if next.IsZero() || next.After(until) {
			return asked
		}
		*now = latest(*now, next)
		for _, q := range c.due(*now, 16) {
			asked = append(asked, q.query)
			body, err := answer(q.query)
			c.answered(*now, q, body, err)
		}
	}
}

func names(c *catalog) (list []string) {
	for _, r := range c.index.all() {
		list = append(list, r.Name)
	}
	return list
}

// honest answers as an owner does.
func (o owner) honest(q Query) ([]byte, error) {
	body, _ := o.answer(q)
	return body, nil
}

// TestCatalogPullsTheDifference, and the whole first.
func TestCatalogPullsTheDifference(t *testing.T) {
	o := newOwner(t, route("a", 1), route("b", 1), route("c", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	asked := pullAll(c, &now, epoch.Add(time.Minute), o.honest)
	if _, err := o.update(nil, []Key{route("b", 1).Key}); err != nil {
		t.Fatal(err)
	}
	c.observe(now, o.view())
	asked = append(asked, pullAll(c, &now, now.Add(time.Minute), o.honest)...)
	if want := []Query{{7, 0}, {7, 1}}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if got := names(c); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("has %v", got)
	}
}

// TestCatalogLeavesALiarAlone: an owner whose table has another digest than it says is asked for the difference and
// then the whole, and then left alone; what was known of it stays. Once it tells the truth it is believed.
func TestCatalogLeavesALiarAlone(t *testing.T) {
	o := newOwner(t, route("a", 1), route("b", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	pullAll(c, &now, now.Add(time.Second), o.honest)
	if _, err := o.update([]Route{route("c", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	lie := func(q Query) ([]byte, error) {
		d := o.deltaLocked(q.Since)
		d.Digest++
		return d.Append(nil), nil
	}
	c.observe(now, o.view())
	begun := now
	asked := pullAll(c, &now, begun.Add(2*time.Second), lie)
	if want := []Query{{7, 1}, {7, 0}}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if got := names(c); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("has %v", got)
	}
	if asked := pullAll(c, &now, begun.Add(time.Hour), lie); len(asked) > 70 {
		t.Errorf("a liar is asked %d times in an hour", len(asked))
	}
	if c.counts.Faults == 0 {
		t.Error("no fault is counted")
	}
	pullAll(c, &now, now.Add(time.Hour), o.honest)
	if got := names(c); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("has %v after the truth", got)
	}
}

// TestCatalogRetries an owner that can't be reached, ever more slowly, but within seconds.
func TestCatalogRetries(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	var log logged
	c.log = log.logger()
	down := func(Query) ([]byte, error) { return nil, errors.New("down") }
	pullAll(c, &now, epoch.Add(8*time.Second), down)
	if n := log.count("does not answer at its URL"); n != 0 {
		t.Errorf("the log says %d times in 8 s that the owner does not answer", n)
	}
	if n := len(pullAll(c, &now, epoch.Add(time.Minute), down)); n < 30 || n > 100 {
		t.Errorf("asked %d times in a minute", n)
	}
	if n := log.count("does not answer at its URL"); n != 1 {
		t.Errorf("the log says %d times in a minute that the owner does not answer", n)
	}
	begun := now
	pullAll(c, &now, now.Add(time.Minute), o.honest)
	if now.Sub(begun) > defaultPace.retryMax || len(names(c)) != 1 {
		t.Errorf("has %v, %v after the owner came back", names(c), now.Sub(begun))
	}
}

// TestCatalogTakesPushes at once, in any order, and pulls where one is missing.
func TestCatalogTakesPushes(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	pullAll(c, &now, now.Add(time.Second), o.honest)
	var pushes [][]byte
	for i := range 3 {
		if _, err := o.update([]Route{route(fmt.Sprint("n", i), 1)}, nil); err != nil {
			t.Fatal(err)
		}
		body, _ := o.answer(Query{7, uint64(i + 1)})
		pushes = append(pushes, body)
	}
	for _, i := range []int{0, 0, 2} {
		if err := c.receive(now, pushes[i]); err != nil {
			t.Error(err)
		}
	}
	if got := names(c); !slices.Equal(got, []string{"a", "n0"}) {
		t.Errorf("has %v", got)
	}
	if asked := pullAll(c, &now, now.Add(time.Second), o.honest); !slices.Equal(asked, []Query{{7, 2}}) {
		t.Errorf("asked %v", asked)
	}
	if got := names(c); len(got) != 4 {
		t.Errorf("has %v", got)
	}
	d := o.deltaLocked(0)
	d.Incarnation++
	if err := c.receive(now, d.Append(nil)); !errors.Is(err, ErrUnknown) {
		t.Errorf("a push of another incarnation: %v", err)
	}
}

// TestAnswerAheadOfTheTag: a table that is newer than what serf tells of is not asked for again.
func TestAnswerAheadOfTheTag(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	if _, err := o.update([]Route{route("b", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	pullAll(c, &now, now.Add(time.Second), o.honest)
	late := map[string]sighting{"a": {Tag{ID: "a", URL: at("a"), Incarnation: 7, Version: 1, Digest: o.digestOf(t, "a")}, true}}
	for range 5 {
		now = now.Add(time.Second)
		c.observe(now, late)
		if asked := pullAll(c, &now, now, o.honest); len(asked) != 0 {
			t.Fatalf("asks %v again", asked)
		}
	}
	if got := names(c); len(got) != 2 {
		t.Errorf("has %v", got)
	}
}

func (o owner) digestOf(t *testing.T, name string) uint64 {
	t.Helper()
	r := o.now.routes[route(name, 1).Key]
	if r == nil {
		t.Fatalf("no route %q", name)
	}
	return r.digest()
}

// TestForgedPush: what serf never hears of is asked of the owner after a while, and given up.
func TestForgedPush(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	pullAll(c, &now, now.Add(time.Second), o.honest)
	forged := newOwner(t, route("a", 1))
	if _, err := forged.update([]Route{route("evil", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	body, _ := forged.answer(Query{})
	if err := c.receive(now, body); err != nil {
		t.Fatal(err)
	}
	now = now.Add(defaultPace.confirm + time.Second)
	c.observe(now, o.view())
	pullAll(c, &now, now.Add(time.Second), o.honest)
	if got := names(c); !slices.Equal(got, []string{"a"}) {
		t.Errorf("has %v", got)
	}
	if asked := pullAll(c, &now, now.Add(time.Hour), o.honest); len(asked) != 0 {
		t.Errorf("asks on: %v", asked)
	}
}

// TestForgedPushes that go on are believed for a minute, and then now and then for a quarter of one.
func TestForgedPushes(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	var log logged
	c.log = log.logger()
	pullAll(c, &now, now.Add(time.Second), o.honest)
	forged := newOwner(t, route("a", 1))
	believed := 0
	for i := range 600 { // seconds
		now = now.Add(time.Second)
		r := route("evil", 1)
		r.Reads = uint32(i)
		if _, err := forged.update([]Route{r}, nil); err != nil {
			t.Fatal(err)
		}
		body, _ := forged.answer(Query{})
		if err := c.receive(now, body); err != nil {
			t.Fatal(err)
		}
		c.observe(now, o.view())
		for _, q := range c.due(now, 1) {
			body, err := o.honest(q.query)
			c.answered(now, q, body, err)
		}
		if slices.Contains(names(c), "evil") {
			believed++
		}
	}
	if believed > 130 {
		t.Errorf("of 600 s of forged pushes they were believed for %d", believed)
	}
	if n := log.count("in the name of this relay"); n != 1 {
		t.Errorf("the log says %d times that pushes are forged", n)
	}
}

// TestNewIncarnationHidesTheFormer at once, before its own table is there.
func TestNewIncarnationHidesTheFormer(t *testing.T) {
	o := newOwner(t, route("a", 1))
	c, now := catalogWith("a", o.tag(at("a"))), epoch
	pullAll(c, &now, now.Add(time.Second), o.honest)
	if len(names(c)) != 1 {
		t.Fatal("no route to begin with")
	}
	c.observe(now, map[string]sighting{"a": {Tag{ID: "a", URL: at("a"), Incarnation: 8, Version: 1, Digest: 9}, true}})
	if got := names(c); len(got) != 0 {
		t.Errorf("has %v", got)
	}
}

// TestDeadGiveWay: where there are as many relays as tables are kept of, one that lives takes the place of one that does not.
func TestDeadGiveWay(t *testing.T) {
	c := newCatalog("z", Limits{Peers: 2}.withDefaults(), defaultPace, zerolog.Nop(), never)
	view := make(map[string]sighting)
	see := func(id string, living bool) {
		view[id] = sighting{Tag{ID: id, URL: at(id), Incarnation: 7}, living}
		c.observe(epoch, view)
	}
	has := func(want ...string) {
		t.Helper()
		if got := slices.Sorted(maps.Keys(c.peers)); !slices.Equal(got, want) {
			t.Errorf("keeps %v, want %v", got, want)
		}
	}
	see("a", true)
	see("b", false)
	see("c", false)
	has("a", "b")
	see("d", true)
	has("a", "d")
	see("e", true)
	has("a", "d")
	see("a", false)
	see("d", true)
	has("d", "e")
}

// TestCrowded: where there is no room for a table, its owner is not blamed; who says too much is.
func TestCrowded(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		tables []int // how many routes each relay has
		says   string
	}{
		{Limits{TotalRoutes: 5}, []int{2, 2, 2}, "there is no room for the routes of this relay"},
		{Limits{Routes: 3}, []int{4}, "what this relay says of its routes is no good"},
	} {
		var logged bytes.Buffer
		catalog := newCatalog("z", c.limits.withDefaults(), defaultPace, zerolog.New(&logged), never)
		view, owners := make(map[string]sighting), make(map[string]*ledger)
		for i, n := range c.tables {
			id := fmt.Sprint("r", i)
			owners[id] = newLedger(id, 7, Limits{}.withDefaults())
			for j := range n {
				if _, err := owners[id].update([]Route{route(fmt.Sprint(id, j), 1)}, nil); err != nil {
					t.Fatal(err)
				}
			}
			view[id] = sighting{owners[id].tag(at(id)), true}
		}
		catalog.observe(epoch, view)
		for i := range 3 {
			now := epoch.Add(time.Duration(i) * time.Hour)
			for _, q := range catalog.due(now, 16) {
				body, _ := owners[q.relay].answer(q.query)
				catalog.answered(now, q, body, nil)
			}
		}
		if text := logged.String(); strings.Count(text, c.says) != 1 || strings.Count(text, "\n") != 1 {
			t.Errorf("want once %q:\n%s", c.says, text)
		}
	}
}

// TestBounds: tables of too many relays, or with too many routes, are not taken.
func TestBounds(t *testing.T) {
	c := newCatalog("z", Limits{Peers: 2, TotalRoutes: 3, Routes: 2}.withDefaults(), defaultPace, zerolog.Nop(), never)
	now := epoch
	view := make(map[string]sighting)
	owners := make(map[string]*ledger)
	for i, id := range []string{"a", "b", "c"} {
		owners[id] = newLedger(id, 7, Limits{}.withDefaults())
		for j := range 2 + i%2 {
			if _, err := owners[id].update([]Route{route(fmt.Sprint(id, j), 1)}, nil); err != nil {
				t.Fatal(err)
			}
		}
		view[id] = sighting{owners[id].tag(at(id)), true}
	}
	c.observe(now, view)
	if len(c.peers) != 2 {
		t.Errorf("keeps %d relays", len(c.peers))
	}
	for range 5 {
		now = now.Add(time.Hour)
		for _, q := range c.due(now, 16) {
			body, _ := owners[q.relay].answer(q.query)
			c.answered(now, q, body, nil)
		}
	}
	if n := len(names(c)); n > 3 || n != c.routes {
		t.Errorf("has %d routes and counts %d", n, c.routes)
	}
	for id, p := range c.peers {
		if p.table != nil && len(p.table.routes) > 2 {
			t.Errorf("%s has %d routes", id, len(p.table.routes))
		}
	}
}
