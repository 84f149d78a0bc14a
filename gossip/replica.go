package gossip

import (
	"errors"
	"fmt"
)

// replica is another relay's table as it is known here.
type replica struct {
	incarnation uint64
	version     uint64
	digest      uint64
	bytes       int
	routes      map[Key]*Route // the routes are never written to
}

func newReplica(incarnation uint64) *replica {
	return &replica{incarnation: incarnation, routes: make(map[Key]*Route)}
}

// change is what applying a delta did to a replica.
type change struct {
	gone []*Route
	come []*Route
}

var (
	errGap    = errors.New("gossip: the delta begins after the version that is known")
	errStale  = errors.New("gossip: the delta leads to a version that is known already")
	errDigest = errors.New("gossip: the table's digest is not what its owner says")
)

// apply brings t to d's version, or leaves it as it is and says why. The whole of the same version replaces a
// table of another digest; force takes the whole whatever its version is.
func (t *replica) apply(d *Delta, force bool, limits Limits) (change, error) {
	whole := d.Base == 0
	switch {
	case d.Incarnation != t.incarnation:
		return change{}, fmt.Errorf("gossip: the delta is of incarnation %016x, not %016x", d.Incarnation, t.incarnation)
	case whole && (force || d.Version == t.version && d.Digest != t.digest):
	case d.Version <= t.version:
		return change{}, errStale
	case d.Base > t.version:
		return change{}, errGap
	}
	c, after := t.plan(d)
	switch {
	case after.digest != d.Digest:
		return change{}, errDigest
	case after.count > limits.Routes:
		return change{}, full("routes", after.count, limits.Routes)
	case after.bytes > limits.TableBytes:
		return change{}, full("bytes of routes", after.bytes, limits.TableBytes)
	}
	for _, r := range c.gone {
		delete(t.routes, r.Key)
	}
	for _, r := range c.come {
		t.routes[r.Key] = r
	}
	t.version, t.digest, t.bytes = d.Version, d.Digest, after.bytes
	return c, nil
}

type sums struct {
	digest       uint64
	count, bytes int
}

func (s *sums) add(r *Route) {
	s.digest += r.digest()
	s.count++
	s.bytes += r.Size()
}

func (s *sums) sub(r *Route) {
	s.digest -= r.digest()
	s.count--
	s.bytes -= r.Size()
}

// plan works out what d changes and what the table would be then, without changing it.
func (t *replica) plan(d *Delta) (c change, after sums) {
	after = sums{t.digest, len(t.routes), t.bytes}
	gone := func(r *Route) {
		c.gone = append(c.gone, r)
		after.sub(r)
	}
	kept := make(map[Key]bool)
	for _, r := range d.Put {
		old := t.routes[r.Key]
		if d.Base == 0 {
			kept[r.Key] = true
		}
		if old != nil && *old == *r {
			continue
		}
		if old != nil {
			gone(old)
		}
		c.come = append(c.come, r)
		after.add(r)
	}
	for _, k := range d.Removed {
		if old := t.routes[k]; old != nil {
			gone(old)
		}
	}
	if d.Base == 0 {
		for k, old := range t.routes {
			if !kept[k] {
				gone(old)
			}
		}
	}
	return c, after
}
