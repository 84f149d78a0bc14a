package c2

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os/signal"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/ipc"
)

// Node is one party: the resources that were registered with it, the address where other processes of this host reach
// them, the relay where those of other hosts do, and the connections to the resources of others. A process needs no more than
// the default node, which the package's functions use; tests may want several. It is safe for concurrent use.
type Node struct {
	settings settings
	log      zerolog.Logger
	memory   *ipc.Memory
	polling  *ipc.Polling
	holds    holdTable
	http     *httpClient    // to relays
	retiring sync.WaitGroup // clients that have calls of links which lead elsewhere by now

	resources atomic.Pointer[resourceTable] // replaced, under mu, never changed
	directory *resource

	mu        sync.Mutex
	values    map[any]string           // names by the identity of the registered value
	clients   map[string]*sharedClient // nil when the node is shut down
	server    *ipc.Server              // nil until there is something to serve
	announcer *announcer               // nil until there is something to announce
	address   string
	closed    bool
	checked   bool          // what can be shared has been looked at
	down      chan struct{} // closed when Shutdown is over

	registered uint64 // how many resources there have been
}

// resourceTable finds resources.
type resourceTable struct {
	byName   map[string]*resource
	byID     map[uint64]*resource
	revision uint64 // grows with each change
}

// NewNode makes a node of its own. It listens nowhere until a resource is registered with it. Settings that are wrong,
// in options, environment or .env, are an ErrInvalid that names each; a variable C2_… in .env that is no setting is logged.
func NewNode(opts ...NodeOption) (*Node, error) {
	var config nodeConfig
	for _, o := range opts {
		if o != nil {
			o.applyNode(&config)
		}
	}
	s, err := config.resolve()
	if err != nil {
		return nil, err
	}
	n := &Node{
		settings: s, log: s.logger, address: s.address,
		values: make(map[any]string), clients: make(map[string]*sharedClient),
		down: make(chan struct{}), memory: ipc.NewMemory(s.memory), polling: ipc.NewPolling(s.polling),
		http: newHTTPClient(&s),
	}
	if n.address == "" {
		n.address = ipc.InventAddress()
	}
	if len(s.unknown) > 0 {
		n.log.Warn().Strs("variables", s.unknown).Msg("the file .env sets what is no setting of c2; are the names right?")
	}
	n.resources.Store(&resourceTable{byName: map[string]*resource{}, byID: map[uint64]*resource{}})
	if n.directory, err = newDirectory(n); err != nil {
		return nil, err
	}
	return n, nil
}

// Address is where other processes of this host reach the node's resources, once one is registered.
func (n *Node) Address() string { return n.address }

// Resources describes what is registered, ordered by name.
func (n *Node) Resources() []Descriptor {
	list := []Descriptor{}
	byName := n.resources.Load().byName
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, *byName[name].desc)
	}
	return list
}

// find returns the resource of that name, or nil.
func (n *Node) find(name string) *resource { return n.resources.Load().byName[name] }

func (n *Node) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// add makes a resource known, and listens if it is the first.
func (n *Node) add(r *resource) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nodeClosed().at(r.name, "")
	}
	table := n.resources.Load()
	if table.byName[r.name] != nil {
		return newError(CodeInvalid, "a resource of this name is registered already; Unregister it first").at(r.name, "")
	}
	identity := r.identity()
	if other, ok := n.values[identity]; ok && identity != nil {
		return newError(CodeInvalid, "this value is registered as %q already, and calls under two names could not be kept apart; Unregister that first, or register another value", other).at(r.name, "")
	}
	if err := n.listenLocked(); err != nil {
		return callError(err).at(r.name, "")
	}
	if identity != nil {
		n.values[identity] = r.name
	}
	r.id = newResourceID(table)
	n.registered++
	r.seq = n.registered
	n.publishLocked(func(t *resourceTable) { t.byName[r.name], t.byID[r.id] = r, r })
	return nil
}

