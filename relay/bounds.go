package relay

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/internal/relayapi"
)

// leastHeader is what MaxHeader has to be at least: what ordinary clients send.
const leastHeader = 1 << 10

// checkBounds finds fault with bounds that nothing would fit in. Those that were not given have their defaults already.
func (c *Config) checkBounds() error {
	var faults []error
	want := func(ok bool, name string, value any, least string) {
		if !ok {
			faults = append(faults, fmt.Errorf("%s is %v: want %s or more", name, value, least))
		}
	}
	want(c.MaxHeader >= leastHeader, "MaxHeader (--max-header)", c.MaxHeader, strconv.Itoa(leastHeader))
	want(c.MaxBody > 0, "MaxBody (--max-body)", c.MaxBody, "1")
	want(c.MaxJSON > 0, "MaxJSON (--max-json)", c.MaxJSON, "1")
	want(c.MaxCalls > 0, "MaxCalls (--max-calls)", c.MaxCalls, "1")
	want(c.MaxConns > 0, "MaxConns (--max-conns)", c.MaxConns, "1")
	want(c.MaxServers > 0, "MaxServers (--max-servers)", c.MaxServers, "1")
	want(c.MaxRoutes > 0, "MaxRoutes (--max-routes)", c.MaxRoutes, "1")
	want(c.MaxSpool > 0, "MaxSpool (--max-spool)", c.MaxSpool, "1")
	want(c.HeaderTimeout > 0, "HeaderTimeout (--header-timeout)", c.HeaderTimeout, "1ms")
	want(c.IdleTimeout > 0, "IdleTimeout (--idle-timeout)", c.IdleTimeout, "1ms")
	want(c.StallTimeout > 0, "StallTimeout (--stall-timeout)", c.StallTimeout, "1ms")
	return errors.Join(faults...)
}

// checkTokens finds fault with tokens that no header can carry. It does not say what they are.
func (c *Config) checkTokens() error {
	for _, t := range []struct{ whose, token string }{{"callers", c.Token}, {"servers", c.AnnounceToken}} {
		if !relayapi.ValidToken(t.token) {
			return fmt.Errorf("the token of %s: want letters, digits and signs of ASCII, without spaces", t.whose)
		}
	}
	return nil
}

// checkOrigins finds fault with origins that no browser would send.
func checkOrigins(origins []string) error {
	for _, o := range origins {
		u, err := url.Parse(o)
		if o != "*" && o != "null" && (err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != o || o != strings.ToLower(o)) {
			return fmt.Errorf("origin %q (--cors-origin): want https://host or https://host:port, as browsers send it, or * for all", o)
		}
	}
	return nil
}
