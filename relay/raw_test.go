package relay_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
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

func (h *host) tryDial() (net.Conn, error) {
	return net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
}

func (h *host) dial() *rawConn {
	h.t.Helper()
	c, err := h.tryDial()
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

// post is a request to call a method of "t" with JSON, whose header goes on with lines and ends with a body as it is.
func post(method, lines, body string) string {
	return "POST /v1/resources/t/" + method + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + lines + "\r\n" + body
}

// talk sends text on a connection of its own, ends that direction if end is set, and returns all that the relay answers
// until it closes, which it has to do.
func (h *host) talk(text string, end bool) (answers []*answered) {
	h.t.Helper()
	c := h.dial()
	defer c.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = c.Write([]byte(text)) // the relay may close before it has taken all
		if end {
			_ = c.Conn.(*net.TCPConn).CloseWrite()
		}
	}()
	answers = c.rest()
	c.Close()
	<-sent
	return answers
}

// answered is an answer that was read to its end.
type answered struct {
	status int
	header http.Header
	body   string
}

// rest reads answers until the relay closes the connection.
func (c *rawConn) rest() (answers []*answered) {
	c.t.Helper()
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		if _, err := c.r.Peek(1); err != nil {
			if os.IsTimeout(err) {
				c.t.Fatalf("the relay left the connection open after %d answers", len(answers))
			}
			return answers
		}
		a, err := c.next()
		if err != nil {
			c.t.Fatalf("answer %d: %v", len(answers)+1, err)
		}
		answers = append(answers, a)
	}
}

func (c *rawConn) next() (*answered, error) {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return &answered{resp.StatusCode, resp.Header, strings.TrimSpace(string(body))}, err
}

// insecure makes the host's client take any certificate.
func (h *host) insecure() {
	h.http.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
}

// dialAny is dial, with TLS if secure is set.
func (h *host) dialAny(secure bool) *rawConn {
	h.t.Helper()
	if !secure {
		return h.dial()
	}
	c, err := tls.Dial("tcp", strings.TrimPrefix(h.url, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return &rawConn{h.t, c, bufio.NewReader(c)}
}
