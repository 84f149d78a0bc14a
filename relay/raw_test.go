package relay_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/relayapi"
)

// rawConn speaks HTTP by hand.
type rawConn struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

func (h *host) dial() *rawConn {
	h.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return &rawConn{h.t, c, bufio.NewReader(c)}
}

func (c *rawConn) send(text string) {
	c.t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// exchange sends a request and returns the whole answer.
func (c *rawConn) exchange(text string) string {
	c.t.Helper()
	c.send(text)
	return c.answer()
}

func (c *rawConn) answer() string {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatalf("no answer: %v", err)
	}
	defer resp.Body.Close()
	dump, err := httputil.DumpResponse(resp, true)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(dump)
}

// expectProblem2 calls a method of "t" and expects it to fail.
func (h *host) expectProblem2(t *testing.T, method, args string, status int, code string) relayapi.Problem {
	t.Helper()
	got, body := h.call(method, args)
	return h.expectProblem(method+args, got, body, status, code)
}
