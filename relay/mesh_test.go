package relay_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/relay"
)

// meshOf starts relays that are to find each other. Each has one server with "own-N", all have one with "common".
func meshOf(t *testing.T, n int, config relay.Config) []*host {
	t.Helper()
	var hosts []*host
	for i := range n {
		c := config
		c.ID = fmt.Sprintf("r%d", i)
		c.Mesh = &relay.MeshConfig{}
		if i > 0 {
			c.Mesh.Seeds = []string{hosts[0].url}
		}
		hosts = append(hosts, newHost(t, c))
	}
	for i, h := range hosts {
		node := h.node()
		h.register(node, fmt.Sprintf("own-%d", i), newTable())
		h.register(node, "common", newTable())
		h.announce(node, 1)
	}
	return hosts
}

// knows tells whether the host resolves a name to so many candidates.
func (h *host) knows(name string, n int) bool {
	status, body := h.get("/v1/resolve/" + name)
	var r relayapi.Resolution
	return status == 200 && json.Unmarshal([]byte(body), &r) == nil && len(r.Candidates) == n
}

func (h *host) callOf(name, method, args string) (int, string) {
	h.t.Helper()
	status, _, body := h.do(h.request("POST", "/v1/resources/"+name+"/"+method, "application/json", []byte(args)))
	return status, strings.TrimSpace(string(body))
}

// TestAnyRelayAnswersForAll calls resources through relays that do not have them.
func TestAnyRelayAnswersForAll(t *testing.T) {
	leaktest.Check(t)
	hosts := meshOf(t, 3, relay.Config{Token: "secret"})
	for i, h := range hosts {
		for j := range hosts {
			name := fmt.Sprintf("own-%d", j)
			await.True(t, fmt.Sprintf("relay %d knows %s", i, name), func() bool { return h.knows(name, 1) })
			if status, body := h.callOf(name, "Add", "[1]"); status != 200 || body != fmt.Sprintf("[%d]", i+1) {
				t.Errorf("%s through relay %d: %d %s", name, i, status, body)
			}
			large := bytes.Repeat([]byte("QUJD"), 100_000)
			if status, body := h.callOf(name, "Echo", `["`+string(large)+`"]`); status != 200 || body != `["`+string(large)+`"]` {
				t.Errorf("%s through relay %d: %d, %d bytes", name, i, status, len(body))
			}
			status, body := h.callOf(name, "Fail", "[]")
			if p := h.expectProblem(name, status, body, 500, "resource"); p.Detail != "today: no luck" || len(p.Names) != 1 || p.Resource != name {
				t.Errorf("%s through relay %d: %+v", name, i, p)
			}
			status, body = h.callOf(name, "Nothing", "[]")
			h.expectProblem(name, status, body, 404, "not_found")
			if status, body := h.get("/v1/resources/" + name); status != 200 || !strings.Contains(body, `"contract":"bench"`) {
				t.Errorf("describing %s through relay %d: %d %s", name, i, status, body)
			}
			if status, body := h.get("/v1/stats/" + name); status != 200 || !strings.Contains(body, fmt.Sprintf(`"relay":"r%d"`, j)) {
				t.Errorf("stats of %s through relay %d: %d %s", name, i, status, body)
			}
		}
		await.True(t, "all have the common one", func() bool { return h.knows("common", 3) })
		status, body := h.callOf("none", "Add", "[1]")
		h.expectProblem("none", status, body, 404, "not_found")
	}
	var members relayapi.Members
	if status, body := hosts[2].get(relayapi.PathMembers); status != 200 || json.Unmarshal([]byte(body), &members) != nil || len(members.Members) != 3 {
		t.Errorf("members: %d %s", status, body)
	}
}

// TestCallsGoNoFurther keeps a call from going around between relays that each think that the other has the resource.
func TestCallsGoNoFurther(t *testing.T) {
	leaktest.Check(t)
	hosts := meshOf(t, 2, relay.Config{})
	await.True(t, "they know each other", func() bool { return hosts[0].knows("own-1", 1) })
	req := hosts[0].request("POST", "/v1/resources/own-1/Add", "application/json", []byte("[1]"))
	req.Header.Set("C2-Via", "r9")
	status, _, body := hosts[0].do(req)
	hosts[0].expectProblem("by way of another relay", status, string(body), 404, "not_found")
}

