package relay_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/relay"
)

func TestMain(m *testing.M) {
	child.Roles{"server": runServer, "relay": runRelay}.Play()
	leaktest.Main(m)
}

// bench is what the tests call.
type bench interface {
	Add(ctx context.Context, by int) (int, error)
	Echo(ctx context.Context, b []byte) ([]byte, error)
	Fail(ctx context.Context) error
	Numbers(ctx context.Context, n int) ([]float64, error)
	Panic(ctx context.Context) error
	Wait(ctx context.Context) error
	Made(ctx context.Context, n int) ([]byte, error)
	Len(ctx context.Context, b []byte) (int, error)
}

type table struct {
	_       c2.Policy `read:"Echo,Wait,Made,Numbers,Len"`
	n       int
	waiting chan struct{}
	ended   chan error
}

func newTable() *table {
	return &table{waiting: make(chan struct{}, 100), ended: make(chan error, 100)}
}

var errLuck = errors.New("no luck")

var _ = c2.RegisterError("relay_test.luck", errLuck)

func (t *table) Add(_ context.Context, by int) (int, error)          { t.n += by; return t.n, nil }
func (t *table) Echo(_ context.Context, b []byte) ([]byte, error)    { return b, nil }
func (t *table) Len(_ context.Context, b []byte) (int, error)        { return len(b), nil }
func (t *table) Fail(context.Context) error                          { return fmt.Errorf("today: %w", errLuck) }
func (t *table) Panic(context.Context) error                         { panic("on purpose") }
func (t *table) Numbers(_ context.Context, n int) ([]float64, error) { return make([]float64, n), nil }
func (t *table) Made(ctx context.Context, n int) (b []byte, err error) {
	return c2.Alloc[byte](ctx, n), nil
}
func (t *table) Wait(ctx context.Context) error {
	t.waiting <- struct{}{}
	<-ctx.Done()
	t.ended <- ctx.Err()
	return ctx.Err()
}

// host is a relay with the directory of its servers' sockets.
type host struct {
	t     testing.TB
	dir   string
	relay *relay.Relay
	url   string
	token string
	http  *http.Client
	done  bool // the test has shut the relay down
}

func newHost(t testing.TB, config relay.Config) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), http: &http.Client{Transport: &http.Transport{}}}
	config.SocketDirs = append(config.SocketDirs, h.dir)
	if config.ID == "" {
		config.ID = "r1"
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + ln.Addr().String()
	if config.TLS != nil {
		h.url = "https://" + ln.Addr().String()
	}
	h.token = config.Token
	if config.Mesh != nil {
		config.URL = h.url
	}
	if h.relay, err = relay.New(config); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.relay.Serve(ln) }()
	t.Cleanup(func() {
		h.http.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), await.Limit)
		defer cancel()
		if !h.done {
			if err := h.relay.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return h
}

var sockets atomic.Int64

// node starts a server on the host.
func (h *host) node(opts ...c2.NodeOption) *c2.Node {
	h.t.Helper()
	address := h.address()
	n, err := c2.NewNode(append([]c2.NodeOption{c2.Address(address)}, opts...)...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { n.Shutdown(context.Background()) })
	return n
}

// register registers value on n by that name.
func (h *host) register(n *c2.Node, name string, value *table, opts ...c2.RegisterOption) {
	h.t.Helper()
	if err := c2.Register[bench](name, value, append(opts, c2.On(n))...); err != nil {
		h.t.Fatal(err)
	}
}

// announcement is what n would say of itself.
func (h *host) announcement(n *c2.Node, revision uint64) relayapi.Announcement {
	h.t.Helper()
	a, err := announcementOf(n.Address(), revision)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// announce announces what n has.
func (h *host) announce(n *c2.Node, revision uint64) {
	h.t.Helper()
	a := h.announcement(n, revision)
	if status, body := h.post(relayapi.PathRoutes, a); status != 200 {
		h.t.Fatalf("announcing: %d %s", status, body)
	}
}

// served is a host with one server that has one table, "t".
func served(t testing.TB, config relay.Config) (*host, *c2.Node, *table) {
	t.Helper()
	h := newHost(t, config)
	n, value := h.node(), newTable()
	h.register(n, "t", value)
	h.announce(n, 1)
	return h, n, value
}

func (h *host) do(req *http.Request) (int, http.Header, []byte) {
	h.t.Helper()
	resp, err := h.http.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, body
}

func (h *host) post(path string, v any) (int, string) {
	h.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		h.t.Fatal(err)
	}
	status, _, answer := h.do(h.request("POST", path, "application/json", body))
	return status, strings.TrimSpace(string(answer))
}

func (h *host) get(path string) (int, string) {
	h.t.Helper()
	status, _, answer := h.do(h.request("GET", path, "", nil))
	return status, strings.TrimSpace(string(answer))
}

func (h *host) request(verb, path, typ string, body []byte) *http.Request {
	h.t.Helper()
	req, err := http.NewRequest(verb, h.url+path, bytes.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if typ != "" {
		req.Header.Set("Content-Type", typ)
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	return req
}

// call calls a method of "t" with JSON.
func (h *host) call(method, args string) (int, string) {
	h.t.Helper()
	status, _, body := h.do(h.request("POST", "/v1/resources/t/"+method, "application/json", []byte(args)))
	return status, strings.TrimSpace(string(body))
}

// callCBOR calls a method of "t" with CBOR.
func (h *host) callCBOR(method string, args ...any) []any {
	h.t.Helper()
	body, err := codec.Marshal(args)
	if err != nil {
		h.t.Fatal(err)
	}
	status, header, answer := h.do(h.request("POST", "/v1/resources/t/"+method, "application/cbor", body))
	if status != 200 || header.Get("Content-Type") != "application/cbor" {
		h.t.Fatalf("%s: %d %v %.300s", method, status, header, answer)
	}
	var out []any
	if err := codec.Unmarshal(answer, &out); err != nil {
		h.t.Fatal(err)
	}
	return out
}

// expectProblem checks an answer's status and code.
func (h *host) expectProblem(what string, status int, body string, wantStatus int, code string) relayapi.Problem {
	h.t.Helper()
	var p relayapi.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		h.t.Fatalf("%s: %d %q is no problem: %v", what, status, body, err)
	}
	if status != wantStatus || p.Status != wantStatus || p.Code != code || p.Detail == "" {
		h.t.Errorf("%s: %d %s, want %d and %s", what, status, body, wantStatus, code)
	}
	return p
}

func hexOf(b [16]byte) string { return hex.EncodeToString(b[:]) }
