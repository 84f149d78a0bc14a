package relay_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// one expects one answer, a problem, and the end of the connection.
func (h *host) one(what, text string, end bool, status int, code string) {
	h.t.Helper()
	answers := h.talk(text, end)
	if len(answers) != 1 {
		h.t.Errorf("%s: %d answers, want one", what, len(answers))
		return
	}
	h.expectProblem(what, answers[0].status, answers[0].body, status, code)
	if typ := answers[0].header.Get("Content-Type"); typ != "application/problem+json" {
		h.t.Errorf("%s: Content-Type %q", what, typ)
	}
}

// servesOn checks that the relay still does.
func (h *host) servesOn() {
	h.t.Helper()
	if status, body := h.call("Echo", `["aGk="]`); status != 200 || body != `["aGk="]` {
		h.t.Errorf("then: %d %s", status, body)
	}
}

// cborPost is a request to call Len with a body of CBOR.
func cborPost(lines, body string) string {
	return "POST /v1/resources/t/Len HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\n" + lines + "\r\n" + body
}

func chunk(body string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(body), body) }

const chunked = "Transfer-Encoding: chunked\r\n"

func TestTruncatedBodies(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	large, err := codec.Marshal([]any{make([]byte, 300<<10)})
	if err != nil {
		t.Fatal(err)
	}
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	h.one("JSON", post("Add", length(3), "[1"), true, 400, "invalid")
	h.one("JSON without a byte", post("Add", length(3), ""), true, 400, "invalid")
	h.one("JSON of 20 KiB", post("Add", length(20<<10), strings.Repeat(" ", 12<<10)), true, 400, "invalid")
	h.one("chunked JSON", post("Add", chunked, chunk("[1")), true, 400, "invalid")
	h.one("JSON in a broken chunk", post("Add", chunked, "5\r\n[1"), true, 400, "invalid")
	h.one("JSON in chunks without an end", post("Add", chunked, chunk("[1]")), true, 400, "invalid")
	h.one("JSON in chunks without the last line", post("Add", chunked, chunk("[1]")+"0\r\n"), true, 400, "invalid")
	h.one("small CBOR", cborPost(length(20), "\x81\x50\x00\x00"), true, 400, "invalid")
	h.one("large CBOR", cborPost(length(len(large)), string(large[:len(large)/2])), true, 400, "invalid")
	h.one("large CBOR short of one byte", cborPost(length(len(large)), string(large[:len(large)-1])), true, 400, "invalid")
	h.one("large CBOR in chunks", cborPost(chunked, chunk(string(large[:len(large)/2]))), true, 400, "invalid")
	h.servesOn()
	if n := h.metric("c2_relay_spooled_bytes"); n != 0 {
		t.Errorf("%v bytes stay in the spool", n)
	}
	if n := h.metric("c2_relay_calls_in_flight"); n != 0 {
		t.Errorf("%v calls stay in flight", n)
	}
}

func TestMalformedChunks(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for _, body := range []string{
		"x\r\n", "\r\n", "-1\r\n", "+3\r\n[1]\r\n0\r\n\r\n", "0x3\r\n[1]\r\n0\r\n\r\n", "ffffffffffffffff\r\n[1]", "80000000000000000\r\n",
		"3\n[1]\r\n0\r\n\r\n", "3;a\nb\r\n[1]\r\n0\r\n\r\n", "3 x\r\n[1]\r\n0\r\n\r\n", "3\r\n[1]0\r\n\r\n", "3\r\n[1]\n0\r\n\r\n", "3\r[1]\r\n0\r\n\r\n",
		"3\r\n[1]\r\n0\r\nno trailer\r\n\r\n",
	} {
		h.one(fmt.Sprintf("%q", body), post("Add", chunked, body), true, 400, "invalid")
	}
	for _, body := range []string{"3;a=b\r\n[1]\r\n0\r\n\r\n", "0003\r\n[1]\r\n0\r\n\r\n", "1\r\n[\r\n2\r\n1]\r\n0\r\nX: y\r\n\r\n"} {
		if a := h.talk(post("Len", chunked, strings.ReplaceAll(body, "[1]", `[1]`)), true); len(a) != 1 || a[0].status != 400 || !strings.Contains(a[0].body, "Len") {
			t.Errorf("%q: %+v", body, a) // of the wrong type, but read
		}
	}
	h.servesOn()
}

