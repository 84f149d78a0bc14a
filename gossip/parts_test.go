package gossip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestOutboxOfReturns: who was away is told what he missed, and who is new what the tag may not yet say.
func TestOutboxOfReturns(t *testing.T) {
	l := newOwner(t, route("a", 1)).ledger
	o := newOutbox(l, never)
	see := func(now time.Time, living bool) []push {
		o.observe(now, map[string]sighting{"b": {Tag{ID: "b", URL: at("b"), Incarnation: 1}, living}})
		return o.due(now, 9)
	}
	first := see(epoch, true)
	if len(first) != 1 || parsed(t, first[0].body).Version != 1 {
		t.Fatalf("pushes %v to who is new", first)
	}
	o.done(epoch, first[0], nil)
	if due := see(epoch.Add(time.Second), false); len(due) != 0 {
		t.Errorf("pushes %v to the dead", due)
	}
	if _, err := l.update([]Route{route("a", 2)}, nil); err != nil {
		t.Fatal(err)
	}
	if due := see(epoch.Add(2*time.Second), false); len(due) != 0 || !o.quiet() {
		t.Errorf("pushes %v to the dead", due)
	}
	due := see(epoch.Add(time.Minute), true)
	if len(due) != 1 || parsed(t, due[0].body).Base != 1 || parsed(t, due[0].body).Version != 2 {
		t.Fatalf("pushes %v to who returned", due)
	}
	o.done(epoch.Add(time.Minute), due[0], nil)
	see(epoch.Add(2*time.Minute), false)
	if due := see(epoch.Add(3*time.Minute), true); len(due) != 0 {
		t.Errorf("pushes %v to who missed nothing", due)
	}
}

// TestOutbox: who is new pulls what was there before; a change goes to all once; one who does not take it is tried some times,
// and again with the next change, from the version that he has.
func TestOutbox(t *testing.T) {
	l := newOwner(t, route("a", 1)).ledger
	o := newOutbox(l, never)
	now := epoch
	view := map[string]sighting{
		"b": {Tag{ID: "b", URL: at("b"), Incarnation: 1}, true}, "c": {Tag{ID: "c", URL: at("c"), Incarnation: 1}, true},
		"dead": {Tag{ID: "dead", URL: at("dead"), Incarnation: 1}, false}, "hidden": {Tag{ID: "hidden", Incarnation: 1}, true},
	}
	for range 3 { // until the tag must be known
		o.observe(now, nil)
		now = now.Add(settling + 1)
	}
	o.observe(now, view)
	if due := o.due(now, 9); len(due) != 0 || !o.quiet() {
		t.Fatalf("pushes %v to those who are new", due)
	}
	change := func(n int) {
		if _, err := l.update([]Route{route("a", n)}, nil); err != nil {
			t.Fatal(err)
		}
	}
	change(2)
	due := sorted(o.due(now, 9), func(p push) string { return p.relay })
	if len(due) != 2 || due[0].relay != "b" || due[1].relay != "c" || o.quiet() {
		t.Fatalf("pushes %v", due)
	}
	if d := parsed(t, due[0].body); d.Base != 1 || d.Version != 2 {
		t.Errorf("pushes %d..%d", d.Base, d.Version)
	}
	if again := o.due(now, 9); len(again) != 0 {
		t.Errorf("pushes %v twice", again)
	}
	o.done(now, due[0], nil)
	o.done(now, due[1], errCut)
	tries := 1
	for range 100 {
		now = now.Add(time.Minute)
		for _, p := range o.due(now, 9) {
			if p.relay != "c" {
				t.Errorf("pushes to %s again", p.relay)
			}
			tries++
			o.done(now, p, errCut)
		}
	}
	if tries != pushTries {
		t.Errorf("tried %d times", tries)
	}
	change(3)
	now = now.Add(time.Minute)
	for _, p := range o.due(now, 9) {
		base := map[string]uint64{"b": 2, "c": 1}[p.relay]
		if d := parsed(t, p.body); d.Base != base || d.Version != 3 {
			t.Errorf("pushes %d..%d to %s", d.Base, d.Version, p.relay)
		}
	}
}

