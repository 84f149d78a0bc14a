package gossip

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestTwins: of two relays with the same id both say that it is wrong, and which of them counts can be seen at any relay.
func TestTwins(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	var older, newer logged
	a := w.start("a", func(c *Config) { c.Logger = older.logger() })
	again := w.start("a", seeded(a), func(c *Config) { c.URL, c.Logger = at("a2"), newer.logger() })
	b := w.start("b", seeded(a))
	if err := again.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	said := func(l *logged, what string) func() string {
		return func() string {
			if n := l.count("another relay has the same id and started " + what); n != 1 {
				return fmt.Sprintf("the log says %d times that another relay started %s", n, what)
			}
			return ""
		}
	}
	await.Nothing(t, await.Limit, said(&older, "later"))
	await.Nothing(t, await.Limit, said(&newer, "before"))
	for _, m := range []*Mesh{a, again, b} {
		await.Nothing(t, await.Limit, func() string {
			want := map[string]Status{at("a"): Superseded, at("a2"): Alive, at("b"): Alive}
			members := m.Members()
			for _, o := range members {
				if o.Status != want[o.URL] || o.Routes != 0 && o.URL != at("a2") {
					return fmt.Sprintf("%s shows %+v", m.config.URL, o)
				}
			}
			if len(members) != len(want) || !members[0].Self {
				return fmt.Sprintf("%s shows %+v", m.config.URL, members)
			}
			return ""
		})
	}
}

// TestTwinsApart: a node under the own id is asked now and then, and is another relay if it answers, or if it lives for too long
// to be a former start.
func TestTwinsApart(t *testing.T) {
	begun := time.Unix(1000, 0)
	now := begun
	tags := []Tag{{ID: "a", URL: at("a"), Incarnation: 5}}
	var w twins
	ask, found := w.observe(now, tags)
	if ask == nil || ask.Incarnation != 5 || found != nil {
		t.Fatalf("at first sight: asks %v, found %v", ask, found)
	}
	w.confirm(confirmation{incarnation: 5})
	for range 60 {
		now = now.Add(time.Second)
		if _, found = w.observe(now, tags); found != nil {
			t.Fatalf("found after %v", now.Sub(begun))
		}
	}
	now = now.Add(time.Second)
	if _, found = w.observe(now, tags); found == nil {
		t.Error("not found after a minute")
	}
	if _, found = w.observe(now, tags); found != nil {
		t.Error("found twice")
	}
	if _, found = w.observe(now, nil); found != nil {
		t.Error("found when it is gone")
	}
	now = now.Add(time.Second)
	if ask, _ = w.observe(now, tags); ask == nil {
		t.Fatal("it is not asked when it is back")
	}
	w.asking = true
	now = now.Add(30 * time.Second)
	if ask, _ = w.observe(now, tags); ask != nil {
		t.Error("it is asked twice at a time")
	}
	w.confirm(confirmation{incarnation: 5, lives: true})
	if _, found = w.observe(now, tags); found == nil {
		t.Error("not found though it has answered")
	}
}

// TestClockSetBack: a relay whose clock was set back is younger than its former start if it has a snapshot. Without one the others
// have its routes when serf has given the former start up, and it is not taken for another relay.
func TestClockSetBack(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	path := filepath.Join(t.TempDir(), "mesh.json")
	before := snapshot{Incarnation: uint64(time.Now().Add(time.Hour).UnixNano())}
	if err := before.write(path); err != nil {
		t.Fatal(err)
	}
	b := w.start("b", seeded(a), func(c *Config) { c.Snapshot = path })
	if b.Incarnation() <= before.Incarnation {
		t.Errorf("incarnation %d after %d", b.Incarnation(), before.Incarnation)
	}
	if err := b.Update([]Route{route("old", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	address := b.Address()
	w.kill(b)
	var log logged
	again := w.start("b", seeded(a), func(c *Config) { c.Bind, c.Logger = address, log.logger() })
	if again.Incarnation() >= b.Incarnation() {
		t.Fatal("the start without a snapshot is the later one; the test shows nothing")
	}
	if err := again.Update([]Route{route("new", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, 10*time.Second, w.whole)
	if log.count("the same id") != 0 {
		t.Error("the relay takes its former start for another relay")
	}
}