func TestBodiesBeyondTheBounds(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{MaxBody: 1 << 20, MaxJSON: 100 << 10})
	blank := strings.Repeat(" ", 100<<10)
	h.one("JSON", post("Add", "Content-Length: 102401\r\nConnection: close\r\n", blank+" "), false, 413, "too_large")
	h.one("chunked JSON", post("Add", chunked, chunk(blank)+chunk(" ")), true, 413, "too_large")
	h.one("JSON announced as huge", post("Add", "Content-Length: 9223372036854775807\r\n", blank), false, 413, "too_large")
	if a := h.talk(post("Add", "Content-Length: 102400\r\nConnection: close\r\n", "[1]"+blank[3:]), false); len(a) != 1 || a[0].status != 200 {
		t.Errorf("JSON at the bound: %+v", a)
	}
	h.one("a length beyond 64 bits", post("Add", "Content-Length: 92233720368547758070\r\n", ""), false, 400, "invalid")
	h.one("CBOR", cborPost("Content-Length: 1048577\r\n", blank), false, 413, "too_large")
	mega := strings.Repeat("\x00", 1<<20)
	h.one("chunked CBOR", cborPost(chunked, chunk(mega)+chunk("\x00")), true, 413, "too_large")
	h.servesOn()
	if n := h.metric("c2_relay_spooled_bytes"); n != 0 {
		t.Errorf("%v bytes stay in the spool", n)
	}
}

func TestChunksWithoutEnd(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{MaxBody: 4 << 20, MaxJSON: 1 << 20})
	for _, typ := range []string{"application/json", "application/cbor"} {
		c := h.dial()
		c.send("POST /v1/resources/t/Len HTTP/1.1\r\nHost: x\r\nContent-Type: " + typ + "\r\n" + chunked + "\r\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			for part := []byte(chunk(strings.Repeat(" ", 64<<10))); ; {
				if _, err := c.Write(part); err != nil {
					return
				}
			}
		}()
		c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if a, err := c.next(); err == nil { // else the relay's reset was quicker than its answer
			h.expectProblem(typ, a.status, a.body, 413, "too_large")
		}
		<-done // as the relay closes
		c.Close()
	}
	h.servesOn()
}

func TestSlowHeadersAndBodies(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{HeaderTimeout: time.Second, StallTimeout: time.Second, IdleTimeout: time.Second})
	var all sync.WaitGroup
	for what, text := range map[string]string{
		"nothing":           "",
		"half a line":       "POST /v1/resou",
		"half a header":     "POST /v1/resources/t/Add HTTP/1.1\r\nHost: x\r\nContent-Ty",
		"no small body":     post("Add", "Content-Length: 3\r\n", ""),
		"half a small body": post("Add", "Content-Length: 3\r\n", "[1"),
		"half a body":       post("Add", "Content-Length: 30000\r\n", strings.Repeat(" ", 10000)),
		"half of CBOR":      cborPost("Content-Length: 300000\r\n", strings.Repeat(" ", 100000)),
		"half a chunk":      post("Add", chunked, "5\r\n[1"),
		"no chunk":          post("Add", chunked, ""),
		"half an extension": post("Add", chunked, "5;aaaaaa"),
	} {
		all.Go(func() { h.one(what, text, false, 408, "deadline") })
	}
	all.Wait()
	c := h.dial()
	c.exchange(post("Add", "Content-Length: 3\r\n", "[1]"))
	if a := c.rest(); len(a) != 0 {
		t.Errorf("an idle connection ended with %+v", a)
	}
	h.servesOn()
}

// The time of a call includes that of its body.
func TestTimeoutOfABody(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	const lines = "C2-Timeout: 200ms\r\n"
	for what, text := range map[string]string{
		"JSON":            post("Add", lines+"Content-Length: 30000\r\n", strings.Repeat(" ", 10000)),
		"JSON in chunks":  post("Add", lines+chunked, "5\r\n[1"),
		"between chunks":  post("Add", lines+chunked, chunk("[1]")),
		"CBOR":            cborPost(lines+"Content-Length: 300000\r\n", strings.Repeat(" ", 100000)),
		"CBOR in chunks":  cborPost(lines+chunked, chunk(strings.Repeat(" ", 100000))),
		"small of CBOR":   cborPost(lines+"Content-Length: 30000\r\n", strings.Repeat(" ", 10000)),
		"CBOR, one chunk": cborPost(lines+chunked, "ffff\r\n   "),
	} {
		began := time.Now()
		h.one(what, text, false, 504, "deadline")
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: after %v", what, took)
		}
	}
	h.servesOn()
}

// A peer that sends a byte now and then is not as good as one that sends.
func TestTrickledBodies(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{HeaderTimeout: time.Second, StallTimeout: time.Second})
	var all sync.WaitGroup
	for what, text := range map[string]string{
		"header": "POST /v1/resources/t/Add HTTP/1.1\r\nX: ",
		"small":  post("Add", "Content-Length: 300\r\n", ""),
		"JSON":   post("Add", "Content-Length: 30000\r\n", strings.Repeat(" ", 10)),
		"CBOR":   cborPost("Content-Length: 300000\r\n", ""),
	} {
		all.Go(func() { h.trickle(what, text) })
	}
	all.Wait()
	h.servesOn()
}

