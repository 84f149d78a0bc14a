package relay_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// certificate is one for tests, of net/http/httptest.
func certificate() tls.Certificate {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	return s.TLS.Certificates[0]
}

func TestCallerThatLeaves(t *testing.T) {
	leaktest.Check(t)
	cert := certificate()
	for what, secure := range map[string]bool{"HTTP": false, "TLS": true} {
		var config relay.Config
		if secure {
			config.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
		}
		h := newHost(t, config)
		if secure {
			h.insecure()
		}
		n, value := h.node(), newTable()
		h.register(n, "t", value)
		h.announce(n, 1)
		for _, more := range []string{"", post("Echo", "Content-Length: 8\r\n", `["aGk="]`)} {
			c := h.dialAny(secure)
			c.send(post("Wait", "Content-Length: 2\r\n", "[]") + more)
			<-value.waiting
			left := time.Now()
			c.Close()
			select {
			case err := <-value.ended:
				if err != context.Canceled {
					t.Errorf("%s: the call ended with %v", what, err)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: the call goes on", what)
			}
			t.Logf("%s: a call was cancelled %v after its caller had left", what, time.Since(left))
		}
		h.servesOn()
	}
}

// begins has a call of Wait run whose time is over after d; or after a multiple of d where the machine is so busy that the time is over
// before the resource hears of the call.
func (h *host) begins(value *table, d time.Duration, lines string) *rawConn {
	h.t.Helper()
	for ; ; d *= 2 {
		c := h.dial()
		c.send(post("Wait", fmt.Sprintf("C2-Timeout: %v\r\nContent-Length: 2\r\n%s", d, lines), "[]"))
		select {
		case <-value.waiting:
			return c
		case <-time.After(2 * d):
			c.Close()
		}
	}
}

func TestDeadlineReachesTheResource(t *testing.T) {
	leaktest.Check(t)
	h, _, value := served(t, relay.Config{})
	c := h.begins(value, 100*time.Millisecond, "Connection: close\r\n")
	if a := c.rest(); len(a) != 1 || a[0].status != 504 || !strings.Contains(a[0].body, `"may_have_run":true`) {
		t.Errorf("%+v", a[0])
	}
	if err := <-value.ended; err != context.DeadlineExceeded {
		t.Errorf("the call ended with %v", err)
	}
}

// Callers that don't read their large answers hold up nobody, nor the server's memory, and get all of it when they go on.
func TestSlowReaders(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{StallTimeout: time.Hour}) // they may be as slow as they are
	const size, callers = 24 << 20, 4
	args, err := codec.Marshal([]any{bytes.Repeat([]byte("slow"), size/4)})
	if err != nil {
		t.Fatal(err)
	}
	var conns []*rawConn
	for range callers {
		c := h.dial()
		c.send("POST /v1/resources/t/Echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\n" + lengthLine(len(args)) + "\r\n")
		if _, err := c.Write(args); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	if out := h.callCBOR("Made", size); len(out[0].([]byte)) != size {
		t.Error("another large answer was held up")
	}
	await.True(t, "what they have not read waits in files", func() bool {
		return h.metric("c2_relay_held_bytes") == 0 && h.metric("c2_relay_spooled_bytes") > callers*(size-8<<20)
	})
	await.True(t, "theirs alone are in flight", func() bool { return h.metric("c2_relay_calls_in_flight") == callers })
	for _, c := range conns {
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if a, err := c.next(); err != nil || a.status != 200 || !bytes.HasSuffix([]byte(a.body), bytes.Repeat([]byte("slow"), size/4)) {
			t.Errorf("a slow one got something else: %v", err)
		}
		c.Close()
	}
	await.True(t, "the files are gone", func() bool {
		return h.metric("c2_relay_spooled_bytes") == 0 && h.metric("c2_relay_calls_in_flight") == 0
	})
}

func TestReadersThatStallAreCutOff(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{StallTimeout: 1500 * time.Millisecond})
	c := h.dial()
	c.send("POST /v1/resources/t/Made HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: 6\r\n\r\n\x81\x1a\x04\x00\x00\x00")
	await.True(t, "the call runs, or has", func() bool { return h.metric("c2_relay_received_bytes_total") > 0 })
	await.True(t, "it is cut off", func() bool {
		return h.metric("c2_relay_calls_in_flight") == 0 && h.metric("c2_relay_spooled_bytes") == 0
	})
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.next(); err == nil {
		t.Error("it has the whole answer all the same")
	}
	h.servesOn()
}

// A sender that pauses holds none of the server's memory, and gets its answer all the same.
func TestSlowSender(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	args, err := codec.Marshal([]any{make([]byte, 4<<20)})
	if err != nil {
		t.Fatal(err)
	}
	c := h.dial()
	c.send(cborPost(lengthLine(len(args)), string(args[:len(args)/2])))
	await.True(t, "it waits in a file", func() bool { return h.metric("c2_relay_spooled_bytes") > 0 })
	if out := h.callCBOR("Made", 4<<20); len(out[0].([]byte)) != 4<<20 {
		t.Error("another call was held up")
	}
	c.send(string(args[len(args)/2:]))
	if a, err := c.next(); err != nil || a.status != 200 {
		t.Errorf("%+v %v", a, err)
	}
	if n := h.metric("c2_relay_spooled_bytes"); n != 0 {
		t.Errorf("%v bytes stay in the spool", n)
	}
}

func TestSpoolThatIsFull(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{MaxSpool: 2 << 20})
	body := strings.Repeat(" ", 3<<20)
	status, _, answer := h.do(h.request("POST", "/v1/resources/t/Len", "application/cbor", []byte(body)))
	h.expectProblem("a body of known length", status, string(answer), 400, "invalid")
	h.one("a body in chunks", cborPost(chunked, chunk(body)), true, 429, "busy")
	h.servesOn()
	if n := h.metric("c2_relay_spooled_bytes"); n != 0 {
		t.Errorf("%v bytes stay in the spool", n)
	}
}
