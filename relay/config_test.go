package relay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// Settings that would make a relay useless, or more open than it looks, are errors that say which and why.
func TestWrongSettings(t *testing.T) {
	leaktest.Check(t)
	for want, config := range map[string]relay.Config{
		`relay id "a b"`: {ID: "a b"},
		`relay URL "http://host/x": want http://host:port`: {URL: "http://host/x"},
		`the token of callers: want`:                       {Token: "open sesame"},
		`the token of servers: want`:                       {AnnounceToken: "sésame"},
		`socket directory "x"`:                             {SocketDirs: []string{"x"}},
		`MaxHeader (--max-header) is 10: want 1024`:        {MaxHeader: 10},
		`MaxBody (--max-body) is -1`:                       {MaxBody: -1},
		`MaxJSON (--max-json) is -1`:                       {MaxJSON: -1},
		`MaxCalls (--max-calls) is -1`:                     {MaxCalls: -1},
		`MaxConns (--max-conns) is -1`:                     {MaxConns: -1},
		`MaxServers (--max-servers) is -1`:                 {MaxServers: -1},
		`MaxRoutes (--max-routes) is -1`:                   {MaxRoutes: -1},
		`MaxSpool (--max-spool) is -1`:                     {MaxSpool: -1},
		`HeaderTimeout (--header-timeout) is -1s`:          {HeaderTimeout: -time.Second},
		`IdleTimeout (--idle-timeout) is -1s`:              {IdleTimeout: -time.Second},
		`StallTimeout (--stall-timeout) is -1s`:            {StallTimeout: -time.Second},
		`no such file or directory (--spool-dir`:           {SpoolDir: "/nonexistent"},
		`origin "page.example" (--cors-origin)`:            {Origins: []string{"https://ok.example", "page.example"}},
		`origin "https://page.example/"`:                   {Origins: []string{"https://page.example/"}},
		`origin "https://Page.example"`:                    {Origins: []string{"https://Page.example"}},
		`origin ""`:                                        {Origins: []string{""}},
	} {
		r, err := relay.New(config)
		if err == nil {
			t.Errorf("%+v makes a relay, want %s", config, want)
			if err := r.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	r, err := relay.New(relay.Config{Origins: []string{"*", "null", "https://page.example:8443", "http://[::1]:80"}, MinRate: -1, URL: "http://Host:80/"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