// trickle sends text, and then a byte now and then until it is answered, and expects to be told that this takes too long.
func (h *host) trickle(what, text string) {
	c := h.dial()
	c.send(text)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				_, _ = c.Write([]byte("y"))
			}
		}
	}()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	a, err := c.next()
	close(stop)
	<-done
	if err != nil {
		h.t.Errorf("%s: %v", what, err)
		return
	}
	h.expectProblem(what, a.status, a.body, 408, "deadline")
}

func TestBombs(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for what, args := range map[string]string{
		"arrays":   strings.Repeat("[", 1<<20),
		"closed":   strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20),
		"objects":  strings.Repeat(`{"1":`, 1<<20),
		"a number": "[" + strings.Repeat("9", 1<<20) + "]",
		"exponent": "[1e999999999]",
		"unicode":  "[\"\xff\xfe\"]",
		"twice":    `{"1": 1, "1": 2}`,
		"zeroth":   `{"0": 1}`,
		"no array": `7`,
		"two":      `[1] [2]`,
	} {
		status, body := h.call("Add", args)
		h.expectProblem(what, status, body, 400, "invalid")
	}
	for what, body := range map[string]string{
		"nested":       strings.Repeat("\x81", 1<<16),
		"a long array": "\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"long bytes":   "\x81\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
		"a long map":   "\x81\xbb\x00\x00\x00\xff\xff\xff\xff\xff",
		"nothing":      "",
		"a number":     "\x01",
		"two":          "\x81\x40\x81\x40",
		"indefinite":   "\x9f\x9f\x9f",
	} {
		status, _, answer := h.do(h.request("POST", "/v1/resources/t/Len", "application/cbor", []byte(body)))
		h.expectProblem("CBOR, "+what, status, string(answer), 400, "invalid")
	}
	h.servesOn()
}

