package relay_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/relay"
)

// refused expects an announcement to be refused, and the relay to have no server of it.
func (h *host) refused(what string, v any, status int, code string) {
	h.t.Helper()
	got, body := h.post(relayapi.PathRoutes, v)
	h.expectProblem(what, got, body, status, code)
	if n := h.metric("c2_relay_servers"); n != 0 {
		h.t.Errorf("%s: %v servers", what, n)
	}
}

// sayings are announcements of a server that is none.
func sayings(address string) relayapi.Announcement {
	return relayapi.Announcement{Instance: strings.Repeat("0f", 16), Address: address, Revision: 1, Resources: []relayapi.Announced{{Name: "t", ID: "00000000000000aa"}}}
}

func TestAnnouncementsThatAreNone(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{MaxRoutes: 10})
	good := sayings("ipc://" + h.dir + "/none.sock")
	with := func(change func(a *relayapi.Announcement)) relayapi.Announcement {
		a := good
		change(&a)
		return a
	}
	for what, v := range map[string]any{
		"nothing":    map[string]any{},
		"a list":     []int{1},
		"a number":   map[string]any{"instance": 7},
		"no address": with(func(a *relayapi.Announcement) { a.Address = "" }),
		"http":       with(func(a *relayapi.Announcement) { a.Address = "http://x" }),
		"short":      with(func(a *relayapi.Announcement) { a.Instance = "0f" }),
		"upper case": with(func(a *relayapi.Announcement) { a.Instance = strings.Repeat("0F", 16) }),
		"no id":      with(func(a *relayapi.Announcement) { a.Resources = []relayapi.Announced{{Name: "t"}} }),
		"zero id": with(func(a *relayapi.Announcement) {
			a.Resources = []relayapi.Announced{{Name: "t", ID: "0000000000000000"}}
		}),
		"no name": with(func(a *relayapi.Announcement) { a.Resources = []relayapi.Announced{{ID: "00000000000000aa"}} }),
		"a bad name": with(func(a *relayapi.Announcement) {
			a.Resources = []relayapi.Announced{{Name: "a\nb", ID: "00000000000000aa"}}
		}),
		"a name twice": with(func(a *relayapi.Announcement) { a.Resources = append(a.Resources, a.Resources[0]) }),
		"revision":     map[string]any{"instance": good.Instance, "address": good.Address, "revision": -1},
	} {
		h.refused(what, v, 400, "invalid")
	}
	status, _, body := h.do(h.request("POST", "/v1/routes", "application/json", []byte(`{"instance":`)))
	h.expectProblem("half", status, string(body), 400, "invalid")
	h.refused("too many", with(func(a *relayapi.Announcement) { a.Resources = make([]relayapi.Announced, 11) }), 413, "too_large")
	h.one("too large", "POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+lengthLine(33<<20)+"\r\n"+strings.Repeat(" ", 20<<10), false, 413, "too_large")
	status, _, body = h.do(h.request("POST", "/v1/routes", "application/json", []byte(`{"resources":[`+strings.Repeat("{},", 3<<20)+`{}]}`)))
	h.expectProblem("too heavy", status, string(body), 413, "too_large")
	if !strings.Contains(string(body), "bytes of memory") {
		t.Errorf("too heavy, and read: %s", body)
	}
	h.refused("a question about nothing", with(func(a *relayapi.Announcement) { a.Resources = nil }), 503, "unavailable")
}

func TestAddressesThatAreRefused(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	elsewhere := t.TempDir()
	listen(t, filepath.Join(elsewhere, "x.sock"), func(net.Conn) {})
	if err := os.Symlink(elsewhere, filepath.Join(h.dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(elsewhere, "x.sock"), filepath.Join(h.dir, "link.sock")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(h.dir, "dead.sock")})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	for path, c := range map[string]struct {
		status int
		code   string
	}{
		elsewhere + "/x.sock":  {403, "denied"},
		h.dir + "/link/x.sock": {403, "denied"},
		h.dir + "/link.sock":   {403, "denied"},
		h.dir + "/../" + filepath.Base(elsewhere) + "/x.sock": {403, "denied"},
		h.dir + "x/y.sock":     {503, "unavailable"},
		h.dir + "/file":        {403, "denied"},
		h.dir + "/none.sock":   {503, "unavailable"},
		h.dir + "/file/x.sock": {503, "unavailable"},
		h.dir + "/dead.sock":   {503, "unavailable"},
		h.dir:                  {403, "denied"},
	} {
		h.refused(path, sayings("ipc://"+path), c.status, c.code)
	}
}

