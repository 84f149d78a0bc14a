package c2_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// onCalls makes the relay answer calls otherwise than it should.
func (r *fakeRelay) onCalls(lie http.HandlerFunc) {
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodPost || !strings.HasPrefix(req.URL.Path, "/v1/resources/") {
				return false
			}
			lie(w, req)
			return true
		}
	})
}

// onPath makes the relay answer GET requests to paths that begin so otherwise than it should.
func (r *fakeRelay) onPath(prefix string, lie http.HandlerFunc) {
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			if req.Method != http.MethodGet || !strings.HasPrefix(req.URL.Path, prefix) {
				return false
			}
			lie(w, req)
			return true
		}
	})
}

// raw answers with just these bytes, and ends the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			io.WriteString(conn, text)
			conn.Close()
		}
	}
}

func status(code int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// TestAnswersToCallsThatAreNone: each ends the call with an error that tells whether it may have run, and the next one is
// as if nothing had been.
func TestAnswersToCallsThatAreNone(t *testing.T) {
	leaktest.Check(t)
	r, server, _ := relayedNodes(t)
	client := newNode(t, c2.RelayURL(r.url()), c2.MaxPayload(1<<20))
	register[Counter](t, server, "counter", &counter{})
	r.awaitRoute("counter")
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\n"
	for name, test := range map[string]struct {
		lie  http.HandlerFunc
		is   error
		ran  bool
		says string
	}{
		"nothing":              {raw(""), c2.ErrUnavailable, true, "EOF"},
		"no HTTP":              {raw("220 mail.example ESMTP\r\n\r\n"), c2.ErrUnavailable, true, "malformed"},
		"half a head":          {raw("HTTP/1.1 200 OK\r\nContent-"), c2.ErrUnavailable, true, "malformed"},
		"half an answer":       {raw(head + "Content-Length: 100\r\n\r\n\x81"), c2.ErrUnavailable, true, "EOF"},
		"half a chunk":         {raw(head + "Transfer-Encoding: chunked\r\n\r\n5\r\n\x81\x01"), c2.ErrUnavailable, true, "EOF"},
		"more than is taken":   {raw(head + "Content-Length: 1048577\r\n\r\n"), c2.ErrTooLarge, true, "MaxPayload"},
		"an endless answer":    {endless, c2.ErrTooLarge, true, "MaxPayload"},
		"a huge head":          {raw(head + "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"), c2.ErrUnavailable, true, "header"},
		"no CBOR":              {status(200, relayapi.TypeCBOR, "hello"), c2.ErrInvalid, true, "the call ran, but its answer can't be read"},
		"too many results":     {status(200, relayapi.TypeCBOR, "\x82\x01\x02"), c2.ErrInvalid, true, "results: have 2, want 1"},
		"bytes behind":         {status(200, relayapi.TypeCBOR, "\x81\x01\x02"), c2.ErrInvalid, true, "after the last result"},
		"no bytes":             {status(200, relayapi.TypeCBOR, ""), c2.ErrInvalid, true, "can't be read"},
		"JSON":                 {status(200, relayapi.TypeJSON, "[1]"), c2.ErrInternal, true, "want application/cbor"},
		"a page":               {status(200, "text/html", "<html>"), c2.ErrInternal, true, "is there a relay at that URL?"},
		"no type":              {raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x81\x01"), c2.ErrInternal, true, "is there a relay"},
		"no content":           {status(204, relayapi.TypeCBOR, ""), c2.ErrInternal, true, "status 204"},
		"a page for a failure": {status(500, "text/html", "<html>"), c2.ErrInternal, true, "status 500"},
		"a proxy's failure":    {status(503, "text/html", "<html>"), c2.ErrUnavailable, true, "status 503"},
		"half a problem":       {raw("HTTP/1.1 429 x\r\nContent-Length: 100\r\n\r\n{\"code\":"), c2.ErrBusy, false, "status 429"},
		"an unknown code":      {status(500, relayapi.TypeProblem, `{"code":"moon","detail":"full"}`), c2.ErrInternal, false, "full"},
		"a code of success":    {status(500, relayapi.TypeProblem, `{"code":"ok"}`), c2.ErrInternal, true, "status 500"},
		"the relay ends":       {status(503, relayapi.TypeProblem, `{"code":"closed","detail":"going"}`), c2.ErrUnavailable, false, "going"},
	} {
		t.Run(name, func(t *testing.T) {
			r.do(func() { r.lie = nil })
			cnt := connect[Counter](t, client, "counter")
			r.onCalls(test.lie)
			_, err := cnt.Increment(within(t), 1)
			wantError(t, err, test.is, "counter", "Increment", test.says)
			var e *c2.Error
			if !errors.As(err, &e) || e.MayHaveRun != test.ran {
				t.Errorf("%v: may have run is %v, want %v", err, e.MayHaveRun, test.ran)
			}
			r.do(func() { r.lie = nil })
			if _, err := cnt.Value(within(t)); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

// endless answers until the other side has had enough.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", relayapi.TypeCBOR)
	for chunk := make([]byte, 64<<10); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestAnAnnouncedSizeIsNotBelieved: memory is made ready for what has come.
func TestAnAnnouncedSizeIsNotBelieved(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	r.onCalls(raw("HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 3000000000\r\n\r\n" + strings.Repeat("x", 1<<20)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := cnt.Value(within(t))
	wantError(t, err, c2.ErrUnavailable, "EOF")
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("a MiB of three GB took %d bytes of memory", took)
	}
}

// TestCallsAreNotRedirected: nor is the token shown elsewhere.
func TestCallsAreNotRedirected(t *testing.T) {
	leaktest.Check(t)
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	defer elsewhere.Close()
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	for _, code := range []int{301, 302, 307, 308} {
		redirect := func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, elsewhere.URL+req.URL.Path, code)
		}
		r.onCalls(redirect)
		_, err := cnt.Increment(within(t), 1)
		wantError(t, err, c2.ErrInternal, "status "+strconv.Itoa(code))
		r.onPath("/v1/resolve/", redirect)
		_, err = c2.Connect[Counter](within(t), "counter", c2.On(client))
		wantError(t, err, c2.ErrInternal, "status "+strconv.Itoa(code))
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("%d requests went elsewhere", n)
	}
}

func TestAnswersToConnectThatAreNone(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	huge := `{"name":"counter","x":"` + strings.Repeat("x", 17<<20) + `"}`
	for name, test := range map[string]struct {
		path string
		lie  http.HandlerFunc
		is   error
		says string
	}{
		"no JSON":           {"/v1/resolve/", status(200, relayapi.TypeJSON, "hello"), c2.ErrInternal, "can't be read"},
		"other JSON":        {"/v1/resolve/", status(200, relayapi.TypeJSON, "[1]"), c2.ErrInternal, "can't be read"},
		"no candidates":     {"/v1/resolve/", status(200, relayapi.TypeJSON, "{}"), c2.ErrNotFound, "no place"},
		"a page":            {"/v1/resolve/", status(200, "text/html", "<html>"), c2.ErrInternal, "is there a relay at that URL?"},
		"no page":           {"/v1/resolve/", status(404, "text/html", "<html>"), c2.ErrNotFound, "is there a relay at that URL?"},
		"huge":              {"/v1/resolve/", status(200, relayapi.TypeJSON, huge), c2.ErrTooLarge, "more than 1048576 bytes"},
		"half":              {"/v1/resolve/", raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"), c2.ErrUnavailable, "EOF"},
		"no id":             {"/v1/resources/", status(200, relayapi.TypeJSON, `{"name":"counter"}`), c2.ErrInternal, "want 16 hexadecimal digits"},
		"the directory":     {"/v1/resources/", status(200, relayapi.TypeJSON, `{"name":"counter","id":"0000000000000000"}`), c2.ErrInternal, "want 16 hexadecimal digits"},
		"another resource":  {"/v1/resources/", status(200, relayapi.TypeJSON, `{"name":"../x","id":"0000000000000001"}`), c2.ErrInternal, "asked for"},
		"a huge descriptor": {"/v1/resources/", status(200, relayapi.TypeJSON, huge), c2.ErrTooLarge, "more than 4194304 bytes"},
		"no methods":        {"/v1/resources/", status(200, relayapi.TypeJSON, `{"name":"counter","id":"0000000000000001"}`), c2.ErrMismatch, "no such method"},
		"no parameters": {"/v1/resources/", status(200, relayapi.TypeJSON, `{"name":"counter","id":"0000000000000001","methods":[
			{"name":"Increment","params":[null],"results":[null]},{"name":"Value"}]}`), c2.ErrMismatch, "a part is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			r.onPath(test.path, test.lie)
			_, err := c2.Connect[Counter](within(t), "counter", c2.On(client))
			wantError(t, err, test.is, "counter", test.says)
			var e *c2.Error
			if errors.As(err, &e) && e.MayHaveRun {
				t.Errorf("%v says that a call may have run, of which there was none", err)
			}
		})
	}
}

// TestPlacesThatAreElsewhere: calls go by HTTP where the server is not at the address that the relay tells.
func TestPlacesThatAreElsewhere(t *testing.T) {
	leaktest.Check(t)
	r := newFakeRelay(t)
	server, other, client := newNode(t, c2.RelayURL(r.url())), newNode(t), newNode(t)
	register[Counter](t, server, "counter", &counter{n: 1})
	register[Counter](t, other, "counter", &counter{n: 2})
	r.awaitRoute("counter")
	dead := filepath.Join(t.TempDir(), "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{
		"another server": other.Address(), "nobody": "ipc:///nonexistent/x.sock", "a dead socket": "ipc://" + dead, "a file": "ipc://" + file,
		"a name": "ipc://name", "no address": "/x", "a long one": "ipc:///" + strings.Repeat("x", 500),
	} {
		t.Run(name, func(t *testing.T) {
			r.do(func() {
				r.candidates = func(places []relayapi.Place) []relayapi.Place {
					places[0].Address = address
					return places
				}
			})
			calls := r.count("POST", "/v1/resources/")
			cnt := connect[Counter](t, client, "counter", c2.Relay(r.url()))
			if n, err := cnt.Value(within(t)); err != nil || n != 1 {
				t.Errorf("got %d, %v, want the server's 1", n, err)
			}
			if r.count("POST", "/v1/resources/") == calls {
				t.Error("the call did not go by HTTP")
			}
		})
	}
}

// TestAConnectionThatWasClosedWhileIdle: the call that meets it was not sent, and is not lost.
func TestAConnectionThatWasClosedWhileIdle(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	for i := range 50 {
		if n, err := cnt.Increment(within(t), 1); err != nil || n != i+1 {
			t.Fatalf("got %d, %v, want %d: a call ran once", n, err, i+1)
		}
		r.dropConnections()
	}
}

// TestACallIsSentOnce whatever becomes of it, on connections that were used before, too.
func TestACallIsSentOnce(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	cnt := connect[Counter](t, client, "counter")
	if _, err := cnt.Value(within(t)); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int32
	r.onCalls(func(w http.ResponseWriter, req *http.Request) {
		sent.Add(1)
		raw("")(w, req)
	})
	for i := range int32(5) {
		_, err := cnt.Increment(within(t), 1)
		wantError(t, err, c2.ErrUnavailable, "outcome is unknown")
		if n := sent.Load(); n != i+1 {
			t.Fatalf("%d requests came for %d calls", n, i+1)
		}
	}
}

// TestABodyThatIsCutOff: a call of which only a part was sent did not run.
func TestABodyThatIsCutOff(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	register[Mirror](t, server, "mirror", mirror{})
	r.awaitRoute("mirror")
	m := connect[Mirror](t, client, "mirror")
	r.onCalls(func(w http.ResponseWriter, req *http.Request) {
		io.ReadFull(req.Body, make([]byte, 100))
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.Close()
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := m.Echo(ctx, make([]byte, 64<<20))
	wantError(t, err, c2.ErrUnavailable)
	var e *c2.Error
	if errors.As(err, &e) && e.MayHaveRun {
		t.Errorf("%v says that it may have run", err)
	}
}
