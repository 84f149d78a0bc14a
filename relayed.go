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

// relayed is the way to the resources that a relay knows of.
type relayed struct{ relay relay }

// relayed returns the way by the relay of that URL.
func (n *Node) relayed(url string) *relayed {
	n.http.acquire()
	return &relayed{relay{node: n, url: url}}
}

func (w *relayed) release() { w.relay.node.http.release() }

// find implements [way]: it asks the relay, and tries the candidates in the order that it gives them.
func (w *relayed) find(ctx context.Context, name string, fit fitter, failed []relayapi.Place) (*binding, error) {
	if w.relay.node.isClosed() {
		return nil, nodeClosed()
	}
	found, err := w.relay.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	var first error
	for _, place := range failedLast(found.Candidates, failed) {
		b, err := w.bind(ctx, name, fit, place)
		if err == nil {
			b.place = &place
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// What can't be reached tells less than what does not fit.
		if first == nil || errors.Is(callError(first), ErrUnavailable) {
			first = err
		}
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
func (w *relayed) bind(ctx context.Context, name string, fit fitter, place relayapi.Place) (*binding, error) {
	if e := w.direct(ctx, place); e != nil {
		if b, err := bindAt(ctx, e, name, fit); err == nil {
			return b, nil
		}
	}
	only, err := parseResourceID(place.ID)
	if err != nil {
		return nil, w.relay.fault(ipc.CodeInternal, "%v", err)
	}
	if r, ok := w.nearer(place); ok {
		r.only = only
		soon, cancel := context.WithTimeout(ctx, nearerTimeout)
		b, err := bindAt(soon, r, name, fit)
		cancel()
		if err == nil || ctx.Err() != nil {
			return b, err
		}
	}
	r := w.relay
	r.only = only
	return bindAt(ctx, r, name, fit)
}

// direct returns a connection to the server itself, if it is there at that address, or nil.
func (w *relayed) direct(ctx context.Context, place relayapi.Place) endpoint {
	path, err := ipc.SocketPath(place.Address)
	if err != nil || !strings.HasPrefix(place.Address, ipc.Scheme+"/") {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeSocket == 0 {
		return nil
	}
	c, err := w.relay.node.client(ipc.Scheme + path)
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
func (w *relayed) nearer(place relayapi.Place) (relay, bool) {
	url, err := parseRelayURL(place.URL)
	if err != nil || url == w.relay.url || strings.HasPrefix(w.relay.url, "https:") && !strings.HasPrefix(url, "https:") {
		return relay{}, false
	}
	return relay{node: w.relay.node, url: url}, true
}
