package gossip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/serf/serf"
)

// Mesh is this relay's part in the mesh. It is safe for concurrent use.
type Mesh struct {
	config     Config
	membership *membership
	ledger     *ledger
	catalog    *catalog
	outbox     *outbox
	keeper     *keeper // nil: there is no snapshot
	twins      twins
	reunion    reunion // watch's alone

	ctx     context.Context // ends with Shutdown
	stop    context.CancelFunc
	leaving atomic.Bool
	tasks   sync.WaitGroup // that end soon after ctx
	joins   sync.WaitGroup // those of the tasks that join; none is added once the relay leaves
	look    bell           // serf has news, or a pull has ended
	changed bell           // the own table has
	retag   bell           // likewise

	mu     sync.Mutex
	roster roster
	left   chan struct{} // closed when serf has left; nil: nobody asked it to
	closed bool
}

// bell is a signal that is heard once however often it was given.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// wait waits for the bell, and no longer than d. It returns false if ctx has ended.
func (b bell) wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-b:
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// chance is some time up to d.
func chance(d time.Duration) time.Duration { return rand.N(max(d, 1)) }

// Start starts a relay's part in the mesh and returns at once; seeds are joined in the background. The relay should answer
// for Mesh.Table by then or soon after.
func Start(config Config) (*Mesh, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Mesh{config: c, look: make(bell, 1), changed: make(bell, 1), retag: make(bell, 1)}
	m.twins.answer = make(chan confirmation, 1)
	former := c.readSnapshot()
	// A clock that was set back must not make this start look older than the one before.
	incarnation := max(uint64(time.Now().UnixNano()), former.Incarnation+1)
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.ledger = newLedger(c.ID, incarnation, c.Limits)
	m.catalog = newCatalog(c.ID, c.Limits, defaultPace, c.Logger, chance)
	m.outbox = newOutbox(m.ledger, chance)
	tag := m.ledger.tag(c.URL)
	if m.membership, err = startSerf(m.ctx, &m.config, tag); err != nil {
		m.stop()
		return nil, err
	}
	m.roster = roster{self: tag, name: m.membership.name}
	go m.drain()
	seek := seeker{mesh: m, seeds: c.Seeds, former: former.Peers, resolved: make(map[string]string)}
	if c.Snapshot != "" {
		m.keeper = newKeeper(c.Snapshot, c.Logger, incarnation, former)
		m.tasks.Go(func() { m.keeper.run(m.ctx) })
	}
	for _, task := range [...]func(){m.watch, m.announce, m.push, seek.run} {
		m.tasks.Go(task)
	}
	return m, nil
}

// readSnapshot returns what the former start wrote down; nothing if it can't be read.
func (c *Config) readSnapshot() snapshot {
	if c.Snapshot == "" {
		return snapshot{}
	}
	s, err := readSnapshot(c.Snapshot)
	if err != nil {
		c.Logger.Warn().Err(err).Msg("the mesh's snapshot can't be read; doing without")
	}
	return s
}

// drain empties serf's events: whatever they say, what serf knows is looked up. It ends after serf has.
func (m *Mesh) drain() {
	for {
		select {
		case <-m.membership.events:
			m.look.ring()
		case <-m.membership.serf.ShutdownCh():
			return
		}
	}
}

// ID is the relay's.
func (m *Mesh) ID() string { return m.config.ID }

// Incarnation tells this start of the relay from others; the later one is greater.
func (m *Mesh) Incarnation() uint64 { return m.ledger.incarnation }

// Address is the host:port where other members reach this one: what another relay's Resolve is to get.
func (m *Mesh) Address() string { return m.membership.address() }

// SetRoutes makes the relay's own table what routes are. If they are too many, nothing changes.
func (m *Mesh) SetRoutes(routes []Route) error { return m.told(m.ledger.set(routes)) }

// Update adds routes to the relay's own table, or replaces those of the same key, and removes others: all or, with an error,
// nothing. A key that is in both lists is added. The other relays are told soon after.
func (m *Mesh) Update(add []Route, remove []Key) error { return m.told(m.ledger.update(add, remove)) }

func (m *Mesh) told(changed bool, err error) error {
	if changed && err == nil {
		m.changed.ring()
		m.retag.ring()
	}
	return err
}

// Lookup returns the routes of a name that other living relays have, nearest first, without the relay's own. The slice must not be
// changed. It takes no memory, and no longer than a look into a map.
func (m *Mesh) Lookup(name string) []Candidate { return m.catalog.index.lookup(name) }

// All returns all routes of other living relays, by name, those of one name nearest first. The slice is the caller's.
func (m *Mesh) All() []Candidate { return m.catalog.index.all() }

// Counts returns what was done since the start to know the others' tables.
func (m *Mesh) Counts() Counts {
	m.catalog.mu.Lock()
	defer m.catalog.mu.Unlock()
	return m.catalog.counts
}

// Members returns who is or was in the mesh: this relay first, the others in no order.
func (m *Mesh) Members() []Member {
	nodes := m.membership.nodes()
	m.mu.Lock()
	members := m.roster.members(nodes, m.roster.view(nodes))
	m.mu.Unlock()
	own := m.ledger.tag("").Version
	for i := range members {
		if members[i].Self {
			members[i].Version, members[i].Routes = own, m.ledger.count()
			members[0], members[i] = members[i], members[0]
		}
	}
	for i := range members {
		if members[i].Self || members[i].Status == Superseded {
			continue
		}
		k := m.catalog.known(members[i].ID)
		members[i].Version, members[i].Routes, members[i].RTT = k.version, k.routes, k.rtt
	}
	return members
}

