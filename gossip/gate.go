package gossip

import (
	"fmt"
	"sync/atomic"

	"github.com/hashicorp/serf/serf"
)

// gate bounds how many nodes serf knows: whoever can gossip could tell of any number.
type gate struct {
	limit int
	names atomic.Pointer[map[string]bool] // of the nodes that serf has; nil as long as they are few
}

// newGate lets as many nodes in as there may be tables and as many former starts of them.
func newGate(l Limits) *gate { return &gate{limit: 2 * (l.Peers + 1)} }

// observe takes who is there. Until the next time, a second later at most, only what comes in one message is counted.
func (g *gate) observe(nodes []node) {
	if len(nodes) < g.limit/2 {
		g.names.Store(nil)
		return
	}
	names := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		names[n.name] = true
	}
	g.names.Store(&names)
}

// NotifyMerge is called by serf, with memberlist's locks held, before it takes nodes that another one told of. An error keeps all of
// them out.
func (g *gate) NotifyMerge(list []*serf.Member) error {
	var known map[string]bool
	if p := g.names.Load(); p != nil {
		known = *p
	}
	fresh := 0
	for _, m := range list {
		if !known[m.Name] {
			fresh++
		}
	}
	if fresh == 0 || len(known)+fresh <= g.limit {
		return nil
	}
	return fmt.Errorf("gossip: the mesh has %d nodes and may have %d; %d more are not taken", len(known), g.limit, fresh)
}

var _ serf.MergeDelegate = (*gate)(nil)
