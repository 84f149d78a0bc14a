package relay

import (
	"net"
	"testing"
)

// TestFromHere: a server may announce from the relay's host, by whichever of its addresses.
func TestFromHere(t *testing.T) {
	for _, x := range []struct {
		from, to string
		want     bool
	}{
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.2", "127.0.0.1", true}, {"::1", "::1", true},
		{"10.0.0.1", "10.0.0.1", true}, {"10.0.0.1", "::ffff:10.0.0.1", true}, {"fd00::1", "fd00::1", true},
		{"10.0.0.2", "10.0.0.1", false}, {"fd00::2", "fd00::1", false}, {"10.0.0.1", "127.0.0.1", false},
	} {
		from, to := &net.TCPAddr{IP: net.ParseIP(x.from), Port: 1}, &net.TCPAddr{IP: net.ParseIP(x.to), Port: 2}
		if got := fromHere(from, to); got != x.want {
			t.Errorf("from %s to %s: %t", x.from, x.to, got)
		}
	}
	if fromHere(&net.UnixAddr{}, &net.UnixAddr{}) {
		t.Error("what has no address of a host is said to be here")
	}
}