// Table is the answer to another relay's Fetch: a delta, encoded. The bytes must not be changed.
func (m *Mesh) Table(q Query) []byte {
	body, _ := m.ledger.answer(q)
	return body
}

// Receive takes what another relay's Push sent. An error is for that relay: it will not take this one for told. It keeps nothing
// of delta.
func (m *Mesh) Receive(delta []byte) error {
	err := m.catalog.receive(time.Now(), delta)
	m.look.ring()
	return err
}

// CheckSeeds finds fault with the form of addresses for Join. That does not ask anybody.
func (m *Mesh) CheckSeeds(addresses ...string) error {
	errs := make([]error, len(addresses))
	for i, a := range addresses {
		errs[i] = m.config.checkSeed(a)
	}
	return errors.Join(errs...)
}

// Join joins the mesh that members at the addresses are in, by host:port or a relay's URL. It fails if none of them can be
// joined, with the reason for each.
func (m *Mesh) Join(ctx context.Context, addresses ...string) error {
	if err := m.CheckSeeds(addresses...); err != nil {
		return err
	}
	var errs []error
	for _, a := range addresses {
		list, err := m.resolve(ctx, a)
		for _, address := range list {
			if err = m.join(ctx, address); err == nil {
				return nil
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// join joins a gossip address. Serf can't be interrupted: if ctx ends first, it goes on for up to Tuning.StreamTimeout.
func (m *Mesh) join(ctx context.Context, address string) error {
	m.mu.Lock()
	if m.closed || m.leaving.Load() {
		m.mu.Unlock()
		return errors.New("gossip: the relay has left its mesh; start it anew to join one")
	}
	done := make(chan error, 1)
	m.joins.Add(1)
	m.tasks.Go(func() {
		defer m.joins.Done()
		_, err := m.membership.serf.Join([]string{address}, true)
		done <- err
	})
	m.mu.Unlock()
	select {
	case err := <-done:
		m.look.ring()
		if err != nil {
			return fmt.Errorf("gossip: joining %s: %w", address, plain(err))
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gossip: joining %s: %w", address, ctx.Err())
	}
}

// plain is the only one of a list of errors, whose own text has several lines.
func plain(err error) error {
	if list, ok := err.(interface{ WrappedErrors() []error }); ok && len(list.WrappedErrors()) == 1 {
		return list.WrappedErrors()[0]
	}
	return err
}

// sleep waits for d, and returns false if the mesh shuts down.
func (m *Mesh) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-m.ctx.Done():
		return false
	}
}

// Leave tells the others that this relay goes, and withdraws its routes. It takes about a second, at most four, and less
// if ctx ends before. Shutdown is still to be called.
func (m *Mesh) Leave(ctx context.Context) error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return errors.New("gossip: Leave after Shutdown")
	}
	if m.left == nil {
		m.left = make(chan struct{})
		m.leaving.Store(true)
		go m.leave(m.left)
	}
	left := m.left
	m.mu.Unlock()
	select {
	case <-left:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("gossip: leaving the mesh: %w; others will take the relay for failed", ctx.Err())
	}
}

// farewell is how long a relay that leaves waits for its routes' withdrawal to be pushed.
const farewell = 300 * time.Millisecond

func (m *Mesh) leave(left chan struct{}) {
	defer close(left)
	if err := m.SetRoutes(nil); err == nil && m.config.Push != nil {
		for end := time.Now().Add(farewell); !m.outbox.quiet() && time.Now().Before(end); {
			if !m.sleep(5 * time.Millisecond) {
				break
			}
		}
	}
	m.awaitJoins()
	if err := m.membership.serf.Leave(); err != nil {
		m.config.Logger.Warn().Err(err).Msg("leaving the mesh failed; others will take the relay for failed")
	}
}

// awaitJoins waits for joins that are under way, but not for an address that does not answer. Who leaves while a join is half done
// tells nobody, as he knows nobody yet; but then they know him, and take him for failed.
func (m *Mesh) awaitJoins() {
	joined := make(chan struct{})
	m.tasks.Go(func() {
		m.joins.Wait()
		close(joined)
	})
	select {
	case <-joined:
	case <-time.After(m.config.Tuning.LeaveTimeout):
	}
}

// Shutdown ends the relay's part in the mesh, without a word to the others unless Leave came before. It waits for what is
// under way: usually some milliseconds, up to Tuning.StreamTimeout while a seed that does not answer is being joined, and for a Leave
// that has not ended. It may be called more than once.
func (m *Mesh) Shutdown() error {
	m.mu.Lock()
	m.closed = true
	left := m.left
	m.mu.Unlock()
	m.stop()
	if left != nil {
		<-left // serf panics if it is shut down while it leaves
	}
	err := m.membership.serf.Shutdown()
	m.tasks.Wait()
	return err
}

var _ serf.ReconnectTimeoutOverrider = (*latestStarts)(nil)