// listen serves connections at a socket by hand.
func listen(t testing.TB, path string, serve func(net.Conn)) {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
}

func TestServersThatAreNone(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	listen(t, h.dir+"/garbage.sock", func(c net.Conn) { _, _ = c.Write([]byte(strings.Repeat("HTTP/1.1 200 OK\r\n\r\n", 100))) })
	listen(t, h.dir+"/closes.sock", func(net.Conn) {})
	listen(t, h.dir+"/silent.sock", func(c net.Conn) { _, _ = c.Read(make([]byte, 1<<16)); _, _ = c.Read(make([]byte, 1)) })
	h.refused("garbage", sayings("ipc://"+h.dir+"/garbage.sock"), 503, "unavailable")
	h.refused("one that closes", sayings("ipc://"+h.dir+"/closes.sock"), 503, "unavailable")
	began := time.Now()
	status, body := h.post(relayapi.PathRoutes, sayings("ipc://"+h.dir+"/silent.sock"))
	if took := time.Since(began); status < 500 || took > 11*time.Second {
		t.Errorf("a silent one: %d %s after %v", status, body, took)
	}
	n := h.node()
	h.register(n, "t", newTable())
	h.refused("another instance", sayings(n.Address()), 409, "mismatch")
	h.announce(n, 1) // the false one does not stand in the way
}

func TestServerOfAnotherUser(t *testing.T) {
	leaktest.Check(t)
	if os.Getuid() != 0 {
		t.Skip("only root can make a server of another user")
	}
	h := newHost(t, relay.Config{})
	for dir := h.dir; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	c := startOther(t, h.address())
	if c == nil {
		t.Skip("the other user's server could not be made")
	}
	h.refused("another user's", c.said, 403, "denied")
}

func TestAnnouncementThatContradictsTheServer(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	n := h.node()
	h.register(n, "a", newTable())
	h.register(n, "b", newTable())
	a := h.announcement(n, 5)
	a.Resources[0].ID = "00000000000000aa"
	a.Resources = append(a.Resources, relayapi.Announced{Name: "none", ID: "00000000000000bb"})
	status, body := h.post(relayapi.PathRoutes, a)
	if status != 200 || strings.Count(body, `"code":"mismatch"`) != 1 || strings.Count(body, `"code":"not_found"`) != 1 {
		t.Errorf("%d %s", status, body)
	}
	if _, list := h.get("/v1/resources"); strings.Count(list, `"name"`) != 1 || !strings.Contains(list, `"name":"b"`) {
		t.Errorf("%s", list)
	}
	early := h.announcement(n, 4)
	status, body = h.post(relayapi.PathRoutes, early)
	h.expectProblem("an earlier revision", status, body, 410, "stale")
	moved := a
	second := h.node()
	h.register(second, "c", newTable())
	moved.Address = second.Address()
	status, body = h.post(relayapi.PathRoutes, moved)
	h.expectProblem("at another address", status, body, 409, "mismatch")
	for revision, want := range map[uint64]int{4: 410, 5: 200, 6: 410} {
		if status, body := h.post(relayapi.PathRoutes, relayapi.Announcement{Instance: a.Instance, Address: a.Address, Revision: revision}); status != want {
			t.Errorf("asked for revision %d: %d %s, want %d", revision, status, body, want)
		}
	}
	a = h.announcement(n, 6)
	a.Resources = a.Resources[:1]
	if status, body := h.post(relayapi.PathRoutes, a); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := h.get("/v1/resources/b"); status != 404 {
		t.Error("what is announced no more is there still")
	}
}

