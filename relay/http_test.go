package relay_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// What follows a request that could be read in two ways must not be taken for another one.
const smuggled = "POST /v1/resources/t/Add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n[100]"

func TestRequestsThatCanBeReadInTwoWays(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	none := chunk("[1]") + "0\r\n\r\n"
	for what, text := range map[string]string{
		"length and chunks":         post("Add", "Content-Length: 5\r\n"+chunked, none+smuggled),
		"chunks and length":         post("Add", chunked+"Content-Length: 5\r\n", none+smuggled),
		"two lengths":               post("Add", "Content-Length: 3\r\nContent-Length: 4\r\n", "[1]"+smuggled),
		"one length twice":          post("Add", "Content-Length: 3\r\nContent-Length: 3\r\n", "[1]"+smuggled),
		"a list of lengths":         post("Add", "Content-Length: 3, 3\r\n", "[1]"+smuggled),
		"a signed length":           post("Add", "Content-Length: +3\r\n", "[1]"+smuggled),
		"a negative length":         post("Add", "Content-Length: -3\r\n", "[1]"+smuggled),
		"a hexadecimal length":      post("Add", "Content-Length: 0x3\r\n", "[1]"+smuggled),
		"an empty length":           post("Add", "Content-Length: \r\n", smuggled),
		"identity":                  post("Add", "Transfer-Encoding: identity\r\n", smuggled),
		"identity and length":       post("Add", "Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "[1]"+smuggled),
		"two encodings":             post("Add", "Transfer-Encoding: gzip, chunked\r\n", none+smuggled),
		"two lines of encodings":    post("Add", chunked+chunked, none+smuggled),
		"an unknown encoding":       post("Add", "Transfer-Encoding: xchunked\r\n", none+smuggled),
		"an encoding in quotes":     post("Add", "Transfer-Encoding: \"chunked\"\r\n", none+smuggled),
		"a space before the colon":  post("Add", "Content-Length : 3\r\n", "[1]"+smuggled),
		"a tab before the colon":    post("Add", "Transfer-Encoding\t: chunked\r\n", none+smuggled),
		"a space in a name":         post("Add", "Content Length: 3\r\n", smuggled),
		"a line without a colon":    post("Add", "Content-Length\r\n", smuggled),
		"a null in a value":         post("Add", "X: a\x00b\r\n", smuggled),
		"a return in a value":       post("Add", "X: a\rContent-Length: 3\r\n", "[1]"+smuggled),
		"a first line that goes on": "POST /v1/resources/t/Add HTTP/1.1\r\n Host: x\r\n\r\n" + smuggled,
		"chunks in HTTP/1.0":        strings.Replace(post("Add", chunked, none+smuggled), "HTTP/1.1", "HTTP/1.0", 1),
		"HTTP/2.0":                  strings.Replace(post("Add", "Content-Length: 3\r\n", "[1]"+smuggled), "HTTP/1.1", "HTTP/2.0", 1),
		"http/1.1":                  strings.Replace(post("Add", "Content-Length: 3\r\n", "[1]"+smuggled), "HTTP/1.1", "http/1.1", 1),
		"no version":                "GET /v1/resources\r\n\r\n" + smuggled,
		"no host":                   strings.Replace(post("Add", "Content-Length: 3\r\n", "[1]"+smuggled), "Host: x\r\n", "", 1),
		"two hosts":                 post("Add", "Host: y\r\nContent-Length: 3\r\n", "[1]"+smuggled),
		"a space in the target":     "GET /v1/resources /x HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
		"a control in the target":   "GET /v1/\x01 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
		"no target":                 "GET  HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled,
		"a response":                "HTTP/1.1 200 OK\r\n\r\n" + smuggled,
		"TLS":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + smuggled,
	} {
		a := h.talk(text, true)
		if len(a) != 1 {
			t.Errorf("%s: %d answers, want one", what, len(a))
			for _, one := range a {
				t.Logf("  %d %s", one.status, one.body)
			}
			continue
		}
		h.expectProblem(what, a[0].status, a[0].body, 400, "invalid")
	}
	if status, body := h.call("Add", "[0]"); body != "[0]" {
		t.Errorf("something was called: %d %s", status, body)
	}
}

func TestOddRequestsThatAreFine(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	add := "Connection: close\r\nContent-Length: 3\r\n"
	for what, text := range map[string]string{
		"an absolute target":        strings.Replace(post("Add", add, "[0]"), "/v1/", "http://elsewhere:80/v1/", 1),
		"another one":               strings.Replace(post("Add", add, "[0]"), "/v1/", "HTTPS://x/v1/", 1),
		"an escaped letter":         strings.Replace(post("Add", add, "[0]"), "/t/Add", "/%74/%41dd", 1),
		"blank lines before":        "\r\n\r\n" + post("Add", add, "[0]"),
		"names in small letters":    strings.Replace(post("Add", add, "[0]"), "Content-Length", "content-length", 1),
		"a query":                   strings.Replace(post("Add", add, "[0]"), "/Add", "/Add?x=y", 1),
		"HTTP/1.0":                  strings.Replace(strings.Replace(post("Add", add, "[0]"), "HTTP/1.1", "HTTP/1.0", 1), "Host: x\r\n", "", 1),
		"chunks":                    post("Add", "Connection: close\r\n"+chunked, "1\r\n[\r\n2\r\n0]\r\n0\r\n\r\n"),
		"a body that is waited for": post("Add", add+"Expect: 100-continue\r\n", "[0]"),
	} {
		a := h.talk(text, false)
		if len(a) == 2 && a[0].status == 100 {
			a = a[1:]
		}
		if len(a) != 1 || a[0].status != 200 || a[0].body != "[0]" {
			t.Errorf("%s: %d answers", what, len(a))
			for _, one := range a {
				t.Logf("  %d %s", one.status, one.body)
			}
		}
	}
	for _, target := range []string{"*", "http://", "http:///v1/resources", "x:80", "ftp://x/v1/resources", "/v1/resources#t", "http://x"} {
		a := h.talk("GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true)
		if len(a) != 1 || a[0].status != 400 && a[0].status != 404 {
			t.Errorf("%s: %+v", target, a)
		}
	}
}

// Bodies that nobody reads are not the next request, and pipelined requests are answered in turn.
func TestRequestsOnOneConnection(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	evil := smuggled + strings.Repeat(" ", 20<<10)
	for _, first := range []string{
		strings.Replace(post("Add", lengthLine(len(evil)), evil), "/t/", "/none/", 1),
		strings.Replace(post("Add", chunked, chunk(evil)+"0\r\n\r\n"), "/t/", "/none/", 1),
		"GET /v1/resources HTTP/1.1\r\nHost: x\r\n" + lengthLine(len(evil)) + "\r\n" + evil,
		"GET /healthz HTTP/1.1\r\nHost: x\r\n" + chunked + "\r\n" + chunk(evil) + "0\r\n\r\n",
		"HEAD /healthz HTTP/1.1\r\nHost: x\r\n" + lengthLine(len(evil)) + "\r\n" + evil,
		"OPTIONS / HTTP/1.1\r\nHost: x\r\n" + lengthLine(len(evil)) + "\r\n" + evil,
		cborPost("C2-Timeout: x\r\n"+lengthLine(len(evil)), evil),
	} {
		c := h.dial()
		c.send(first + post("Add", "Connection: close\r\nContent-Length: 3\r\n", "[1]"))
		statuses, last := c.statuses(first[:4] == "HEAD")
		if len(statuses) < 1 || len(statuses) > 2 || len(statuses) == 2 && statuses[1] != 200 || strings.Contains(last, "100") && len(statuses) == 2 {
			t.Errorf("%.60q: %v %s", first, statuses, last)
		}
	}
	before, _ := h.call("Add", "[0]")
	c := h.dial()
	c.send(strings.Repeat(post("Echo", "Content-Length: 8\r\n", `["aGk="]`), 50) + post("Fail", "Content-Length: 2\r\n", "[]") + post("Echo", "Connection: close\r\nContent-Length: 8\r\n", `["aGk="]`))
	statuses, last := c.statuses(false)
	if len(statuses) != 52 || statuses[50] != 500 || statuses[51] != 200 || last != `["aGk="]` || before != 200 {
		t.Errorf("pipelined: %v %s", statuses, last)
	}
	c = h.dial()
	c.send("HEAD /v1/resources HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if all, err := io.ReadAll(c.r); err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 200 ") || !strings.HasSuffix(string(all), "\r\n\r\n") {
		t.Errorf("HEAD: %q %v", all, err)
	}
}

func lengthLine(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }

// statuses reads all answers, and returns the last one's body. The first one has none if it answers HEAD.
func (c *rawConn) statuses(head bool) (all []int, last string) {
	c.t.Helper()
	if head {
		resp, err := http.ReadResponse(c.r, &http.Request{Method: "HEAD"})
		if err != nil {
			c.t.Fatal(err)
		}
		resp.Body.Close()
		all = append(all, resp.StatusCode)
	}
	for _, a := range c.rest() {
		all, last = append(all, a.status), a.body
	}
	return all, last
}