// TestJoinAndLeave has relays join by hand, and one leave.
func TestJoinAndLeave(t *testing.T) {
	leaktest.Check(t)
	a, b := newHost(t, relay.Config{ID: "a", Mesh: &relay.MeshConfig{}}), newHost(t, relay.Config{ID: "b", Mesh: &relay.MeshConfig{}})
	n := a.node()
	a.register(n, "t", newTable())
	a.announce(n, 1)
	if b.knows("t", 1) {
		t.Fatal("b knows of what it can't")
	}
	if status, body := b.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{"http://127.0.0.1:1", a.url}}); status != 200 {
		t.Fatalf("joining: %d %s", status, body)
	}
	await.True(t, "b knows", func() bool { return b.knows("t", 1) })
	status, body := b.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{a.url, "nonsense"}})
	b.expectProblem("joining nonsense", status, body, 400, "invalid")
	other := b.node()
	b.register(other, "u", newTable())
	b.announce(other, 1)
	await.True(t, "a knows", func() bool { return a.knows("u", 1) })
	if status, _, body := a.do(a.request("DELETE", relayapi.PathMembers, "", nil)); status != 204 {
		t.Fatalf("leaving: %d %s", status, body)
	}
	await.True(t, "b forgets", func() bool { return !b.knows("t", 1) })
	if status, body := a.callOf("t", "Add", "[1]"); status != 200 {
		t.Errorf("the relay that left serves no more: %d %s", status, body)
	}
	var members relayapi.Members
	if _, body := a.get(relayapi.PathMembers); json.Unmarshal([]byte(body), &members) != nil || len(members.Members) != 1 || a.knows("u", 1) {
		t.Errorf("the relay that left is not alone: %s", body)
	}
	status, body = a.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{b.url}})
	a.expectProblem("joining again", status, body, 503, "unavailable")
	alone := newHost(t, relay.Config{ID: "alone"})
	status, body = b.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{alone.url}})
	b.expectProblem("joining one that has no mesh", status, body, 503, "unavailable")
	status, body = alone.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{a.url}})
	alone.expectProblem("a relay without a mesh", status, body, 501, "unsupported")
}

// TestLargeBodiesAtATime: only so many tables and announcements are read at a time, as each may take megabytes; small ones beside them.
func TestLargeBodiesAtATime(t *testing.T) {
	leaktest.Check(t)
	h := meshOf(t, 1, relay.Config{})[0]
	for path, kind := range map[string]string{relayapi.PathTable: "application/octet-stream", relayapi.PathRoutes: relayapi.TypeJSON} {
		tell := func(size int) int {
			resp, err := h.http.Do(h.request("POST", path, kind, make([]byte, size)))
			if err != nil {
				return 429 // it was not read: whether the answer or the connection's end is seen first is chance
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		var slow []*rawConn // one more each time that there is still room: one that comes while the test itself tells may be refused
		await.True(t, path+": large ones are refused", func() bool {
			c := h.dial()
			slow = append(slow, c)
			_, _ = io.WriteString(c, "POST "+path+" HTTP/1.1\r\nHost: r\r\nContent-Type: "+kind+"\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 100_000))
			return tell(1_000_000) == 429
		})
		if status := tell(100); status != 400 {
			t.Errorf("%s: a small one that is none gets %d", path, status)
		}
		for _, c := range slow {
			c.Close()
		}
		await.True(t, path+": large ones are read again", func() bool { return tell(1_000_000) == 400 })
	}
}

// TestKeysAreRotated changes the key of a mesh without losing anybody.
func TestKeysAreRotated(t *testing.T) {
	leaktest.Check(t)
	first, second := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	a := newHost(t, relay.Config{ID: "a", Mesh: &relay.MeshConfig{Keys: [][]byte{first}}})
	b := newHost(t, relay.Config{ID: "b", Mesh: &relay.MeshConfig{Keys: [][]byte{first}, Seeds: []string{a.url}}})
	n := a.node()
	a.register(n, "t", newTable())
	a.announce(n, 1)
	await.True(t, "b knows", func() bool { return b.knows("t", 1) })
	for _, keys := range [][][]byte{{second, first}, {second}} {
		if err := a.relay.RotateKeys(keys); err != nil {
			t.Fatal(err)
		}
	}
	c := newHost(t, relay.Config{ID: "c", Mesh: &relay.MeshConfig{Keys: [][]byte{second}, Seeds: []string{b.url}}})
	await.True(t, "who has the new key is let in", func() bool { return c.knows("t", 1) })
	d := newHost(t, relay.Config{ID: "d", Mesh: &relay.MeshConfig{Keys: [][]byte{first}}})
	status, body := d.post(relayapi.PathMembers, relayapi.Joining{Addresses: []string{b.url}})
	d.expectProblem("joining with the old key", status, body, 503, "unavailable")
	if err := newHost(t, relay.Config{ID: "e", Mesh: &relay.MeshConfig{}}).relay.RotateKeys([][]byte{first}); err == nil {
		t.Error("a mesh without keys got one")
	}
}
