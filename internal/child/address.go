package child

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports below those that systems give to whoever wants any: from 32768 on Linux, from 49152 elsewhere. So nobody gets one of them by
// chance between FreeAddress and the program that is told of it.
const (
	firstPort = 20000
	ports     = 12000
)

// FreeAddress returns a host:port of the loopback that is free for TCP and UDP, for a program that is to listen there.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(ports)))
		if isFree(address) {
			return address
		}
	}
	t.Fatalf("a hundred ports from %d on are in use", firstPort)
	return ""
}

func isFree(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer l.Close()
	p, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	p.Close()
	return true
}
