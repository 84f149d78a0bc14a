package relay_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

func TestCallInJSON(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	if status, body := h.call("Add", "[10]"); status != 200 || body != "[10]" {
		t.Errorf("Add: %d %s", status, body)
	}
	if status, body := h.call("Add", "[-3]"); status != 200 || body != "[7]" {
		t.Errorf("Add: %d %s", status, body)
	}
	if status, body := h.call("Echo", `["aGk="]`); status != 200 || body != `["aGk="]` {
		t.Errorf("Echo: %d %s", status, body)
	}
	p := h.expectProblem2(t, "Fail", "[]", 500, "resource")
	if p.Detail != "today: no luck" || len(p.Names) != 1 || p.Names[0] != "relay_test.luck" {
		t.Errorf("Fail: %+v", p)
	}
	if p := h.expectProblem2(t, "Panic", "[]", 500, "internal"); !p.MayHaveRun {
		t.Errorf("Panic: %+v", p)
	}
	h.expectProblem2(t, "None", "[]", 404, "not_found")
	h.expectProblem2(t, "Add", `["x"]`, 400, "invalid")
	h.expectProblem2(t, "Add", `[1`, 400, "invalid")
	h.expectProblem2(t, "Add", `[1, 2]`, 400, "invalid")
	if status, body := h.call("Add", "[0]"); status != 200 || body != "[7]" {
		t.Errorf("after all that: %d %s", status, body)
	}
}

func TestCallInCBOR(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{})
	if out := h.callCBOR("Add", 5); out[0] != int64(5) {
		t.Errorf("Add: %v", out)
	}
	for _, n := range []int{0, 1, 100, 8 << 10, 60 << 10, 64 << 10, 65 << 10, 300 << 10, 1 << 20, 9 << 20, 70 << 20} {
		b := bytes.Repeat([]byte{byte(n), 1, 2, 3, 5, 7, 11}, n/7+1)[:n]
		if out := h.callCBOR("Echo", b); !bytes.Equal(out[0].([]byte), b) {
			t.Errorf("Echo of %d bytes came back as %d", n, len(out[0].([]byte)))
		}
		if out := h.callCBOR("Made", n); len(out[0].([]byte)) != n {
			t.Errorf("Made of %d bytes came as %d", n, len(out[0].([]byte)))
		}
	}
}

func TestNamesWithOddLetters(t *testing.T) {
	leaktest.Check(t)
	h := newHost(t, relay.Config{})
	n := h.node()
	for _, name := range []string{"a/b", "a b", "ü", "%2F", "..", "x?y", "a%b"} {
		h.register(n, name, newTable())
	}
	h.announce(n, 1)
	for _, path := range []string{"a%2Fb", "a%2fb", "a%20b", "%C3%BC", "ü", "%252F", "..", "%2e%2E", "x%3Fy", "a%25b"} {
		conn := h.dial()
		answer := conn.exchange("POST /v1/resources/" + path + "/Add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]")
		if !strings.HasPrefix(answer, "HTTP/1.1 200 ") {
			t.Errorf("%s: %s", path, answer)
		}
	}
	for _, path := range []string{"a/b", "a%2", "a%zzb", "a%00", "%ff", "", "a%25252Fb"} {
		conn := h.dial()
		answer := conn.exchange("POST /v1/resources/" + path + "/Add HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[1]")
		if !strings.HasPrefix(answer, "HTTP/1.1 40") || !strings.Contains(answer, "application/problem+json") {
			t.Errorf("%s: %s", path, answer)
		}
	}
}