// newResourceID makes an id that no resource of any server has, so that one which is gone is never taken for another.
// Zero is the directory's.
func newResourceID(t *resourceTable) uint64 {
	for {
		var b [8]byte
		rand.Read(b[:]) // never fails
		var id uint64
		for _, x := range b {
			id = id<<8 | uint64(x)
		}
		if id != 0 && t.byID[id] == nil {
			return id
		}
	}
}

// publishLocked replaces the table by a changed copy, and sees to it that the relay learns of that.
func (n *Node) publishLocked(change func(*resourceTable)) {
	old := n.resources.Load()
	t := &resourceTable{byName: maps.Clone(old.byName), byID: maps.Clone(old.byID), revision: old.revision + 1}
	change(t)
	n.resources.Store(t)
	n.announceLocked()
}

func (n *Node) listenLocked() error {
	if n.server != nil {
		return nil
	}
	s, err := ipc.Listen(n.address, handler{n}, n.ipcConfig())
	if err != nil {
		return err
	}
	n.server = s
	n.checkSharingLocked()
	n.log.Info().Str("address", n.address).Msg("listening")
	return nil
}

// listensAt tells whether the node is who is reached at the address, however that is written. Until its first resource that
// may be another process even at the node's own: a client's .env may well be the server's.
func (n *Node) listensAt(address string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.server != nil && samePlace(address, n.address)
}

// ipcConfig is how the node's connections behave, those of its server and of its clients.
func (n *Node) ipcConfig() ipc.Config {
	return ipc.Config{
		MaxPayload: n.settings.maxPayload, Memory: n.memory, Polling: n.polling,
		ConnLost: n.connLost, Ended: n.holds.dropOrphans,
	}
}

// logPanic logs what a resource, or a type of its, panicked with. It is called while the panic is recovered from.
func (n *Node) logPanic(v any, resource, method string) {
	n.log.Error().Str("resource", resource).Str("method", method).Str("panic", fmt.Sprint(v)).
		Str("stack", string(debug.Stack())).Msg("resource panicked")
}

func (n *Node) connLost(err error) {
	n.log.Warn().Str("address", n.address).Err(err).Msg("connection lost")
}

func (n *Node) unregister(ctx context.Context, name string) error {
	n.mu.Lock()
	r := n.find(name)
	if r == nil {
		n.mu.Unlock()
		return newError(CodeNotFound, "no resource of this name is registered").at(name, "")
	}
	n.publishLocked(func(t *resourceTable) {
		delete(t.byName, r.name)
		delete(t.byID, r.id)
	})
	if identity := r.identity(); identity != nil {
		delete(n.values, identity)
	}
	n.mu.Unlock()
	return r.leave(ctx, n)
}

// Serve keeps the node's resources reachable until ctx ends or the process gets SIGINT or SIGTERM, then shuts the node
// down, waiting for calls in flight for at most [DrainTimeout]. A second signal ends the process at once. It returns nil
// after an orderly end or if another calls Shutdown, else what [Node.Shutdown] returned. Resources are reachable without
// it, too: it is for programs that do nothing else.
func (n *Node) Serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	n.mu.Lock()
	err := error(nodeClosed())
	if !n.closed {
		err = n.listenLocked()
	}
	n.mu.Unlock()
	if err != nil {
		return callError(err)
	}
	select {
	case <-ctx.Done():
	case <-n.down:
		return nil
	}
	stop()
	drain, cancel := context.WithTimeout(context.Background(), n.settings.drainTimeout)
	defer cancel()
	return n.Shutdown(drain)
}

