package c2

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// List describes the resources at an address (see [At]), ordered by name; of a relay those that it knows, each once.
// Without one they are those of this process and, if the node has a relay (see [RelayURL]), those that this knows: what
// [Connect] finds.
func List(ctx context.Context, opts ...ConnectOption) ([]Descriptor, error) {
	config, err := connectOptions(opts)
	if err != nil {
		return nil, err
	}
	all, err := config.list(orBackground(ctx))
	if err != nil {
		return nil, callError(err)
	}
	return all, nil
}

func (c *connectConfig) list(ctx context.Context) ([]Descriptor, error) {
	w, err := c.way("")
	if err != nil {
		return nil, err
	}
	defer w.release()
	if a, ok := w.(address); ok {
		e, err := a.endpoint()
		if err != nil {
			return nil, err
		}
		defer e.release()
		return e.list(ctx)
	}
	there, err := w.(*relayed).list(ctx)
	if err != nil || c.address != "" {
		return there, err
	}
	here, err := ownEndpoint{c.node}.list(ctx)
	return mergeByName(here, there), err
}

// mergeByName is both lists, ordered by name; of two of a name it has the first list's.
func mergeByName(first, second []Descriptor) []Descriptor {
	known := make(map[string]bool, len(first))
	for i := range first {
		known[first[i].Name] = true
	}
	all := append(first[:len(first):len(first)], slices.DeleteFunc(second, func(d Descriptor) bool { return known[d.Name] })...)
	slices.SortFunc(all, func(a, b Descriptor) int { return strings.Compare(a.Name, b.Name) })
	return all
}

const (
	// listAtOnce is how many resources a list asks a relay for at a time.
	listAtOnce = 8
	// maxListed is how many bytes of memory their descriptions may take together.
	maxListed = 1 << 30
)

// list implements [endpoint]. What is withdrawn meanwhile is not in it.
func (r relay) list(ctx context.Context) ([]Descriptor, error) {
	names, err := r.names(ctx)
	if err != nil {
		return nil, err
	}
	r.budget = new(atomic.Int64)
	r.budget.Store(maxListed)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([]*Descriptor, len(names))
	var wg sync.WaitGroup
	slots := make(chan struct{}, listAtOnce)
	for i, name := range names {
		if slots <- struct{}{}; ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			_, desc, err := r.describe(ctx, name)
			if err != nil && !errors.Is(callError(err), ErrNotFound) {
				cancel(err) // the first one counts
			}
			found[i] = desc
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := []Descriptor{}
	for _, desc := range found {
		if desc != nil {
			all = append(all, *desc)
		}
	}
	return all, nil
}

// names lists what the relay knows, ordered, each once.
func (r relay) names(ctx context.Context) ([]string, error) {
	var routes struct {
		Resources []struct {
			Name string `json:"name"`
		} `json:"resources"`
	}
	if err := r.ask(ctx, question{path: relayapi.PathResources, limit: maxRoutes}, &routes); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(routes.Resources))
	for _, route := range routes.Resources {
		if !relayapi.ValidName(route.Name) {
			return nil, r.fault(ipc.CodeInternal, "it lists %.40q, which is no name of a resource", route.Name)
		}
		names = append(names, route.Name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}
