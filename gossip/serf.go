package gossip

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// The reaping of nodes that are history.
const (
	formerTimeout    = 30 * time.Second // of a relay that has a later start which lives
	tombstoneTimeout = time.Hour        // of those that left
	reapInterval     = 15 * time.Second
)

// eventBuffer is how many of serf's events may wait. They only ring a bell, but serf stands still while there is no room.
const eventBuffer = 256

// membership is serf, started: who is there, and the tag.
type membership struct {
	serf   *serf.Serf
	name   string
	events chan serf.Event
	latest *latestStarts
	gate   *gate
}

// nodeName is unique to each start of a relay: serf takes a node that comes back under the name of one that failed for the
// same, and its memory of that one's state would outlive the start. It has only what serf allows in names.
func nodeName(id string, incarnation uint64) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '-'
	}, id)
	return fmt.Sprintf("%s.%016x", clean, incarnation)
}

// startSerf starts serf for a relay.
func startSerf(ctx context.Context, c *Config, tag Tag) (m *membership, err error) {
	logger := newBridge(c.Logger)
	keyring, err := newKeyring(c.Keys)
	if err != nil {
		return nil, err
	}
	conf := serfConfig(c.Tuning)
	if err := c.openTransport(ctx, conf.MemberlistConfig, logger); err != nil {
		return nil, err
	}
	m = &membership{
		name: nodeName(tag.ID, tag.Incarnation), events: make(chan serf.Event, eventBuffer), latest: new(latestStarts),
		gate: newGate(c.Limits),
	}
	conf.NodeName = m.name
	conf.Tags = map[string]string{tagKey: tag.String()}
	conf.EventCh = m.events
	conf.Logger, conf.MemberlistConfig.Logger = logger, logger
	conf.ReconnectTimeoutOverride = m.latest
	conf.Merge = m.gate
	conf.MemberlistConfig.Keyring = keyring
	if m.serf, err = serf.Create(conf); err != nil {
		conf.MemberlistConfig.Transport.Shutdown()
		return nil, fmt.Errorf("gossip: %w", err)
	}
	return m, nil
}

// serfConfig is what all relays have in common.
func serfConfig(t Tuning) *serf.Config {
	conf := serf.DefaultConfig()
	conf.Init()
	conf.LogOutput = nil
	conf.ProtocolVersion = serf.ProtocolVersionMax // as the serf command speaks, so that it can join
	conf.EnableNameConflictResolution = false      // names are unique; it could make a relay leave
	conf.BroadcastTimeout = t.LeaveTimeout
	conf.LeavePropagateDelay = t.LeaveDelay
	conf.ReconnectInterval = t.ReconnectInterval
	conf.ReconnectTimeout = t.ReconnectTimeout
	conf.TombstoneTimeout = tombstoneTimeout
	conf.ReapInterval = reapInterval
	list := memberlist.DefaultLANConfig()
	list.ProbeInterval, list.ProbeTimeout = t.ProbeInterval, t.ProbeTimeout
	list.SuspicionMult = t.SuspicionMult
	list.GossipInterval = t.GossipInterval
	list.PushPullInterval = t.SyncInterval
	list.TCPTimeout = t.StreamTimeout
	list.EnableCompression = false // packets are small; what others compress is still read
	conf.MemberlistConfig = list
	return conf
}

func newKeyring(keys [][]byte) (*memberlist.Keyring, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	return memberlist.NewKeyring(keys, keys[0])
}

// nodes returns who is there.
func (m *membership) nodes() []node {
	members := m.serf.Members()
	list := make([]node, len(members))
	for i, s := range members {
		list[i] = node{name: s.Name, gossip: hostPort(s.Addr, s.Port), status: status(s.Status), tag: s.Tags[tagKey]}
	}
	return list
}

func hostPort(ip net.IP, port uint16) string {
	return net.JoinHostPort(ip.String(), strconv.Itoa(int(port)))
}

func status(s serf.MemberStatus) Status {
	switch s {
	case serf.StatusAlive:
		return Alive
	case serf.StatusLeaving:
		return Leaving
	case serf.StatusLeft:
		return Left
	}
	return Failed
}

// rtt estimates the time to a node and back; 0 is not known.
func (m *membership) rtt(name string) time.Duration {
	own, err := m.serf.GetCoordinate()
	if err != nil {
		return 0
	}
	other, ok := m.serf.GetCachedCoordinate(name)
	if !ok {
		return 0
	}
	return own.DistanceTo(other)
}

// address is where others reach this node.
func (m *membership) address() string {
	s := m.serf.LocalMember()
	return hostPort(s.Addr, s.Port)
}

// latestStarts knows the latest living start of each relay, and lets serf forget the ones before soon.
type latestStarts struct {
	view atomic.Pointer[map[string]sighting]
}

// ReconnectTimeout is called by serf with its locks held.
func (l *latestStarts) ReconnectTimeout(s *serf.Member, timeout time.Duration) time.Duration {
	view := l.view.Load()
	if view == nil {
		return timeout
	}
	t, err := ParseTag(s.Tags[tagKey])
	if err != nil {
		return timeout
	}
	if latest := (*view)[t.ID]; latest.living && latest.Incarnation > t.Incarnation {
		return min(timeout, formerTimeout)
	}
	return timeout
}
