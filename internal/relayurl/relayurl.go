// Package relayurl reads the URLs that name relays: for relays, for those who call by them, and for the mesh. It knows nothing
// of what is behind such a URL, and imports nothing of c2.
package relayurl

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Parse returns the URL of a relay in the one form that all who mean that relay write: scheme, host and port, in small letters but
// for an address's zone.
// The error quotes the text, without a password that may be in it, and says what it is to be like; whose URL it is says the caller.
func Parse(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || !valid(u) {
		return "", fmt.Errorf("%q: want http://host:port or https://host:port, and nothing behind it", redacted(u, text))
	}
	host, zone, _ := strings.Cut(u.Host, "%") // an IPv6 address's, which is the name of a network interface
	host = strings.ToLower(host)
	if zone != "" {
		host += "%" + zone
	}
	return (&url.URL{Scheme: u.Scheme, Host: host}).String(), nil
}

func valid(u *url.URL) bool {
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" &&
		(err == nil && port > 0 || u.Port() == "" && !strings.HasSuffix(u.Host, ":"))
}

// redacted is the URL without a password that may be in it: errors are logged. u is nil if it can't be read.
func redacted(u *url.URL, text string) string {
	switch {
	case u != nil:
		return u.Redacted()
	case strings.Contains(text, "@"):
		return "…" + text[strings.LastIndex(text, "@"):]
	}
	return text
}
