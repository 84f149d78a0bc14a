package c2

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// announcer tells the node's relay what the node has: all of it whenever that changes, and whenever the relay turns out not
// to have it. One goroutine does so, from the first resource on until the node shuts down.
type announcer struct {
	node     *Node
	relay    relay
	address  string // where the relay finds the server
	instance string
	changes  chan struct{} // holds one value if something has changed
	cancel   context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended

	// These belong to the goroutine, and then to withdraw.
	known       uint64 // the revision that the relay has; 0 if it is not known to have any
	incarnation string // of the relay, then
	announced   time.Time
	pause       time.Duration     // before the next attempt, while they fail
	trouble     string            // what was logged last of failures, until one succeeds
	refused     map[string]string // codes, by name
}

const (
	// askEvery is how often the relay is asked whether it has the resources still, and at most how long it takes until
	// one that is not there is tried again.
	askEvery = time.Second
	// firstPause is after what time one that is not there is tried again first.
	firstPause = 20 * time.Millisecond
	// againEvery is how often what was refused is announced again.
	againEvery = 10 * time.Second
	// withdrawTimeout bounds telling the relay that the node shuts down. It will see that anyway.
	withdrawTimeout = time.Second
)

// announceLocked tells the relay, if there is one, that the resources have changed. It does not wait for it.
func (n *Node) announceLocked() {
	if len(n.settings.relays) == 0 || n.server == nil {
		return
	}
	if n.announcer == nil {
		n.announcer = newAnnouncer(n)
	}
	select {
	case n.announcer.changes <- struct{}{}:
	default: // it will look anyway
	}
}

// newAnnouncer starts to announce what a node has that listens.
func newAnnouncer(n *Node) *announcer {
	instance := n.server.Instance()
	path, _ := ipc.SocketPath(n.address) // where it listens
	ctx, cancel := context.WithCancel(context.Background())
	a := &announcer{
		node: n, relay: relay{node: n, url: n.settings.relays[0]}, address: ipc.Scheme + path, instance: hex.EncodeToString(instance[:]),
		changes: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	n.http.acquire()
	go a.run(ctx)
	return a
}

func (a *announcer) run(ctx context.Context) {
	defer close(a.done)
	for ctx.Err() == nil {
		a.wait(ctx, a.step(ctx))
	}
}

// wait waits for a time, or until there is something that the relay does not know.
func (a *announcer) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-a.changes:
			if a.known != a.node.resources.Load().revision {
				return
			}
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// step tells the relay what it does not know, or asks whether it knows it still. It returns after what time to do so again.
func (a *announcer) step(ctx context.Context) time.Duration {
	table := a.node.resources.Load()
	if len(a.refused) > 0 && time.Since(a.announced) >= againEvery {
		a.known = 0
	}
	var err error
	if a.known == table.revision {
		err = a.ask(ctx)
	}
	if err == nil && a.known != table.revision {
		err = a.announce(ctx, table)
	}
	if err != nil {
		return a.failed(ctx, err)
	}
	if a.trouble != "" {
		a.node.log.Warn().Str("relay", a.relay.url).Msg("the relay is back, and has the resources")
	}
	a.trouble, a.pause = "", 0
	return askEvery
}

// ask asks the relay whether it has the revision still that it had. If not, it is not known any more.
func (a *announcer) ask(ctx context.Context) error {
	answer, err := a.post(ctx, a.known, nil)
	switch {
	case err == nil && answer.Incarnation == a.incarnation:
		return nil
	case err == nil || isStale(err):
		a.known = 0
		return nil
	}
	return err
}

// announce tells the relay all.
func (a *announcer) announce(ctx context.Context, table *resourceTable) error {
	a.known, a.announced = 0, time.Now()
	answer, err := a.post(ctx, table.revision, table.announcement())
	if err != nil {
		return err
	}
	a.known, a.incarnation = table.revision, answer.Incarnation
	a.logRefused(table, answer.Refused)
	return nil
}

func (a *announcer) post(ctx context.Context, revision uint64, all []relayapi.Announced) (*relayapi.Acceptance, error) {
	return a.relay.announce(ctx, &relayapi.Announcement{Instance: a.instance, Address: a.address, Revision: revision, Resources: all})
}

// failed logs a failure, once for as long as it stays the same kind of failure, and returns after what time to try again.
func (a *announcer) failed(ctx context.Context, err error) time.Duration {
	if ctx.Err() != nil {
		return askEvery
	}
	e := callError(err)
	if kind := e.Code.String(); a.trouble != kind {
		msg := "the relay does not take the resources; they are announced again every second"
		if errors.Is(e, ErrUnavailable) {
			msg = "the relay can't be reached; the resources are announced as soon as it can"
		}
		a.node.log.Warn().Str("relay", a.relay.url).Err(err).Msg(msg)
		a.trouble = kind
	}
	a.pause = min(cmp.Or(2*a.pause, firstPause), askEvery)
	return a.pause
}

// logRefused logs what the relay did not take of a table, each once.
func (a *announcer) logRefused(table *resourceTable, refused []relayapi.Refusal) {
	now := make(map[string]string)
	for _, r := range refused {
		if table.byName[r.Name] == nil {
			continue // nobody asked it to
		}
		now[r.Name] = r.Code
		if before, ok := a.refused[r.Name]; !ok || before != r.Code {
			a.node.log.Warn().Str("relay", a.relay.url).Str("resource", r.Name).Str("code", r.Code).Str("why", r.Detail).
				Msg("the relay does not take a resource")
		}
	}
	a.refused = now
}

// withdraw ends the announcing, and what was announced with it, if the relay can be reached.
func (a *announcer) withdraw() {
	defer a.node.http.release()
	a.cancel()
	<-a.done
	if a.trouble != "" {
		return // it could not be reached; or has nothing
	}
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
	defer cancel()
	table := a.node.resources.Load()
	if _, err := a.post(ctx, table.revision+1, []relayapi.Announced{}); err != nil {
		a.node.log.Info().Str("relay", a.relay.url).Err(err).Msg("withdrawing the resources")
	}
}

// announcement is what a table has, as relays are told of it. The list is never nil.
func (t *resourceTable) announcement() []relayapi.Announced {
	all := make([]relayapi.Announced, 0, len(t.byName))
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		all = append(all, relayapi.Announced{Name: name, ID: relayapi.FormatID(t.byName[name].id)})
	}
	return all
}
