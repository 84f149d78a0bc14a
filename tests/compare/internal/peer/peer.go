package peer

import "context"

// Peer is a system that is compared.
type Peer struct {
	Name   string // for command lines
	Title  string // for people
	Module string // of Go, whose version is reported; empty if it comes with Go
	How    string // how it was set up: a sentence or two

	// Echoes and Tables name the ways in which the client does that. Small calls take the first way.
	Echoes, Tables []string

	// Serve serves on a Unix socket at the path given, until stop is called.
	Serve func(socket string) (stop func() error, err error)
	// Dial connects to what Serve serves there.
	Dial func(ctx context.Context, socket string) (*Conn, error)
}

// Conn is a client of a peer. Its functions may be called by several goroutines at once.
type Conn struct {
	Echo  map[string]Echo  // by way
	Table map[string]Table // by way
	Close func() error
}

// Echo sends data there and back, and shows what came back to see, which must not keep it.
type Echo func(ctx context.Context, data []byte, see func(answer []byte) error) error

// Table fetches a table of n rows and adds up x, y and z of all of them.
type Table func(ctx context.Context, n int) (sum float64, err error)

// largest is what peers that limit the size of a message are told to let pass: more than is ever sent.
const largest = 1 << 30

// All returns the peers, c2 first and then the floor.
func All() []Peer {
	return []Peer{C2(), Raw(), NetRPC(), GRPC(), GRPCBytes(), Connect(), ConnectBytes(), DRPC()}
}

// ByName returns the peer of that name.
func ByName(name string) (Peer, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Peer{}, false
}