func TestWrongTypesVerbsAndPaths(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for _, typ := range []string{"", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "application/jsonx", "application", ";"} {
		for _, path := range []string{"/v1/resources/t/Add", "/v1/routes"} {
			status, _, body := h.do(h.request("POST", path, typ, []byte("[1]")))
			h.expectProblem(path+" "+typ, status, string(body), 415, "unsupported")
		}
	}
	for _, c := range []struct {
		verb, path string
		status     int
		code       string
	}{
		{"POST", "/v1/resources/none/Add", 404, "not_found"}, {"POST", "/v1/resources/t/None", 404, "not_found"},
		{"POST", "/v1/resources/t/", 404, "not_found"}, {"POST", "/v1/resources/t/Add/", 404, "not_found"},
		{"POST", "/v1/resources/t/Add/x", 404, "not_found"}, {"POST", "/v1/resources/t/" + strings.Repeat("x", 300), 404, "not_found"},
		{"POST", "/v1/resources/" + strings.Repeat("x", 300) + "/Add", 400, "invalid"}, {"POST", "/v1/resources/%/Add", 400, "invalid"},
		{"GET", "/v1/resources/none", 404, "not_found"}, {"GET", "/v1/resolve/none", 404, "not_found"}, {"GET", "/v1/stats/none", 404, "not_found"},
		{"GET", "/v1/resolve/", 400, "invalid"}, {"GET", "/", 404, "not_found"}, {"GET", "/v1", 404, "not_found"}, {"GET", "//v1/resources", 404, "not_found"},
		{"GET", "/v2/resources", 404, "not_found"}, {"POST", "/v1/resource/t/Add", 404, "not_found"}, {"POST", "/v1/stats", 404, "not_found"}, {"PUT", "/", 404, "not_found"},
		{"POST", "/v1/stats/t", 405, "unsupported"}, {"POST", "/metrics", 405, "unsupported"}, {"PUT", "/v1/resources", 405, "unsupported"}, {"GET", "/v1/resources/t/Add", 405, "unsupported"}, {"PUT", "/v1/resources/t/Add", 405, "unsupported"},
		{"DELETE", "/v1/resources/t/Add", 405, "unsupported"}, {"TRACE", "/v1/resources", 405, "unsupported"}, {"POST", "/healthz", 405, "unsupported"},
		{"GET", "/v1/routes", 405, "unsupported"}, {"DELETE", "/v1/routes", 405, "unsupported"}, {"POST", "/v1/routes/t", 405, "unsupported"},
		{"DELETE", "/v1/routes/none", 404, "not_found"}, {"DELETE", "/v1/routes/t?x=y", 400, "invalid"}, {"DELETE", "/v1/routes/t?instance=a&instance=b", 400, "invalid"},
	} {
		a := h.talk(c.verb+" "+c.path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n", false)
		if len(a) != 1 {
			t.Fatalf("%s %s: %d answers", c.verb, c.path, len(a))
		}
		h.expectProblem(c.verb+" "+c.path, a[0].status, a[0].body, c.status, c.code)
		if (a[0].status == 405) != (a[0].header.Get("Allow") != "") {
			t.Errorf("%s %s: Allow %q", c.verb, c.path, a[0].header.Get("Allow"))
		}
	}
	h.servesOn()
}

func TestBadHeaders(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for _, c := range []struct {
		line, code string
		status     int
	}{
		{"C2-Timeout: soon", "invalid", 400}, {"C2-Timeout: 0s", "invalid", 400}, {"C2-Timeout: -1s", "invalid", 400}, {"C2-Timeout: 5", "invalid", 400},
		{"C2-Timeout: 99999999999999h", "invalid", 400}, {"C2-Timeout: NaNs", "invalid", 400}, {"C2-Timeout: 1ns", "deadline", 504},
		{"C2-Resource: x", "invalid", 400}, {"C2-Resource: 1", "invalid", 400}, {"C2-Resource: -000000000000001", "invalid", 400},
		{"C2-Resource: 0000000000000000", "invalid", 400}, {"C2-Resource: 00000000000000001", "invalid", 400},
		{"C2-Resource: 0123456789abcdef", "stale", 410},
		{"X: " + strings.Repeat("x", 20<<10), "too_large", 431},
	} {
		h.one(c.line[:min(len(c.line), 40)], post("Wait", c.line+"\r\nConnection: close\r\nContent-Length: 2\r\n", "[]"), false, c.status, c.code)
	}
	for accept, want := range map[string]string{
		"application/cbor": "application/cbor", "application/json": "application/json", "*/*": "application/json", "nonsense": "application/json",
		"APPLICATION/CBOR;q=1": "application/cbor", "application/cbor, application/json;q=0.5": "application/cbor", "text/html, application/cbor": "application/cbor",
		"application/json, text/plain, */*": "application/json", ",,": "application/json",
	} {
		req := h.request("POST", "/v1/resources/t/Add", "application/json", []byte("[0]"))
		req.Header.Set("Accept", accept)
		if status, header, _ := h.do(req); status != 200 || header.Get("Content-Type") != want {
			t.Errorf("Accept: %s: %d %s, want %s", accept, status, header.Get("Content-Type"), want)
		}
	}
	h.servesOn()
}

// Bodies are taken as they are: what is packed is refused, not misread.
func TestPackedBodies(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for coding, status := range map[string]int{"gzip": 415, "br": 415, "gzip, identity": 415, "identity": 200, "Identity": 200, "": 200} {
		req := h.request("POST", "/v1/resources/t/Add", "application/json", []byte("[0]"))
		req.Header.Set("Content-Encoding", coding)
		got, _, body := h.do(req)
		if got != status {
			t.Errorf("%q: %d %s, want %d", coding, got, body, status)
		}
		if status == 415 {
			h.expectProblem(coding, got, string(body), 415, "unsupported")
		}
		req = h.request("POST", "/v1/routes", "application/json", []byte("{}"))
		req.Header.Set("Content-Encoding", coding)
		if got, _, body := h.do(req); (got == 415) != (status == 415) {
			t.Errorf("announced in %q: %d %s", coding, got, body)
		}
	}
}

// What is wrong with a request is said in words for its sender, without what is in the relay's buffers.
func TestTextsOfFaults(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for want, text := range map[string]string{
		"as it should be: missing required": "GET /healthz HTTP/1.1\r\nSecret: x\r\n\r\n",
		"as it should be: invalid header":   "GET /healthz HTTP/1.1\r\nHost: x\r\nSecret: a\x00b\r\n\r\n",
		"can't be read: forbidden trailer":  post("Add", chunked, chunk("[1]")+"0\r\nContent-Length: 3\r\n\r\n"),
	} {
		a := h.talk(text, true)
		if len(a) != 1 || !strings.Contains(a[0].body, want) || strings.Contains(a[0].body, "ecret") || strings.Contains(a[0].body, "buffer") {
			t.Errorf("want %q: %+v", want, a[0])
		}
	}
	h.one("long trailers", post("Add", chunked, chunk("[1]")+"0\r\n"+strings.Repeat("X: y\r\n", 10000)+"\r\n"), true, 413, "too_large")
}
