package c2

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// ResourceStats are the figures of a resource and of the process that has it. Those of calls count since it was registered,
// and calls from everywhere: other processes, relays, and its own process.
type ResourceStats struct {
	Name    string            `json:"name"`
	Since   time.Time         `json:"since"`            // when it was registered
	Calls   uint64            `json:"calls"`            // that ran or run
	Running int               `json:"running"`          // of these
	Waiting int               `json:"waiting"`          // calls that wait for their turn
	Errors  map[string]uint64 `json:"errors,omitempty"` // calls that failed, also without having run, by [CodeName]
	Methods []MethodStats     `json:"methods"`          // in the order of the descriptor
	Holds   HoldStatistics    `json:"holds"`            // of the node
	Memory  ipc.MemoryStats   `json:"memory"`           // of the node
}

// MethodStats are the figures of one method.
type MethodStats struct {
	Name    string            `json:"name"`
	Calls   uint64            `json:"calls"`
	Running int               `json:"running"`
	Waiting int               `json:"waiting"`
	Errors  map[string]uint64 `json:"errors,omitempty"`
}

// CodeName is how figures, relays and the command line name a code: in lower case, such as not_found.
func CodeName(c Code) string { return relayapi.CodeName(ipc.Code(c)) }

// Stats gives the figures of a resource of the node, or ErrNotFound.
func (n *Node) Stats(name string) (ResourceStats, error) {
	r := n.find(name)
	if r == nil {
		return ResourceStats{}, newError(CodeNotFound, "no resource of this name is registered at %s", n.address).at(name, "")
	}
	return r.stats(n), nil
}

// Stats gives the figures of the resource, as its process has them. One with an older c2 has none, and one that is called by way
// of a relay can't be asked: ErrUnsupported. Relays keep figures of their own.
func (d *Dynamic) Stats(ctx context.Context) (ResourceStats, error) {
	ctx, cancel, err := d.begin(orBackground(ctx))
	if err != nil {
		return ResourceStats{}, callError(err).at(d.link.name, "")
	}
	defer cancel()
	var s ResourceStats
	err = d.link.reach(ctx, func(b *binding) (err error) {
		s, err = b.stats(ctx)
		return err
	})
	if err != nil {
		return ResourceStats{}, callError(err).at(d.link.name, "")
	}
	return s, nil
}

// stats asks the resource's process for its figures.
func (b *binding) stats(ctx context.Context) (ResourceStats, error) {
	node, ok := b.endpoint.(nodeCaller)
	if !ok {
		return ResourceStats{}, newError(CodeUnsupported, "the resource is called by way of a relay, which has figures of its own (GET /v1/stats/…, c3 stats)")
	}
	out, err := askDirectory(ctx, node, directoryStats, reflect.ValueOf(b.desc.Name))
	switch {
	case err == nil:
		return out[0].Interface().(ResourceStats), nil
	case callError(err).Code == CodeNotFound: // of the directory itself, which lacks the method
		return ResourceStats{}, newError(CodeUnsupported, "the resource's process has an older c2, which keeps no figures")
	case errors.Is(err, ErrNotFound):
		return ResourceStats{}, &ipc.Error{Code: ipc.CodeStale, Message: "no resource of this name is registered there"}
	}
	return ResourceStats{}, err
}

// stats are the figures of r, each method's of one moment.
func (r *resource) stats(n *Node) ResourceStats {
	s := ResourceStats{Name: r.name, Since: r.since, Holds: n.HoldStats(), Memory: n.MemoryStats()}
	for i := range r.methods {
		m := &r.methods[i]
		counts := m.calls.Counts()
		ms := MethodStats{Name: m.name, Calls: counts.Admitted, Running: counts.Running, Waiting: counts.Pending, Errors: m.failed.byName()}
		s.Calls += ms.Calls
		s.Running += ms.Running
		s.Waiting += ms.Waiting
		for code, n := range ms.Errors {
			if s.Errors == nil {
				s.Errors = make(map[string]uint64)
			}
			s.Errors[code] += n
		}
		s.Methods = append(s.Methods, ms)
	}
	return s
}

// failures counts the calls of a method that failed, by code.
type failures [ipc.CodeStale + 1]atomic.Uint64

func (f *failures) count(c Code) {
	if int(c) >= len(f) {
		c = CodeInternal
	}
	f[c].Add(1)
}

// byName is nil if there are none.
func (f *failures) byName() map[string]uint64 {
	var byName map[string]uint64
	for c := range f {
		n := f[c].Load()
		if n == 0 {
			continue
		}
		if byName == nil {
			byName = make(map[string]uint64)
		}
		byName[CodeName(Code(c))] = n
	}
	return byName
}
