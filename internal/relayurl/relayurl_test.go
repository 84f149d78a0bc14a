package relayurl

import (
	"net/url"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"http://host:8080": "http://host:8080", "https://Host/": "https://host", "HTTP://[::1]:80": "http://[::1]:80", "http://[FE80::1%25Eth0]:80": "http://[fe80::1%25Eth0]:80", "http://h:1": "http://h:1",
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "host", "host:8080", "127.0.0.1:80", "ftp://host", "http:host", "http://", "http://:80", "http://host:", "http://host:0", "http://host:65536",
		"http://host/x", "http://host//", "http://host?", "http://host?x=y", "http://host#x", "http://me@host", "http://h h", "http://host:x", "\x00",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
	for _, text := range []string{"http://me:secret@host", "http://me:secret@host:x"} {
		if _, err := Parse(text); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "want http://host:port") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzParse takes anything. What is taken names a host and loses nothing, and has one form.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"http://host:8080", "https://[::1]:80/", "http://a:b@c/d?e#f", "http://host:99999", "HTTP://H", "http:host"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		if err != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q is taken: %+v, %v", text, u, err)
		}
		if again, err := Parse(got); err != nil || again != got {
			t.Errorf("%q is %q, and that is %q, %v", text, got, again, err)
		}
	})
}
