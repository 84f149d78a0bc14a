package relay

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/gossip"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestUntoldRoutes: what the mesh has no room for is told when there is room again, in the order in which it came, and what it
// replaced is not told any more.
func TestUntoldRoutes(t *testing.T) {
	leaktest.Check(t)
	var log strings.Builder
	members, err := gossip.Start(gossip.Config{ID: "r", Limits: gossip.Limits{TableBytes: 950}, Fetch: unreachable})
	if err != nil {
		t.Fatal(err)
	}
	defer members.Shutdown()
	m := &mesh{relay: &Relay{log: zerolog.New(&log)}, members: members}
	s := &server{instance: "i"}
	route := func(name string, size int) *route {
		return &route{name: name, id: 1, server: s, desc: &c2.Descriptor{Contract: strings.Repeat("c", size)}}
	}
	tells := func(want ...string) {
		t.Helper()
		if got := told(t, members); !slices.Equal(got, want) {
			t.Errorf("tells of %v, want %v", got, want)
		}
	}
	a, b := route("a", 250), route("b", 250)
	m.put(a)
	m.put(b)
	m.put(route("c", 200))
	tells("a", "b", "c")
	d := route("d", 250)
	m.put(d)
	m.put(route("e", 200))
	tells("a", "b", "c")
	m.put(route("c", 255)) // one that is larger: the former is gone, and d has waited for longer
	tells("a", "b", "d")
	m.put(route("f", 10))
	m.remove(d)
	tells("a", "b", "e")
	m.remove(a)
	tells("b", "c", "e")
	m.remove(b)
	tells("c", "e", "f")
	for _, what := range []string{"of this one is full", "find all resources of this one again"} {
		if n := strings.Count(log.String(), what); n != 1 {
			t.Errorf("the log has %q %d times:\n%s", what, n, &log)
		}
	}
}

func unreachable(context.Context, string, gossip.Query) ([]byte, error) {
	return nil, errors.New("no route to host")
}

// told are the names in the table that others get.
func told(t *testing.T, m *gossip.Mesh) []string {
	t.Helper()
	d, err := gossip.ParseDelta(m.Table(gossip.Query{}), gossip.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range d.Put {
		names = append(names, r.Name)
	}
	return names
}
