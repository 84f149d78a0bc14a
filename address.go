package c2

import (
	"net/url"
	"slices"
	"strings"

	"github.com/ctwo-go/c2/internal/relayurl"
	"github.com/ctwo-go/c2/ipc"
)

const addressForms = "want thread:// (this process), ipc://name, ipc:///abs/path.sock, http://host:port or https://host:port"

type scheme uint8

const (
	schemeThread scheme = iota
	schemeIPC
	schemeHTTP
)

// parseAddress tells what kind an address is of, and how it is to be written.
func parseAddress(address string) (scheme, string, error) {
	switch {
	case address == "thread://":
		return schemeThread, address, nil
	case strings.HasPrefix(address, ipc.Scheme):
		if _, err := ipc.SocketPath(address); err != nil {
			return 0, "", newError(CodeInvalid, "%v", err)
		}
		return schemeIPC, address, nil
	case strings.HasPrefix(address, "http://"), strings.HasPrefix(address, "https://"):
		address, err := parseRelayURL(address)
		return schemeHTTP, address, err
	}
	return 0, "", newError(CodeInvalid, "address %q: %s", address, addressForms)
}

// samePlace tells whether both addresses are of one socket: a name, and the path that it stands for, are.
func samePlace(a, b string) bool {
	if a == b {
		return true
	}
	pathA, errA := ipc.SocketPath(a)
	pathB, errB := ipc.SocketPath(b)
	return errA == nil && errB == nil && pathA == pathB
}

// parseRelayURL returns the URL of a relay in the one form that all who mean that relay write: scheme, host and port.
func parseRelayURL(text string) (string, error) {
	text, err := relayurl.Parse(text)
	if err != nil {
		return "", newError(CodeInvalid, "relay %v", err)
	}
	return text, nil
}

// maxRelays bounds how many relays a list may have.
const maxRelays = 16

// parseRelayURLs reads the URLs of relays, with commas between them, each once. Empty is none.
func parseRelayURLs(text string) (urls []string, err error) {
	if text == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		url, err := parseRelayURL(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(urls, url) {
			urls = append(urls, url)
		}
	}
	if len(urls) > maxRelays {
		return nil, newError(CodeInvalid, "%d relays: want at most %d; those of a mesh know of each other", len(urls), maxRelays)
	}
	return urls, nil
}

// pathSegment is a name as one segment of a URL's path. A dot or two would be taken for a way through the path.
func pathSegment(name string) string {
	if name == "." || name == ".." {
		return strings.ReplaceAll(name, ".", "%2E")
	}
	return url.PathEscape(name)
}
