package c2_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// FuzzRelayURL takes anything for the URL of a relay. What is taken names a host, and nothing that would get lost.
func FuzzRelayURL(f *testing.F) {
	for _, s := range []string{"http://host:8080", "https://[::1]:80", "http://a:b@c/d?e#f", "http://host:99999", "HTTP://H", "http:host"} {
		f.Add(s)
	}
	f.Add("http://a, https://b ")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := c2.NewNode(c2.RelayURL(text), c2.Logger(zerolog.Nop()))
		if err != nil || text == "" {
			return
		}
		for one := range strings.SplitSeq(text, ",") {
			checkRelayURL(t, strings.TrimSpace(one))
		}
	})
}

func checkRelayURL(t *testing.T, text string) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		t.Errorf("%q is taken: %+v, %v", text, u, err)
	}
}

// FuzzRelayAnswers has a relay say anything. Connecting and calling end, with an *Error or without.
func FuzzRelayAnswers(f *testing.F) {
	const place = `{"name":"x","candidates":[{"relay":"r","instance":"00","id":"0000000000000001"}]}`
	const desc = `{"name":"x","contract":"Counter","id":"0000000000000001","methods":[{"name":"Value","access":"read","params":[],"results":[{"kind":"int"}]}]}`
	f.Add(uint16(0), []byte(place), []byte(desc), []byte("\x81\x05"))
	f.Add(uint16(0), []byte(place), []byte(desc), []byte("\x81\x5b\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add(uint16(300), []byte(place), []byte(desc), []byte(`{"code":"stale","names":["x"],"may_have_run":true}`))
	f.Add(uint16(303), []byte(place), []byte(desc), []byte(`{"code":"unavailable"}`))
	f.Add(uint16(0), []byte(place), []byte(strings.ReplaceAll(desc, `"int"`, `"ref","id":7`)), []byte("\x80"))
	f.Add(uint16(0), []byte(`{"candidates":[{},{"address":"ipc:///x","url":"http://x y"}]}`), []byte(`{}`), []byte(nil))
	type said struct {
		status              int
		place, desc, answer []byte
	}
	var say atomic.Pointer[said]
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		io.Copy(io.Discard, req.Body)
		say := say.Load()
		w.Header().Set("Content-Type", relayapi.TypeJSON)
		switch {
		case strings.HasPrefix(req.URL.Path, relayapi.PathResolve):
			w.Write(say.place)
		case req.Method == http.MethodGet:
			w.Write(say.desc)
		default:
			w.Header().Set("Content-Type", relayapi.TypeCBOR)
			w.WriteHeader(say.status)
			w.Write(say.answer)
		}
	}))
	f.Cleanup(relay.Close)
	node, err := c2.NewNode(c2.Logger(zerolog.Nop()))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { shutdown(f, node) })
	f.Fuzz(func(t *testing.T, status uint16, place, desc, answer []byte) {
		say.Store(&said{200 + int(status)%400, place, desc, answer})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		d, err := c2.ConnectDynamic(ctx, "x", c2.Relay(relay.URL), c2.On(node))
		if err == nil {
			_ = d.Descriptor().Methods
			_, err = d.Call(ctx, "Value")
			d.Close()
		}
		var e *c2.Error
		if err != nil && (!errors.As(err, &e) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() != nil) {
			t.Errorf("got %v", err)
		}
		_, err = c2.Connect[struct {
			Value func(context.Context) (int, error)
		}](ctx, "x", c2.Relay(relay.URL), c2.On(node))
		if err != nil && !errors.As(err, &e) {
			t.Errorf("got %v", err)
		}
	})
}
