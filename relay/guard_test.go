package relay_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

func (h *host) withHeader(verb, path, key, value string) (int, http.Header, string) {
	h.t.Helper()
	req := h.request(verb, path, "application/json", []byte("{}"))
	req.Header.Set(key, value)
	status, header, body := h.do(req)
	return status, header, string(body)
}

func TestTokens(t *testing.T) {
	leaktest.Check(t)
	for what, c := range map[string]struct {
		config         relay.Config
		call, announce string // the tokens that pass
	}{
		"none":           {relay.Config{}, "", ""},
		"one":            {relay.Config{Token: "a"}, "a", "a"},
		"two":            {relay.Config{Token: "a", AnnounceToken: "b"}, "a", "b"},
		"for announcing": {relay.Config{AnnounceToken: "b"}, "", "b"},
	} {
		h := newHost(t, c.config)
		h.token = ""
		for _, show := range []string{"", "Bearer", "Bearer ", "Bearer a", "bearer a", "Bearer b", "Bearer  a", "Bearer a ", "Bearer ab", "Basic a", "a", "Bearera"} {
			token := map[string]string{"Bearer a": "a", "bearer a": "a", "Bearer b": "b", "Bearer a ": "a"}[show] // HTTP drops spaces at the end
			status, header, body := h.withHeader("GET", "/v1/resources", "Authorization", show)
			h.expectPass(what+", calling, "+show, status, header, body, 200, c.call == "" || token == c.call || token == c.announce) // servers call, too
			status, header, body = h.withHeader("POST", "/v1/routes", "Authorization", show)
			h.expectPass(what+", announcing, "+show, status, header, body, 400, c.announce == "" || token == c.announce)
			for _, path := range []string{"/healthz", "/readyz"} {
				if status, _, body := h.withHeader("GET", path, "Authorization", show); status != 200 {
					t.Errorf("%s: %d %s", path, status, body)
				}
			}
		}
		for _, path := range []string{"/metrics", "/v1/members", "/v1/resolve/x", "/v1/stats/x", "/v1/resources/x"} {
			if status, body := h.get(path); (status == 401) != (c.call != "") {
				t.Errorf("%s, %s: %d %s", what, path, status, body)
			}
		}
		status, _, body := h.do(h.request("POST", "/v1/resources/x/Y", "application/json", nil))
		if (status == 401) != (c.call != "") {
			t.Errorf("%s, a call: %d %s", what, status, body)
		}
	}
}

// TestTokenProblems: who shows no token is told to, who shows another one that it is another one, and servers whose it is to be.
func TestTokenProblems(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{Token: "a", AnnounceToken: "b"})
	h.token = ""
	for _, c := range []struct{ verb, path, show, want string }{
		{"GET", "/v1/resources", "", "the relay wants a token: send Authorization"},
		{"GET", "/v1/resources", "Bearer c", "the relay wants another token than this one; send its own"},
		{"POST", "/v1/routes", "", "the relay wants the token of servers: send Authorization"},
		{"POST", "/v1/routes", "Bearer a", "the relay wants another token than this one: that of servers"},
	} {
		what := c.verb + " " + c.path + ", " + c.show
		status, _, body := h.withHeader(c.verb, c.path, "Authorization", c.show)
		h.expectProblem(what, status, body, 401, "denied")
		if !strings.Contains(body, c.want) {
			t.Errorf("%s: %s, want %q in it", what, body, c.want)
		}
	}
}

func (h *host) expectPass(what string, status int, header http.Header, body string, passed int, pass bool) {
	h.t.Helper()
	if pass {
		if status != passed {
			h.t.Errorf("%s: %d %s, want %d", what, status, body, passed)
		}
		return
	}
	h.expectProblem(what, status, body, 401, "denied")
	if header.Get("WWW-Authenticate") != `Bearer realm="c2"` {
		h.t.Errorf("%s: WWW-Authenticate: %q", what, header.Get("WWW-Authenticate"))
	}
}

func TestOrigins(t *testing.T) {
	leaktest.Check(t)
	for what, c := range map[string]struct {
		origins []string
		pass    map[string]bool
	}{
		"none": {nil, nil},
		"one":  {[]string{"https://a.example"}, map[string]bool{"https://a.example": true}},
		"all":  {[]string{"*"}, map[string]bool{"https://a.example": true, "https://b.example": true, "null": true, "https://a.example.evil": true, "http://a.example": true}},
	} {
		h := newHost(t, relay.Config{Origins: c.origins, Token: "x"})
		h.token = ""
		for _, origin := range []string{"https://a.example", "https://b.example", "null", "https://a.example.evil", "http://a.example"} {
			pass := c.pass[origin]
			for _, verb := range []string{"OPTIONS", "GET"} {
				status, header, body := h.withHeader(verb, "/v1/resources", "Origin", origin)
				want := map[string]int{"OPTIONS": 200, "GET": 401}[verb] // the page that may ask has no token
				if !pass {
					want = 403
				}
				allowed := header.Get("Access-Control-Allow-Origin")
				if status != want || (allowed == origin) != pass || !pass && allowed != "" || pass && header.Get("Vary") != "Origin" {
					t.Errorf("%s, %s %s: %d %v %s", what, verb, origin, status, header, body)
				}
				if (header.Get("Access-Control-Allow-Methods") != "") != (pass && verb == "OPTIONS") {
					t.Errorf("%s, %s %s: %v", what, verb, origin, header)
				}
			}
			status, _, body := h.withHeader("POST", "/v1/routes", "Origin", origin)
			if !pass {
				h.expectProblem("announcing", status, body, 403, "denied")
			}
		}
	}
}