func TestQuery(t *testing.T) {
	want := Query{0xff, 17}
	values, err := url.ParseQuery(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseQuery(values.Get("incarnation"), values.Get("since")); err != nil || got != want {
		t.Errorf("read %v, %v", got, err)
	}
	for _, bad := range [][2]string{{"", "1"}, {"1", ""}, {"x", "1"}, {"1", "-1"}} {
		if got, err := ParseQuery(bad[0], bad[1]); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}

// TestIndexOrder: the nearest first, those of unknown distance last, and those equally far not in the same order for everybody.
func TestIndexOrder(t *testing.T) {
	x := newIndex()
	r := route("counter", 1)
	far := map[string]time.Duration{
		"far": 50 * time.Millisecond, "near": time.Millisecond / 10, "unknown": 0, "middle": 5 * time.Millisecond,
	}
	for id, rtt := range far {
		x.put(Candidate{Route: &r, Relay: id, RTT: rtt, order: order("self", id, rtt)})
	}
	var got []string
	for _, c := range x.lookup("counter") {
		got = append(got, c.Relay)
	}
	if want := []string{"near", "middle", "far", "unknown"}; !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
	before := x.lookup("counter")
	x.remove("near", r.Key)
	if len(before) != 4 || before[0].Relay != "near" || len(x.lookup("counter")) != 3 {
		t.Error("a slice that was given out changes")
	}
	firsts := make(map[bool]bool)
	for i := range 100 {
		self := fmt.Sprint("self", i)
		firsts[order(self, "a", time.Millisecond/10) < order(self, "b", time.Millisecond/5)] = true
	}
	if len(firsts) != 2 {
		t.Error("all relays prefer the same one of two that are equally far")
	}
}

// TestLookupTakesNoMemory: it is part of each call.
func TestLookupTakesNoMemory(t *testing.T) {
	x := newIndex()
	r := route("counter", 1)
	x.put(Candidate{Route: &r, Relay: "a"})
	if n := testing.AllocsPerRun(100, func() { _ = x.lookup("counter") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestLogLevels: serf's lines come at the levels that they say.
func TestLogLevels(t *testing.T) {
	var out logged
	l := newBridge(out.logger())
	for _, line := range []string{
		"[WARN] serf: a", "[ERR] memberlist: b: c", "[DEBUG] serf: d", "[INFO] serf: e", "[ERROR] f", "g", "[", "[WARN]", "",
	} {
		l.Print(line)
	}
	want := `{"level":"warn","part":"serf","message":"a"}
{"level":"error","part":"memberlist","message":"b: c"}
{"level":"debug","part":"serf","message":"d"}
{"level":"info","part":"serf","message":"e"}
{"level":"error","message":"f"}
{"level":"info","message":"g"}
{"level":"info","message":"["}
{"level":"warn"}
{"level":"info"}
`
	if got := out.text.String(); got != want {
		t.Errorf("logged\n%swant\n%s", got, want)
	}
}

// TestSnapshotFile: what was written is read; what is damaged is an error and no more; peers are not forgotten when all are gone.
func TestSnapshotFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mesh.json")
	if s, err := readSnapshot(path); err != nil || len(s.Peers) != 0 {
		t.Errorf("no file: %+v, %v", s, err)
	}
	want := snapshot{Incarnation: 5, Peers: remember([]string{"10.0.0.1:1", "10.0.0.2:1"}, []string{"10.0.0.3:1", "10.0.0.2:1"})}
	if !slices.Equal(want.Peers, []string{"10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"}) {
		t.Errorf("remembers %v", want.Peers)
	}
	if err := want.write(path); err != nil {
		t.Fatal(err)
	}
	if s, err := readSnapshot(path); err != nil || s.Incarnation != 5 || !slices.Equal(s.Peers, want.Peers) {
		t.Errorf("read %+v, %v", s, err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
	for _, bad := range []string{"", "{", `{"peers":"x"}`, strings.Repeat(" ", maxSnapshot) + "{}"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := readSnapshot(path); err == nil {
			t.Errorf("%.20q is read as %+v", bad, s)
		}
	}
}

// TestConfigErrors: all faults at once, each with what to do.
func TestConfigErrors(t *testing.T) {
	leaktest.Check(t)
	_, err := Start(Config{ID: "a b", URL: "r1:80", Keys: [][]byte{{1}}, Seeds: []string{"http://r2:80", "r3"}})
	if err == nil {
		t.Fatal("it starts")
	}
	for _, want := range []string{`"a b"`, `"r1:80"`, "Fetch", "16, 24 or 32", "no Config.Resolve", `"r3"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of %s:\n%v", want, err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fetch := func(context.Context, string, Query) ([]byte, error) { return nil, errors.New("unused") }
	for what, c := range map[string]Config{
		"a port that is taken":           {Bind: l.Addr().String()},
		"no port":                        {Bind: "127.0.0.1"},
		"an address of another host":     {Bind: "192.0.2.1:0"},
		"all addresses advertised":       {Advertise: "0.0.0.0:0"},
		"an advertised address of words": {Advertise: "nowhere.invalid:1"},
	} {
		c.ID, c.URL, c.Fetch = "a", at("a"), fetch
		if m, err := Start(c); err == nil {
			m.Shutdown()
			t.Errorf("%s: it starts", what)
		}
	}
}

// TestAdvertise: others are told the advertised address, with the port that was bound if it has none.
func TestAdvertise(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a", func(c *Config) { c.Advertise = "192.0.2.7:0" })
	host, port, err := net.SplitHostPort(a.Address())
	if err != nil || host != "192.0.2.7" || port == "0" {
		t.Errorf("advertises %s", a.Address())
	}
	b := w.start("b", func(c *Config) { c.Advertise = "192.0.2.7:1234" })
	if b.Address() != "192.0.2.7:1234" {
		t.Errorf("advertises %s", b.Address())
	}
}

// TestUseAfterShutdown: nothing hangs or panics.
func TestUseAfterShutdown(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	w.kill(a)
	w.kill(a)
	if err := a.Join(t.Context(), "127.0.0.1:1"); err == nil {
		t.Error("Join succeeds")
	}
	if err := a.SetRoutes([]Route{route("x", 1)}); err != nil {
		t.Error(err)
	}
	if len(a.Lookup("x")) != 0 || len(a.All()) != 0 || len(a.Members()) != 1 {
		t.Errorf("has %v, %v", a.All(), a.Members())
	}
	if err := a.Receive(nil); err == nil {
		t.Error("nothing is a delta")
	}
}