func TestBoundsOfAnnouncements(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{MaxServers: 2, MaxRoutes: 2})
	n := h.node()
	for i := range 2 {
		h.register(n, fmt.Sprint("r", i), newTable())
	}
	h.announce(n, 1)
	second := h.node()
	h.register(second, "r2", newTable())
	if status, body := h.post(relayapi.PathRoutes, h.announcement(second, 2)); status != 200 || strings.Count(body, `"code":"busy"`) != 1 {
		t.Errorf("a third route: %d %s", status, body)
	}
	other := h.node()
	h.register(other, "o", newTable())
	status, body := h.post(relayapi.PathRoutes, h.announcement(other, 1))
	h.expectProblem("a third server", status, body, 429, "busy")
}

func TestRoutesGoWithTheirServer(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	address := h.address()
	for range 2 { // it restarts on the same path
		c := startServer(t, address)
		if status, body := h.post(relayapi.PathRoutes, c.said); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		if status, body := h.call("Add", "[1]"); status != 200 || body != "[1]" {
			t.Errorf("%d %s", status, body)
		}
		done := make(chan relayapi.Problem, 1)
		go func() {
			status, body := h.call("Wait", "[]")
			done <- h.expectProblem("a call in flight", status, body, 502, "unavailable")
		}()
		if line := c.Line(t); line != "waiting" {
			t.Fatalf("the server said %q", line)
		}
		c.Kill()
		if p := <-done; !p.MayHaveRun {
			t.Errorf("%+v", p)
		}
		await.True(t, "the routes go", func() bool { status, _ := h.get("/v1/resources/t"); return status == 404 })
		h.expectProblem2(t, "Add", "[1]", 404, "not_found")
	}
}

func TestResourceThatIsReplaced(t *testing.T) {
	leaktest.Check(t)
	h, n, _ := served(t, relay.Config{})
	before := h.announcement(n, 1).Resources[0].ID
	if err := c2.Unregister(context.Background(), "t", c2.On(n)); err != nil {
		t.Fatal(err)
	}
	h.register(n, "t", newTable())
	wanted := func() (int, string) {
		req := h.request("POST", "/v1/resources/t/Add", "application/json", []byte("[1]"))
		req.Header.Set("C2-Resource", before)
		status, _, body := h.do(req)
		return status, string(body)
	}
	status, body := wanted()
	h.expectProblem("the one that is gone", status, body, 410, "stale")
	if status, body := h.call("Add", "[1]"); status != 200 || body != "[1]" {
		t.Errorf("any: %d %s", status, body)
	}
	status, body = wanted()
	h.expectProblem("after another was found", status, body, 410, "stale")
	if err := c2.Unregister(context.Background(), "t", c2.On(n)); err != nil {
		t.Fatal(err)
	}
	h.expectProblem2(t, "Add", "[1]", 404, "not_found")
	if status, _ := h.get("/v1/resources/t"); status != 404 {
		t.Error("a resource that is gone keeps its route")
	}
}

// counter counts how often anything runs.
type counter struct {
	*table
	runs *atomic.Int64
}

func (c counter) Add(context.Context, int) (int, error) { return int(c.runs.Add(1)), nil }

func TestSecondServerTakesOver(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	var runs [2]atomic.Int64
	var nodes [2]*c2.Node
	for i := range nodes {
		nodes[i] = h.node()
		if err := c2.Register[bench]("t", counter{newTable(), &runs[i]}, c2.On(nodes[i])); err != nil {
			t.Fatal(err)
		}
		h.announce(nodes[i], 1)
	}
	const calls = 400
	passed, unsure := 0, 0
	begun := time.Now()
	for i := 0; i < calls || runs[1].Load() == 0 && time.Since(begun) < await.Limit; i++ { // the shutdown may be slow to begin
		if i == calls/2 {
			go nodes[0].Shutdown(context.Background())
		}
		status, body := h.call("Add", "[1]")
		switch {
		case status == 200:
			passed++
		case strings.Contains(body, `"may_have_run":true`):
			unsure++
		default:
			t.Fatalf("call %d: %d %s", i, status, body)
		}
	}
	ran := int(runs[0].Load() + runs[1].Load())
	if ran < passed || ran > passed+unsure || runs[0].Load() == 0 || runs[1].Load() == 0 {
		t.Errorf("%d passed, %d may have run; %d and %d ran", passed, unsure, runs[0].Load(), runs[1].Load())
	}
	await.True(t, "one route is left", func() bool { _, body := h.get("/v1/resources"); return strings.Count(body, `"name"`) == 1 })
}
