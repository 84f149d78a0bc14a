package gossip

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestTwoRelays: what one announces the other finds, changed and withdrawn likewise, and the relay's death takes it along.
func TestTwoRelays(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	b := w.start("b", seeded(a))
	if err := a.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	got := b.Lookup("counter")
	if len(got) != 1 || got[0].Relay != "a" || got[0].URL != at("a") || *got[0].Route != route("counter", 1) {
		t.Fatalf("found %+v", got)
	}
	if len(a.Lookup("counter")) != 0 {
		t.Error("the relay's own route is among the others'")
	}
	if err := a.Update([]Route{route("other", 2)}, []Key{route("counter", 1).Key}); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	if len(b.Lookup("counter")) != 0 {
		t.Error("what was withdrawn is still found")
	}
	w.kill(a)
	await.Nothing(t, 10*time.Second, w.whole)
}

// TestLeaveTakesRoutesAlong, though it lives, and the others say that the relay left.
func TestLeaveTakesRoutesAlong(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	b := w.start("b", seeded(a))
	c := w.start("c", seeded(a))
	if err := b.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	begun := time.Now()
	if err := b.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("Leave took %v", time.Since(begun))
	for _, m := range []*Mesh{a, c} { // to which b, that lives on, is not dead
		await.True(t, m.ID()+" has not the route of one that left", func() bool { return len(m.Lookup("counter")) == 0 })
	}
	w.kill(b)
	await.Nothing(t, await.Limit, func() string {
		for _, m := range a.Members() {
			if m.ID == "b" && m.Status == Left {
				return ""
			}
		}
		return fmt.Sprintf("b has not left: %+v", a.Members())
	})
	if err := b.Leave(t.Context()); err == nil {
		t.Error("Leave after Shutdown succeeds")
	}
}

// TestLeaveInTime: one whose time is up before does not wait, and Shutdown waits for what it left undone.
func TestLeaveInTime(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	b := w.start("b", seeded(a))
	await.Nothing(t, await.Limit, w.whole)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Leave(ctx); err == nil {
		t.Error("Leave says that it is done")
	}
	w.kill(b)
}

// TestLeaveWhileJoining: whoever leaves before his join has ended is known to have left, or not known at all.
func TestLeaveWhileJoining(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	slow := &slowJoin{halfway: make(chan struct{}), free: make(chan struct{})}
	b := w.start("b", seeded(a), func(c *Config) {
		c.Tuning.LeaveTimeout = 5 * time.Second
		c.transport = func(t memberlist.NodeAwareTransport) memberlist.NodeAwareTransport {
			slow.NodeAwareTransport = t
			return slow
		}
	})
	<-slow.halfway
	left := make(chan error, 1)
	go func() { left <- b.Leave(t.Context()) }()
	select {
	case err := <-left:
		left <- err // too early: the others will say what came of it
	case <-time.After(200 * time.Millisecond): // four times what leaving nobody takes
	}
	close(slow.free)
	if err := <-left; err != nil {
		t.Fatal(err)
	}
	w.kill(b)
	await.Nothing(t, await.Limit, func() string {
		for _, m := range a.Members() {
			if m.ID == "b" && m.Status != Left {
				return fmt.Sprintf("b is %s", m.Status)
			}
		}
		return ""
	})
}

// slowJoin is a transport over which the other side's answer to a join comes when free is closed.
type slowJoin struct {
	memberlist.NodeAwareTransport
	once    sync.Once
	halfway chan struct{} // closed when the other side was told
	free    chan struct{}
}

func (j *slowJoin) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	conn, err := j.NodeAwareTransport.DialAddressTimeout(a, d)
	return slowAnswer{conn, j}, err
}

type slowAnswer struct {
	net.Conn
	join *slowJoin
}

func (a slowAnswer) Read(b []byte) (int, error) {
	a.join.once.Do(func() { close(a.join.halfway) })
	<-a.join.free
	return a.Conn.Read(b)
}

// TestRestart: a relay that was killed and is back within moments has a new table, and what it had before is gone at once,
// though serf still takes its former node for alive.
func TestRestart(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	b := w.start("b", seeded(a))
	if err := b.SetRoutes([]Route{route("old", 1), route("same", 1)}); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	address := b.Address()
	w.kill(b)
	var log logged
	again := w.start("b", seeded(a), func(c *Config) { c.Bind, c.Logger = address, log.logger() })
	if err := again.SetRoutes([]Route{route("new", 1), route("same", 1)}); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, func() string { return sees(a, w.living()) })
	await.Nothing(t, 10*time.Second, w.whole)
	for _, m := range a.Members() {
		if m.ID == "b" && m.Incarnation != again.Incarnation() {
			t.Errorf("the former start is still listed: %+v", m)
		}
	}
	if log.count("the same id") != 0 {
		t.Error("the relay takes its former start for another relay")
	}
}