// While it shuts down the relay ends what runs, and takes nothing more.
func TestShutdownDrains(t *testing.T) {
	leaktest.Check(t)
	h, _, value := served(t, relay.Config{})
	idle := h.dial()
	idle.exchange("GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
	c := h.begins(value, 700*time.Millisecond, "")
	done := make(chan error, 1)
	go func() { done <- h.relay.Shutdown(context.Background()) }()
	a := c.rest()
	if len(a) != 1 || a[0].status != 504 {
		t.Errorf("the call in flight: %+v", a)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	h.done = true
	if a := idle.rest(); len(a) != 0 {
		t.Errorf("an idle connection was told %+v", a)
	}
	if conn, err := h.tryDial(); err == nil {
		conn.Close()
		t.Error("it listens still")
	}
}

func TestShutdownCutsOff(t *testing.T) {
	leaktest.Check(t)
	h, _, value := served(t, relay.Config{})
	c := h.dial()
	c.send(post("Wait", "Content-Length: 2\r\n", "[]"))
	<-value.waiting
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.relay.Shutdown(ctx); err == nil {
		t.Error("a shutdown that cut a call off is fine")
	}
	h.done = true
	if err := <-value.ended; err != context.Canceled {
		t.Errorf("the call ended with %v", err)
	}
	if a := c.rest(); len(a) > 1 || len(a) == 1 && a[0].status != 499 {
		t.Errorf("the caller was told %+v", a)
	}
}

// A request that began before the shutdown is told of it.
func TestRequestsWhileDraining(t *testing.T) {
	leaktest.Check(t)
	log := new(lines)
	h, n, value := served(t, relay.Config{Logger: zerolog.New(log)})
	again, err := json.Marshal(h.announcement(n, 2))
	if err != nil {
		t.Fatal(err)
	}
	announcing := "POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lengthLine(len(again))
	var conns []*rawConn
	for _, text := range []string{"GET /readyz HTTP/1.1\r\nHost: x\r\n", post("Echo", "Content-Length: 8\r\n", "")[:60], announcing} {
		c := h.dial()
		c.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + text)
		c.answer()
		conns = append(conns, c)
	}
	busy := h.begins(value, time.Second, "")
	done := make(chan error, 1)
	go func() { done <- h.relay.Shutdown(context.Background()) }()
	h.done = true
	await.True(t, "it listens no more", func() bool {
		c, err := h.tryDial()
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	conns[0].send("\r\n")
	conns[1].send(post("Echo", "Content-Length: 8\r\n", `["aGk="]`)[60:])
	conns[2].send("\r\n" + string(again))
	for i, c := range conns {
		if a := c.rest(); len(a) == 1 {
			h.expectProblem([]string{"/readyz", "a call", "an announcement"}[i], a[0].status, a[0].body, 503, "closed")
		} else {
			t.Errorf("%d answers", len(a))
		}
	}
	busy.rest()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), "warn") { // of what is as it should be
		t.Error(log)
	}
}

// What is wrong with one call is nothing to others on the server's connection.
func TestUnknownMethodsLeaveOthersAlone(t *testing.T) {
	leaktest.Check(t)
	h, _, value := served(t, relay.Config{})
	c := h.begins(value, 500*time.Millisecond, "Connection: close\r\n")
	for range 20 {
		h.expectProblem2(t, "None", "[]", 404, "not_found")
		h.expectProblem2(t, "Add", `["x"]`, 400, "invalid")
		status, _, body := h.do(h.request("POST", "/v1/resources/t/Len", "application/cbor", []byte("\xff")))
		h.expectProblem("CBOR", status, string(body), 400, "invalid")
	}
	if a := c.rest(); len(a) != 1 {
		t.Errorf("the other call has %d answers", len(a))
	} else {
		h.expectProblem("the other call", a[0].status, a[0].body, 504, "deadline")
	}
}

// TestPagesThatSeemToBeTheRelays: a browser that was told that a page's server is where the relay is says so.
func TestPagesThatSeemToBeTheRelays(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	for site, want := range map[string]int{"same-origin": 403, "same-site": 403, "cross-site": 403, "none": 200, "": 200} {
		if status, _, body := h.withHeader("GET", "/v1/resources", "Sec-Fetch-Site", site); status != want {
			t.Errorf("%q: %d %s, want %d", site, status, body, want)
		}
	}
}
