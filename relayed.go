package c2

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// relayed is the way to the resources that any of some relays knows of. It belongs to who has its link's turn to bind.
type relayed struct {
	node    *Node
	relays  []relay // those that were asked last with success first
	learned []relay // which had the resource when it was found last; they are asked when the others don't find it
}

// maxLearned bounds how many relays are asked that were not named.
const maxLearned = 3

// relayed returns the way by the relays of these URLs, at least one.
func (n *Node) relayed(urls ...string) *relayed {
	n.http.acquire()
	w := &relayed{node: n}
	for _, url := range urls {
		w.relays = append(w.relays, relay{node: n, url: url})
	}
	return w
}

func (w *relayed) release() { w.node.http.release() }

// find implements [way]: it asks one relay after the other until one leads to the resource.
func (w *relayed) find(ctx context.Context, name string, fit fitter, failed []relayapi.Place) (b *binding, err error) {
	ask := func(r relay, timeout time.Duration) error {
		found, err := r.resolve(ctx, name, timeout)
		if err != nil {
			return err
		}
		places := failedLast(found.Candidates, failed)
		if b, err = r.bindOne(ctx, name, fit, places[:min(len(places), maxPlaces)]); err == nil {
			w.learn(r, found.Candidates)
		}
		return err
	}
	if err = w.each(ctx, ask); err == nil || ctx.Err() != nil || w.node.isClosed() {
		return b, err
	}
	learned := w.learned
	w.learned = nil // who does not know it now is not asked again
	for _, r := range learned {
		if slices.ContainsFunc(failed, func(p relayapi.Place) bool { return p.URL == r.url }) {
			continue
		}
		e := ask(r, nearerTimeout)
		if e == nil || ctx.Err() != nil {
			return b, e
		}
		err = telling(err, e)
	}
	return nil, err
}

// learn keeps which relays have a resource: like all of their mesh they can be asked, when the one that said so is not there.
func (w *relayed) learn(from relay, places []relayapi.Place) {
	w.learned = nil
	add := func(r relay) {
		known := func(k relay) bool { return k.url == r.url }
		if len(w.learned) < maxLearned && !slices.ContainsFunc(w.relays, known) && !slices.ContainsFunc(w.learned, known) {
			w.learned = append(w.learned, r)
		}
	}
	add(from)
	for _, place := range places {
		if r, ok := from.nearer(place); ok {
			add(r)
		}
	}
}

// list lists what the first relay knows that answers.
func (w *relayed) list(ctx context.Context) (all []Descriptor, err error) {
	err = w.each(ctx, func(r relay, _ time.Duration) error {
		all, err = r.list(ctx)
		return err
	})
	return all, err
}

// each asks one relay after the other until there is no error or ctx ends. Each is to answer in the given time.
func (w *relayed) each(ctx context.Context, ask func(relay, time.Duration) error) (first error) {
	for i, r := range w.relays {
		if w.node.isClosed() {
			return nodeClosed()
		}
		timeout := askTimeout
		if i+1 < len(w.relays)+len(w.learned) {
			timeout = nearerTimeout
		}
		err := ask(r, timeout)
		if err == nil {
			w.relays = slices.Concat(w.relays[i:], w.relays[:i])
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		first = telling(first, err)
	}
	return first
}

// telling is the one of two failures that tells more: what can't be reached tells less than what does not fit.
func telling(first, second error) error {
	if first == nil || errors.Is(callError(first), ErrUnavailable) {
		return second
	}
	return first
}

// bindOne binds to the resource at the first of some places where that can be done.
func (r relay) bindOne(ctx context.Context, name string, fit fitter, places []relayapi.Place) (*binding, error) {
	var first error
	for _, place := range places {
		b, err := r.bind(ctx, name, fit, place)
		if err == nil {
			b.place = &place
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		first = telling(first, err)
	}
	return nil, first
}

// failedLast puts the places that failed behind the others.
func failedLast(places, failed []relayapi.Place) []relayapi.Place {
	order := slices.Clone(places)
	slices.SortStableFunc(order, func(a, b relayapi.Place) int {
		return slices.Index(failed, a) - slices.Index(failed, b)
	})
	return order
}

// nearerTimeout is for how long a relay is tried which this host may have no way to, while another carries the calls as well.
const nearerTimeout = 2 * time.Second

// bind binds to the resource at one place: without the relay if that is this host, else by the relay that has it, else by
// the one that was asked.
func (r relay) bind(ctx context.Context, name string, fit fitter, place relayapi.Place) (*binding, error) {
	if e := r.direct(ctx, place); e != nil {
		if b, err := bindAt(ctx, e, name, fit); err == nil {
			return b, nil
		}
	}
	only, err := parseResourceID(place.ID)
	if err != nil {
		return nil, r.fault(ipc.CodeInternal, "%v", err)
	}
	if nearer, ok := r.nearer(place); ok {
		nearer.only = only
		soon, cancel := context.WithTimeout(ctx, nearerTimeout)
		b, err := bindAt(soon, nearer, name, fit)
		cancel()
		if err == nil || ctx.Err() != nil {
			return b, err
		}
	}
	r.only = only
	return bindAt(ctx, r, name, fit)
}

// direct returns a connection to the server itself, if it is there at that address, or nil.
func (r relay) direct(ctx context.Context, place relayapi.Place) endpoint {
	path, err := ipc.SocketPath(place.Address)
	if err != nil || !strings.HasPrefix(place.Address, ipc.Scheme+"/") {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil
	}
	c, err := r.node.client(ipc.Scheme + path)
	if err != nil {
		return nil
	}
	instance, err := c.Instance(ctx)
	if err != nil || hex.EncodeToString(instance[:]) != place.Instance {
		c.release()
		return nil
	}
	return c
}

// nearer is the relay that has the server, if it is another than was asked. Calls that were to be protected on their way
// are not sent by one without TLS.
func (r relay) nearer(place relayapi.Place) (relay, bool) {
	url, err := parseRelayURL(place.URL)
	if err != nil || url == r.url || strings.HasPrefix(r.url, "https:") && !strings.HasPrefix(url, "https:") {
		return relay{}, false
	}
	return relay{node: r.node, url: url}, true
}