// TestSnapshotRejoins: a relay without seeds finds the mesh by what it wrote down, though its former self has the same address.
func TestSnapshotRejoins(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	path := filepath.Join(t.TempDir(), "mesh.json")
	b := w.start("b", seeded(a), func(c *Config) { c.Snapshot = path })
	await.Nothing(t, await.Limit, w.whole)
	await.Nothing(t, await.Limit, func() string {
		if s, err := readSnapshot(path); err != nil || len(s.Peers) != 1 {
			return fmt.Sprintf("the snapshot is %+v, %v", s, err)
		}
		return ""
	})
	address := b.Address()
	w.kill(b)
	w.start("b", func(c *Config) { c.Snapshot, c.Bind = path, address })
	await.Nothing(t, 10*time.Second, w.whole)
}

// TestSeedsThatAreDown are tried until they are there; the log says so once, and once that the mesh is joined.
func TestSeedsThatAreDown(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	var log logged
	w.start("b", func(c *Config) { c.Seeds, c.Logger = []string{at("a"), at("b")}, log.logger() })
	await.Nothing(t, await.Limit, func() string {
		if log.count("no seed can be joined") != 1 {
			return "the log does not say that no seed can be joined"
		}
		return ""
	})
	w.start("a")
	await.Nothing(t, 10*time.Second, w.whole)
	await.Nothing(t, await.Limit, func() string {
		if log.count("joined the mesh") != 1 {
			return "the log does not say that the mesh is joined"
		}
		return ""
	})
	if n := log.count("no seed can be joined"); n != 1 {
		t.Errorf("the log says %d times that no seed can be joined", n)
	}
}

// TestJoin by a relay's URL and by a gossip address; a failure names each.
func TestJoin(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a, b, c := w.start("a"), w.start("b"), w.start("c")
	if err := a.Join(t.Context(), at("b")); err != nil {
		t.Error(err)
	}
	if err := a.Join(t.Context(), at("nobody"), c.Address()); err != nil {
		t.Error(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	if err := b.Join(t.Context(), at("nobody"), "127.0.0.1:1", "nonsense"); err == nil {
		t.Error("joining nobody succeeds")
	} else {
		t.Log(err)
	}
}

// TestPartition: both sides go on, and are whole again after it.
func TestPartition(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	for _, id := range []string{"b", "c", "d", "e"} {
		w.start(id, seeded(a))
	}
	for i, m := range w.living() {
		if err := m.Update([]Route{route("shared", i), route(m.ID(), i)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	await.Nothing(t, await.Limit, w.whole)
	w.split("d", "e")
	await.Nothing(t, 20*time.Second, func() string {
		if n := len(a.Lookup("shared")); n != 2 {
			return fmt.Sprintf("a sees %d relays with the name, not 2", n)
		}
		return ""
	})
	for i, m := range w.living() {
		if err := m.Update([]Route{route("during", i)}, []Key{route(m.ID(), i).Key}); err != nil {
			t.Fatal(err)
		}
	}
	w.heal()
	begun := time.Now()
	await.Nothing(t, 20*time.Second, w.whole)
	t.Logf("whole %v after the heal", time.Since(begun))
}

// TestSlowLine: a table that takes longer to come than is usual is there after some attempts.
func TestSlowLine(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	w.tuning.HTTPTimeout = 50 * time.Millisecond
	a := w.start("a", func(c *Config) { c.Push = nil })
	if err := a.SetRoutes([]Route{route("x", 1)}); err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int32
	b := w.start("b", seeded(a), func(c *Config) {
		fetch := c.Fetch
		c.Fetch = func(ctx context.Context, to string, q Query) ([]byte, error) {
			tries.Add(1)
			select {
			case <-time.After(130 * time.Millisecond):
			case <-ctx.Done():
			}
			if ctx.Err() != nil { // also where both have passed when this goroutine gets to run
				return nil, ctx.Err()
			}
			return fetch(ctx, to, q)
		}
	})
	await.True(t, "b has the route", func() bool { return len(b.Lookup("x")) == 1 })
	if n := tries.Load(); n < 3 {
		t.Errorf("it took %d attempts: the line is not as slow as it should be", n)
	}
}

// TestReturnCostsNoPull: a relay that only seemed dead has its table where it was.
func TestReturnCostsNoPull(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	b := w.start("b", seeded(a))
	if err := b.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	w.split("b")
	await.Nothing(t, 10*time.Second, func() string {
		if len(a.Lookup("counter")) != 0 {
			return "the route of a relay that can't be reached is still there"
		}
		return ""
	})
	pulls := a.Counts().Pulls
	w.heal()
	await.Nothing(t, 10*time.Second, w.whole)
	if now := a.Counts().Pulls; now != pulls {
		t.Errorf("the return took %d pulls", now-pulls)
	}
}

// TestIPv6: relays gossip over IPv6, and join by an address of it.
func TestIPv6(t *testing.T) {
	leaktest.Check(t)
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("this host has no IPv6: ", err)
	} else {
		l.Close()
	}
	w := newWorld(t)
	six := func(c *Config) { c.Bind = "[::1]:0" }
	a := w.start("a", six)
	b := w.start("b", six, seeded(a))
	if err := b.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, w.whole)
	for _, m := range a.Members() {
		if host, _, err := net.SplitHostPort(m.Gossip); err != nil || host != "::1" {
			t.Errorf("%s gossips at %s, %v", m.ID, m.Gossip, err)
		}
	}
}
