package relay_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// sendAll sends a whole request before it looks for an answer, as many clients do.
func (c *rawConn) sendAll(header string, body []byte) (*answered, error) {
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write([]byte(header)); err != nil {
		return nil, err
	}
	if _, err := c.Write(body); err != nil {
		return nil, err
	}
	return c.next()
}

// hugePost is the beginning of a request that is refused.
var hugePost = post("Add", "Content-Length: 1000000000000\r\n", strings.Repeat(" ", 16<<10))

// Those who send all of a request before they read see why it is refused, and no reset.
func TestRefusedUploads(t *testing.T) {
	leaktest.Check(t)
	plain, _, _ := served(t, relay.Config{Token: "sesame"})
	secure := newHost(t, relay.Config{Token: "sesame", TLS: &tls.Config{Certificates: []tls.Certificate{certificate()}}})
	secure.insecure()
	n := secure.node()
	secure.register(n, "t", newTable())
	secure.announce(n, 1)
	body := bytes.Repeat([]byte(" "), 32<<20)
	const token = "Authorization: Bearer sesame\r\n"
	length := lengthLine(len(body))
	for what, c := range map[string]struct {
		header, code string
		status       int
	}{
		"too large":    {post("Add", token+length, ""), "too_large", 413},
		"unknown":      {strings.Replace(post("Add", token+length, ""), "/t/", "/none/", 1), "not_found", 404},
		"no method":    {post("None", token+length, ""), "not_found", 404},
		"no token":     {post("Add", length, ""), "denied", 401},
		"of no type":   {strings.Replace(post("Add", token+length, ""), "/json", "/x", 1), "unsupported", 415},
		"in chunks":    {post("Add", token+chunked, fmt.Sprintf("%x\r\n", len(body))), "too_large", 413},
		"long header":  {"GET / HTTP/1.1\r\nX:", "too_large", 431},
		"a length too": {post("Add", chunked+length, ""), "invalid", 400},
		"wrong verb":   {strings.Replace(post("Add", length, ""), "POST", "PUT", 1), "unsupported", 405},
	} {
		for _, h := range []*host{plain, secure} {
			conn := h.dialAny(h == secure)
			a, err := conn.sendAll(c.header, body)
			if err != nil {
				t.Errorf("%s: %v", what, err)
				continue
			}
			h.expectProblem(what, a.status, a.body, c.status, c.code)
			if rest, err := io.ReadAll(conn.r); err != nil || len(rest) > 0 {
				t.Errorf("%s: behind the answer comes %q, %v", what, rest, err)
			}
			conn.Close()
		}
	}
	plain.servesOn()
	secure.servesOn()
}

// A peer that goes on for ever is reset in the end, and one that says no more is left alone.
func TestLingeringEnds(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	idle, busy := h.dial(), h.dial()
	idle.send(hugePost)
	busy.send(hugePost)
	for _, c := range []*rawConn{idle, busy} {
		if a, err := c.next(); err != nil || a.status != 413 {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	sent, part := 0, make([]byte, 1<<20)
	busy.SetWriteDeadline(time.Now().Add(20 * time.Second))
	for sent < 1<<30 {
		n, err := busy.Write(part)
		sent += n
		if err != nil {
			break
		}
	}
	if sent < 200<<20 || sent >= 1<<30 {
		t.Errorf("%d bytes were taken", sent)
	}
	await.True(t, "those are closed", func() bool { return h.metric("c2_relay_connections") <= 1 })
}

// The end of a relay does not wait for peers that linger.
func TestShutdownEndsLingering(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	c := h.dial()
	c.send(hugePost)
	if a, err := c.next(); err != nil || a.status != 413 {
		t.Fatalf("%+v, %v", a, err)
	}
	ended := make(chan struct{})
	go func() { // it has more to say for as long as it is heard
		defer close(ended)
		for {
			if _, err := c.Write([]byte(" ")); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond) // the pace
		}
	}()
	began := time.Now()
	if err := h.relay.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	h.done = true
	if took := time.Since(began); took > 10*time.Second { // it would be heard for thirty
		t.Errorf("it took %v", took)
	}
	<-ended
}

// Those who ask before they send hear what their header alone is refused for, and keep their body.
func TestExpectations(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{Token: "sesame", AccessLog: true})
	const token, expect, huge = "Authorization: Bearer sesame\r\n", "Expect: 100-continue\r\n", "Content-Length: 1000000000\r\n"
	for what, c := range map[string]struct {
		header, code string
		status       int
	}{
		"too large": {post("Add", token+expect+huge, ""), "too_large", 413},
		"unknown":   {strings.Replace(post("Add", token+expect+huge, ""), "/t/", "/none/", 1), "not_found", 404},
		"no method": {post("None", token+expect+huge, ""), "not_found", 404},
		"no token":  {post("Add", expect+huge, ""), "denied", 401},
		"no type":   {strings.Replace(post("Add", token+expect+huge, ""), "/json", "/x", 1), "unsupported", 415},
		"no time":   {post("Add", token+expect+"C2-Timeout: x\r\nContent-Length: 100\r\n", ""), "invalid", 400},
		"both":      {post("Add", token+expect+chunked+huge, ""), "invalid", 400},
	} {
		answers := h.talk(c.header, false)
		if len(answers) != 1 {
			t.Errorf("%s: %d answers", what, len(answers))
			continue
		}
		h.expectProblem(what, answers[0].status, answers[0].body, c.status, c.code)
	}
	c := h.dial()
	c.send(post("Add", token+expect+"Content-Length: 3\r\n", ""))
	if a, err := c.next(); err != nil || a.status != 100 {
		t.Fatalf("%+v, %v", a, err)
	}
	c.send("[0]")
	if a, err := c.next(); err != nil || a.status != 200 || a.body != "[0]" {
		t.Errorf("%+v, %v", a, err)
	}
}

// A small body that comes unasked, behind a request that is refused, does not take the answer away.
func TestUnexpectedBodies(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	for what, header := range map[string]string{
		"expectation": strings.Replace(post("Add", "Expect: 100-continue\r\nContent-Length: 3\r\n", ""), "/t/", "/none/", 1),
		"two lengths": post("Add", chunked+"Content-Length: 3\r\n", ""),
	} {
		c := h.dial()
		c.send(header)
		if _, err := c.r.Peek(1); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for range 3 { // each after what came of the one before, which without patience is a reset
			if _, err := c.Write(bytes.Repeat([]byte(" "), 4096)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			time.Sleep(time.Millisecond)
		}
		if a, err := c.next(); err != nil || a.status/100 != 4 {
			t.Errorf("%s: %+v, %v", what, a, err)
		}
		if _, err := io.ReadAll(c.r); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
