package reach_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/cmd/c3/internal/reach"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// relayWith is a place whose relay answers as given.
func relayWith(t *testing.T, answer http.HandlerFunc) reach.Place {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	p, err := reach.Relay(reach.Config{URL: s.URL + "/", Token: "sesame"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

var call = reach.Call{Resource: "a b/c?", Method: "Do", Args: []byte("[1]"), Format: reach.JSON, Results: reach.CBOR}

// TestRequest pins what is asked.
func TestRequest(t *testing.T) {
	leaktest.Check(t)
	var got []string
	p := relayWith(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		timeout, err := time.ParseDuration(r.Header.Get("C2-Timeout"))
		got = append(got, fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header["Content-Type"], r.Header["Accept"], r.Header["Authorization"], " ", string(body), " ",
			err == nil && timeout > 50*time.Second && timeout <= time.Minute))
		w.Write([]byte("{}"))
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	errs := []error{p.Call(ctx, call, &out), p.Ping(ctx, call.Resource)}
	_, err := p.Routes(ctx)
	errs = append(errs, err)
	_, err = p.Describe(ctx, call.Resource)
	errs = append(errs, err)
	_, err = p.Stats(ctx, call.Resource)
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"POST /v1/resources/a%20b%2Fc%3F/Do [application/json] [application/cbor] [Bearer sesame] [1] true",
		"GET /v1/resources/a%20b%2Fc%3F [] [] [Bearer sesame]  false",
		"GET /v1/resources [] [] [Bearer sesame]  false",
		"GET /v1/resources/a%20b%2Fc%3F [] [] [Bearer sesame]  false",
		"GET /v1/stats/a%20b%2Fc%3F [] [] [Bearer sesame]  false",
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w || out.String() != "{}" {
		t.Errorf("got %s\n%s\nwant\n%s", &out, g, w)
	}
}

// TestStrangeAnswers has relays that are none, or break.
func TestStrangeAnswers(t *testing.T) {
	leaktest.Check(t)
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   c2.Code
		ran    bool // it may have
	}{
		"a page": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); io.WriteString(w, "<html>") }, c2.CodeNotFound, false},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://elsewhere/", http.StatusTemporaryRedirect)
		}, c2.CodeInternal, false},
		"a proxy":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }, c2.CodeInternal, true},
		"a problem":    {problem(`{"code":"busy","detail":"later"}`, 429), c2.CodeBusy, false},
		"one that ran": {problem(`{"code":"unavailable","detail":"gone","may_have_run":true}`, 502), c2.CodeUnavailable, true},
		"half": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "[1,")
		}, c2.CodeUnavailable, true},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, c2.CodeUnavailable, true},
	} {
		p := relayWith(t, c.answer)
		err := p.Call(t.Context(), call, io.Discard)
		var failed *c2.Error
		if !errors.As(err, &failed) || failed.Code != c.code || failed.MayHaveRun != c.ran || failed.Resource != call.Resource || failed.Method != call.Method {
			t.Errorf("%s: %v (%+v)", name, err, failed)
		}
	}
	p := relayWith(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	if _, err := p.Routes(t.Context()); err == nil || !strings.Contains(err.Error(), "what is no answer of a relay") {
		t.Errorf("no JSON: %v", err)
	}
	p = relayWith(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"resources":[`+strings.Repeat("{},", 8<<20)+"{}]}")
	})
	if _, err := p.Routes(t.Context()); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("24 MiB that would take a gigabyte: %v", err)
	}
	p = relayWith(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"relay":"r"} and more`) })
	if _, err := p.(reach.Mesh).Join(t.Context(), []string{"http://127.0.0.1:1"}); err == nil || !strings.Contains(err.Error(), "what is no answer of a relay") {
		t.Errorf("more than JSON: %v", err)
	}
}

func problem(text string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", relayapi.TypeProblem)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func TestRelayIsTooSlow(t *testing.T) {
	leaktest.Check(t)
	p := relayWith(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); <-r.Context().Done() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := p.Call(ctx, call, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if err := p.Ping(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestTLS trusts a relay by its certificate, and shows its own.
func TestTLS(t *testing.T) {
	leaktest.Check(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of clients that do not trust it
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, trusted := range map[string]bool{"": false, ca: true} {
		p, err := reach.Relay(reach.Config{URL: s.URL, CA: file})
		if err != nil {
			t.Fatal(err)
		}
		err = p.Call(t.Context(), call, io.Discard)
		if failed := (*c2.Error)(nil); errors.As(err, &failed) && failed.MayHaveRun {
			t.Errorf("with %q nothing was sent, and may have run", file)
		}
		if unknown := (x509.UnknownAuthorityError{}); (err == nil) != trusted || !trusted && !strings.Contains(err.Error(), unknown.Error()+"; to trust it, name a file with the certificate of its authority (--ca, C2_TLS_CA)") {
			t.Errorf("with %q: %v", file, err)
		}
		p.Close()
	}
}

func TestConfig(t *testing.T) {
	for _, url := range []string{"", "r:8080", "ftp://r", "http://", "http://r/v1", "http://u@r", "http://r?x=1", "http://r:x"} {
		if _, err := reach.Relay(reach.Config{URL: url}); err == nil || !strings.Contains(err.Error(), "want http://host:port") {
			t.Errorf("%q: %v", url, err)
		}
	}
}
