package relay

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
)

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"/", "/v1/resources", "/v1/resources/a/b", "/v1/resources/a%2Fb/c", "/v1/resources/%", "/v1/resources/%00/x", "/v1/resources/%252F/x?a=b",
		"/v1/routes/x?instance=00", "http://host/v1/resources", "http://", "*", "/v1/resources//", "/v1/stats/\xff", "/v1/resolve/%ff", "/v1/resources/a/b/c",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, uri []byte) {
		was := bytes.Clone(uri)
		var at target
		err := at.parse(uri)
		if !bytes.Equal(was, uri) {
			t.Fatal("the target was changed")
		}
		if err != nil {
			if asError(err).Message == "" {
				t.Fatalf("no word on %q", uri)
			}
			return
		}
		if at.name != nil && checkName(string(at.name)) != nil || at.method != nil && (at.name == nil || len(at.method) == 0 || len(at.method) > relayapi.MaxName) {
			t.Fatalf("%q: %+v", uri, at)
		}
		if at.name != nil && at.method != nil { // what was read is written and read again as the same
			var again target
			if err := again.parse([]byte(at.base + "/" + url.PathEscape(string(at.name)) + "/" + url.PathEscape(string(at.method)))); err != nil ||
				!bytes.Equal(again.name, at.name) || !bytes.Equal(again.method, at.method) {
				t.Fatalf("%q: %q %q, then %q %q %v", uri, at.name, at.method, again.name, again.method, err)
			}
		}
	})
}

func FuzzUnescape(f *testing.F) {
	for _, seed := range []string{"", "a", "%41", "%4", "%", "%zz", "a%2fb", "%25", "+"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := unescape(text)
		want, wantErr := url.PathUnescape(string(text))
		if (err == nil) != (wantErr == nil) || err == nil && string(got) != want {
			t.Fatalf("%q: %q %v, want %q %v", text, got, err, want, wantErr)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "instance=00", "instance", "instance=a&b=c", "x=%", "instance=%2"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		value, err := queryValue(query, "instance")
		if err == nil && value != "" && !strings.HasPrefix(string(query), "instance=") {
			t.Fatalf("%q: %q", query, value)
		}
	})
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"", "A: b\r\n\r\n", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "A : b\r\n", "A\r\n", " a: b\r\n", "transfer-encoding: Chunked \r\n",
		"Transfer-Encoding: identity\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkFields(raw) != nil {
			return
		}
		low := strings.ToLower("\n" + string(raw))
		if strings.Contains(low, "\ncontent-length:") && strings.Contains(low, "\ntransfer-encoding:") {
			t.Fatalf("%q passed", raw)
		}
	})
}

// Announcements, whatever they say, are refused with a reason unless they are as the specification wants them.
func FuzzAnnouncement(f *testing.F) {
	for _, seed := range []string{
		"{}", "null", "[]", `{"instance":"00112233445566778899aabbccddeeff","address":"ipc:///tmp/x.sock","revision":1,"resources":[{"name":"a","id":"0000000000000001"}]}`,
		`{"instance":"00112233445566778899AABBCCDDEEFF","address":"ipc://x","revision":-1}`, `{"address":"ipc://../x","resources":null}`,
		`{"instance":"00112233445566778899aabbccddeeff","address":"ipc:///\u0000"}`, `{"resources":[{"name":""},{"name":"a"},{"name":"a"}]}`,
	} {
		f.Add([]byte(seed))
	}
	r := &Relay{config: Config{SocketDirs: []string{"/nonexistent"}}}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a relayapi.Announcement
		if json.Unmarshal(body, &a) != nil {
			return
		}
		if address, err := r.checkAnnouncement(&a); err == nil {
			t.Fatalf("%s is taken at %s", body, address)
		} else if e := asError(err); e.Message == "" || relayapi.CodeName(e.Code) == "internal" {
			t.Fatalf("%s: %v", body, err)
		}
	})
}

// The headers of a call may be anything.
func FuzzHeaders(f *testing.F) {
	f.Add("application/json", "*/*", "1s", "00000000000000ff", "Bearer x")
	f.Add("application/cbor; x=y", "application/cbor", "-1s", "x", "bearer ")
	f.Add(";", "", "1e9h", "", "Basic x")
	f.Fuzz(func(t *testing.T, typ, accept, timeout, id, auth string) {
		var ctx fasthttp.RequestCtx
		h := &ctx.Request.Header
		h.SetMethod("POST")
		h.SetContentType(typ)
		h.Set("Accept", accept)
		h.Set(relayapi.HeaderTimeout, timeout)
		h.Set(relayapi.HeaderResource, id)
		h.Set("Authorization", auth)
		x := &exchange{http: &ctx}
		if err := x.readHeader(); err == nil && id != "" && x.wanted == 0 && len(h.Peek(relayapi.HeaderResource)) > 0 {
			t.Fatalf("id %q is any", id)
		}
		if d, err := x.timeout(); err == nil && d < 0 {
			t.Fatalf("timeout %q is %v", timeout, d)
		}
		s := newSecret("token")
		if s.shows(h) && !strings.HasSuffix(auth, "token") && !strings.Contains(auth, "token") {
			t.Fatalf("%q passed for the token", auth)
		}
	})
}

func FuzzDescription(f *testing.F) {
	f.Add([]byte{0x82, 1, 0xa0})
	f.Add([]byte{0x82})
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, desc, err := readDescription(src); (desc == nil) != (err != nil) {
			t.Fatalf("%v and %v", desc, err)
		}
	})
}
