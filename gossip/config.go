package gossip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// Config is what a relay of a mesh is started with.
type Config struct {
	// ID names the relay in the mesh, 1 to 64 bytes. No two relays may have the same at a time: the one that started later counts,
	// and both log an error.
	ID string
	// URL is where others reach the relay by HTTP, without a path. Empty: they can't, so it has no routes for them, but it has theirs.
	URL string
	// Bind is the host:port, TCP and UDP, where it listens for gossip. Port 0 is any free one. Default 127.0.0.1:0.
	Bind string
	// Advertise is the host:port where others reach that, if it is another one; a port of 0 is the one of Bind.
	Advertise string
	// Seeds are relays to join, by their gossip address (host:port) or their URL, which Resolve turns into one. They are tried
	// until they are members, and again when they are none any more. A relay may be among its own seeds.
	Seeds []string
	// Keys encrypt the gossip, by the first one; the others may still be used by others. Each has 16, 24 or 32 bytes. None: it is not
	// encrypted, and whoever reaches the port may join.
	Keys [][]byte
	// Snapshot is a file that the relay keeps so that it finds the mesh again after a restart. Empty: none.
	Snapshot string
	// Logger takes what happens. Default: none.
	Logger zerolog.Logger
	// Limits bound what others can make the relay keep.
	Limits Limits
	// Tuning is how fast things go.
	Tuning Tuning

	// Resolve asks the relay of that URL for its gossip address (Mesh.Address). Without it seeds can't be URLs.
	Resolve func(ctx context.Context, relayURL string) (string, error)
	// Fetch asks the relay of that URL for what Mesh.Table returns there. It should read no more than Limits.DeltaBytes.
	// Required.
	Fetch func(ctx context.Context, relayURL string, q Query) ([]byte, error)
	// Push gives the relay of that URL a delta for its Mesh.Receive, and returns its error. It must neither change delta nor keep
	// it. Without it others learn of changes by serf alone, about half a second later.
	Push func(ctx context.Context, relayURL string, delta []byte) error

	listen    listenFunc                                                        // for tests; default listen
	transport func(memberlist.NodeAwareTransport) memberlist.NodeAwareTransport // for tests
}

// Tuning is how fast things go. The zero value of each field means its default; docs/mesh.md says why it is that.
type Tuning struct {
	ProbeInterval     time.Duration // each relay probes one other one in each. Default 1 s
	ProbeTimeout      time.Duration // for a probe's answer, before others are asked to probe, too. Default 500 ms
	SuspicionMult     int           // how many probe intervals, times log10 of the relays, a suspect has to refute. Default 3
	GossipInterval    time.Duration // between messages to three others each, if there is something to tell. Default 100 ms
	SyncInterval      time.Duration // between exchanges of all that serf knows with another relay. Default 15 s
	ReconnectInterval time.Duration // between attempts to reach relays that failed. Default 2 s
	ReconnectTimeout  time.Duration // how long a relay that failed may come back. Default 24 h
	StreamTimeout     time.Duration // for an exchange over TCP. Default 3 s
	LeaveTimeout      time.Duration // for a join under way and each of the two messages of leaving, and a change of the tag. Default 1 s
	LeaveDelay        time.Duration // before a relay that left is silent. Default 300 ms

	SeedRetryMax time.Duration // the longest time between attempts to join a seed; the first is 250 ms. Default 15 s
	PushDelay    time.Duration // for which changes are gathered before they are pushed. Default 10 ms
	HTTPTimeout  time.Duration // for a Push, Resolve or Fetch, which has up to twelve times that after failures. Default 5 s
	Parallel     int           // how many Fetches, and how many Pushes, run at a time. Default 16
}

func (t Tuning) withDefaults() Tuning {
	t.ProbeInterval = cmp.Or(t.ProbeInterval, time.Second)
	t.ProbeTimeout = cmp.Or(t.ProbeTimeout, 500*time.Millisecond)
	t.SuspicionMult = cmp.Or(t.SuspicionMult, 3)
	t.GossipInterval = cmp.Or(t.GossipInterval, 100*time.Millisecond)
	t.SyncInterval = cmp.Or(t.SyncInterval, 15*time.Second)
	t.ReconnectInterval = cmp.Or(t.ReconnectInterval, 2*time.Second)
	t.ReconnectTimeout = cmp.Or(t.ReconnectTimeout, 24*time.Hour)
	t.StreamTimeout = cmp.Or(t.StreamTimeout, 3*time.Second)
	t.LeaveTimeout = cmp.Or(t.LeaveTimeout, time.Second)
	t.LeaveDelay = cmp.Or(t.LeaveDelay, 300*time.Millisecond)
	t.SeedRetryMax = cmp.Or(t.SeedRetryMax, 15*time.Second)
	t.PushDelay = cmp.Or(t.PushDelay, 10*time.Millisecond)
	t.HTTPTimeout = cmp.Or(t.HTTPTimeout, 5*time.Second)
	t.Parallel = cmp.Or(t.Parallel, 16)
	return t
}

// withDefaults fills in what is not set, or says all that is wrong.
func (c Config) withDefaults() (Config, error) {
	c.Bind = cmp.Or(c.Bind, "127.0.0.1:0")
	errs := []error{checkID(c.ID), checkURL(c.URL), c.Limits.check()}
	if c.Fetch == nil {
		errs = append(errs, errors.New("gossip: Config.Fetch is nil; without it no table of another relay can be had"))
	}
	for i, k := range c.Keys {
		if err := memberlist.ValidateKey(k); err != nil {
			errs = append(errs, fmt.Errorf("gossip: key %d has %d bytes; want 16, 24 or 32", i+1, len(k)))
		}
	}
	for _, s := range c.Seeds {
		errs = append(errs, c.checkSeed(s))
	}
	if c.listen == nil {
		c.listen = listen
	}
	c.Limits, c.Tuning = c.Limits.withDefaults(), c.Tuning.withDefaults()
	return c, errors.Join(errs...)
}