// Shutdown ends the node: it withdraws its resources from the relay (for at most a second), takes no more calls, waits for
// those in flight until ctx ends and then cancels the contexts of those that came from other processes, withdraws every
// resource (calling their Shutdown methods, those registered last first), and closes its connections. It returns the errors of the resources, joined, and the context's
// if that cut calls off. Calling it again only waits for the end of the first call, or of ctx; what was registered is
// gone.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		select {
		case <-n.down:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	n.closed = true
	defer close(n.down)
	server, announcer := n.server, n.announcer
	n.server = nil
	n.mu.Unlock()
	if announcer != nil {
		announcer.withdraw()
	}
	var errs []error
	if server != nil {
		errs = append(errs, server.Shutdown(ctx))
	}
	for _, r := range n.latestFirst() {
		err := n.unregister(ctx, r.name)
		if !errors.Is(err, ErrNotFound) { // else withdrawn by someone else meanwhile
			errs = append(errs, err)
		}
	}
	n.http.shutdown()
	n.closeClients()
	return errors.Join(errs...)
}

// latestFirst lists the resources, those registered last first: they may call the others until they are gone.
func (n *Node) latestFirst() []*resource {
	return slices.SortedFunc(maps.Values(n.resources.Load().byName), func(a, b *resource) int { return cmp.Compare(b.seq, a.seq) })
}

// The default node is made when it is first used, and again after Shutdown.
var defaultNode struct {
	mu   sync.Mutex
	node *Node
	opts []NodeOption
}

// Configure sets the options of the default node. It must come before anything that uses it, else it is an ErrInvalid;
// and so are options or settings that are wrong.
func Configure(opts ...NodeOption) error {
	d := &defaultNode
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node != nil {
		return newError(CodeInvalid, "Configure: the default node is in use already; call it first in main")
	}
	var config nodeConfig
	for _, o := range opts {
		if o != nil {
			o.applyNode(&config)
		}
	}
	if _, err := config.resolve(); err != nil {
		return err
	}
	d.opts = opts
	return nil
}

// Default returns the default node, which the package's functions use.
func Default() (*Node, error) {
	d := &defaultNode
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node == nil {
		n, err := NewNode(d.opts...)
		if err != nil {
			return nil, err
		}
		d.node = n
	}
	return d.node, nil
}

// defaultInUse returns the default node, or nil if nobody has used it yet.
func defaultInUse() *Node {
	d := &defaultNode
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node
}

func nodeOrDefault(n *Node) (*Node, error) {
	if n != nil {
		return n, nil
	}
	return Default()
}

// Serve is [Node.Serve] of the default node.
func Serve(ctx context.Context) error {
	n, err := Default()
	if err != nil {
		return err
	}
	defer forgetDefault(n)
	return n.Serve(ctx)
}

// Shutdown is [Node.Shutdown] of the default node. What uses the default node afterwards gets a new one, with the same
// options.
func Shutdown(ctx context.Context) error {
	n := defaultInUse()
	if n == nil {
		return nil
	}
	defer forgetDefault(n)
	return n.Shutdown(ctx)
}

func forgetDefault(n *Node) {
	d := &defaultNode
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node == n && n.isClosed() {
		d.node = nil
	}
}

// directory is the resource with id 0 that every node has: it tells of the others. docs/wire.md specifies it.
type directory interface {
	// Describe gives the id under which a resource is called, and its descriptor.
	Describe(ctx context.Context, name string) (uint64, Descriptor, error)
	// List describes all resources, ordered by name.
	List(ctx context.Context) ([]Descriptor, error)
	// Stats gives the figures of a resource.
	Stats(ctx context.Context, name string) (ResourceStats, error)
}

type directoryOf struct{ node *Node }

func (d directoryOf) Describe(_ context.Context, name string) (uint64, Descriptor, error) {
	r := d.node.find(name)
	if r == nil {
		return 0, Descriptor{}, newError(CodeNotFound, "no resource of this name is registered at %s", d.node.address).at(name, "")
	}
	return r.id, *r.desc, nil
}

func (d directoryOf) List(context.Context) ([]Descriptor, error) { return d.node.Resources(), nil }

func (d directoryOf) Stats(_ context.Context, name string) (ResourceStats, error) {
	return d.node.Stats(name)
}

func newDirectory(n *Node) (*resource, error) {
	return newResource(reflect.TypeFor[directory](), "c2.directory", reflect.ValueOf(directoryOf{n}), &registerConfig{mode: Parallel})
}
