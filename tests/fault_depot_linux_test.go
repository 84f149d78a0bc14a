package tests

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/ipc"
)

// What the tests of faults have in common: a resource that is all about large payloads, a child that hosts it, and callers
// that never stop calling.

// Depot is the contract of a resource that gives out and takes in large payloads.
type Depot interface {
	// Fetch returns the n bytes that seed stands for.
	Fetch(ctx context.Context, seed uint64, n int) ([]byte, error)
	// Lease is Fetch from memory of Alloc.
	Lease(ctx context.Context, seed uint64, n int) ([]byte, error)
	// Replace is Fetch that runs alone.
	Replace(ctx context.Context, seed uint64, n int) ([]byte, error)
	// Store tells whether goods are what Fetch returns. It reads them where they arrive.
	Store(ctx context.Context, seed uint64, goods []byte) (bool, error)
	// Memory is the statistics of the depot's node.
	Memory(ctx context.Context) (ipc.MemoryStats, error)
	// Starve takes all descriptors away from the depot's process, or gives them back.
	Starve(ctx context.Context, on bool) error
}

type depot struct {
	_      c2.Policy `read:"Fetch,Lease,Store,Memory,Starve" write:"Replace"`
	node   *c2.Node
	called func() // whenever a payload is about to move
	feed   func() // what undoes Starve
}

func hostDepot(node *c2.Node, called func()) error {
	return c2.Register[Depot]("depot", &depot{node: node, called: called}, c2.On(node), c2.HoldInput("Store"))
}

func (d *depot) Fetch(_ context.Context, seed uint64, n int) ([]byte, error) {
	d.called()
	return stock(make([]byte, n), seed), nil
}

func (d *depot) Lease(ctx context.Context, seed uint64, n int) ([]byte, error) {
	d.called()
	return stock(c2.Alloc[byte](ctx, n), seed), nil
}

func (d *depot) Replace(ctx context.Context, seed uint64, n int) ([]byte, error) {
	return d.Fetch(ctx, seed, n)
}

func (d *depot) Store(_ context.Context, seed uint64, goods []byte) (bool, error) {
	d.called()
	return intact(goods, seed), nil
}

func (d *depot) Memory(context.Context) (ipc.MemoryStats, error) { return d.node.MemoryStats(), nil }

func (d *depot) Starve(_ context.Context, on bool) (err error) {
	if !on {
		d.feed()
		return nil
	}
	d.feed, err = starve(0)
	return err
}

// stock fills goods with the bytes that seed stands for.
func stock(goods []byte, seed uint64) []byte {
	rest := goods
	for ; len(rest) >= 8; rest = rest[8:] {
		binary.LittleEndian.PutUint64(rest, seed)
		seed += 0x9e3779b97f4a7c15
	}
	for i := range rest {
		rest[i] = byte(seed)
	}
	return goods
}

// intact tells whether goods are as stock made them.
func intact(goods []byte, seed uint64) bool {
	for ; len(goods) >= 8; goods = goods[8:] {
		if binary.LittleEndian.Uint64(goods) != seed {
			return false
		}
		seed += 0x9e3779b97f4a7c15
	}
	for _, b := range goods {
		if b != byte(seed) {
			return false
		}
	}
	return true
}

// The roles of these tests' children. Each takes a depotSetup.
var _ = addRoles(child.Roles{
	"depot":        depotRole(depotServer),
	"depot-trader": depotRole(depotTrader),
	"depot-hoard":  depotRole(depotHoarder),
	"depot-crowd":  depotRole(depotCrowd),
	"idle":         func([]string) error { <-child.UntilInputEnds().Done(); return nil },
})

// depotSetup says what a child is to be.
type depotSetup struct {
	Address string
	Memory  c2.MemoryConfig
	Fault   string // one of faults; what the process lacks
	Count   int    // of clients that one process is
	Alone   bool   // the calls are those that run alone
	Log     string // a file for the node's log; none if empty
}

func (s depotSetup) String() string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func depotRole(role func(depotSetup) error) func([]string) error {
	return func(args []string) error {
		var s depotSetup
		if err := json.Unmarshal([]byte(args[0]), &s); err != nil {
			return err
		}
		if s.Fault != "" {
			if err := faults[s.Fault](); err != nil {
				return err
			}
		}
		return role(s)
	}
}

func (s depotSetup) newNode(opts ...c2.NodeOption) (*c2.Node, error) {
	log := zerolog.Nop()
	if s.Log != "" {
		f, err := os.Create(s.Log)
		if err != nil {
			return nil, err
		}
		log = zerolog.New(f).Level(zerolog.WarnLevel)
	}
	return c2.NewNode(append(opts, c2.SharedMemory(s.Memory), c2.Logger(log))...)
}

func (s depotSetup) connect() (Depot, error) {
	node, err := s.newNode()
	if err != nil {
		return nil, err
	}
	return c2.Connect[Depot](context.Background(), "depot", c2.On(node), c2.At(s.Address))
}

// depotServer hosts a depot.
func depotServer(s depotSetup) error {
	node, err := s.newNode(c2.Address(s.Address))
	if err != nil {
		return err
	}
	if err := hostDepot(node, func() {}); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return node.Shutdown(ctx)
}

// startDepot starts a child that hosts a depot, and gives its address.
func startDepot(t *testing.T, s depotSetup) (*child.Program, string) {
	t.Helper()
	if s.Address == "" {
		s.Address = "ipc://" + t.TempDir() + "/depot.sock"
	}
	return child.Start(t, "depot", s.String()), s.Address
}

// connectDepot connects to a depot by a node of its own.
func connectDepot(t *testing.T, address string, memory c2.MemoryConfig) (Depot, *c2.Node) {
	t.Helper()
	node := newNode(t, c2.SharedMemory(memory))
	d, err := c2.Connect[Depot](t.Context(), "depot", c2.On(node), c2.At(address))
	if err != nil {
		t.Fatal(err)
	}
	return d, node
}

var errSpoiled = errors.New("the goods have changed on their way, or while they were held")

// fetchGoods is a Fetch whose result is checked.
func fetchGoods(ctx context.Context, d Depot, seed uint64, n int) error {
	goods, err := d.Fetch(ctx, seed, n)
	if err == nil && (len(goods) != n || !intact(goods, seed)) {
		return errSpoiled
	}
	return err
}

// storeGoods is a Store whose result is checked.
func storeGoods(ctx context.Context, d Depot, seed uint64, goods []byte) error {
	ok, err := d.Store(ctx, seed, goods)
	if err == nil && !ok {
		return errSpoiled
	}
	return err
}

// bothWays stores and fetches n bytes.
func bothWays(ctx context.Context, d Depot, n int) error {
	seed := uint64(n)
	if err := storeGoods(ctx, d, seed, stock(make([]byte, n), seed)); err != nil {
		return fmt.Errorf("storing %d bytes: %w", n, err)
	}
	if err := fetchGoods(ctx, d, seed, n); err != nil {
		return fmt.Errorf("fetching %d bytes: %w", n, err)
	}
	return nil
}

// tradeMemory is what makes trade go all ways: through blocks, dedicated segments, and files once that memory is held.
func tradeMemory(spillDir string) c2.MemoryConfig {
	return c2.MemoryConfig{Dedicated: 1 << 20, ConnBytes: 16 << 20, SpillDir: spillDir, Wait: 200 * time.Millisecond}
}

const traders = 4

// startTraders has so many trade, seeded from seed on, until one fails or ctx ends. Each call that is done is to be received from
// progress, and each trader's end from errs.
func startTraders(ctx context.Context, d Depot, seed int) (progress chan struct{}, errs chan error) {
	progress, errs = make(chan struct{}), make(chan error, traders)
	done := func() {
		select {
		case progress <- struct{}{}:
		case <-ctx.Done():
		}
	}
	for i := range traders {
		go func() { errs <- trade(ctx, d, seeded(seed+i), done) }()
	}
	return progress, errs
}

// nudge lets one go on who waits for c, or will.
func nudge(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// trade makes calls with large payloads, and holds some of the results, until a call fails, or ctx ends, which is no error.
// It says when a call is done.
func trade(ctx context.Context, d Depot, rng *rand.Rand, done func()) error {
	type held struct {
		*c2.Held
		goods []byte
		seed  uint64
	}
	var shelf []held
	defer func() {
		for _, h := range shelf {
			h.Release()
		}
	}()
	for ctx.Err() == nil {
		n := []int{20 << 10, 300 << 10, 2 << 20, 5 << 20}[rng.IntN(4)]
		seed := rng.Uint64()
		var err error
		switch rng.IntN(3) {
		case 0:
			err = fetchGoods(ctx, d, seed, n)
		case 1:
			err = storeGoods(ctx, d, seed, stock(make([]byte, n), seed))
		default:
			hctx, h := c2.Hold(ctx)
			var goods []byte
			goods, err = d.Lease(hctx, seed, n)
			shelf = append(shelf, held{h, goods, seed})
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, c2.ErrBusy): // all traders hold much, and wait for more
			for _, h := range shelf {
				h.Release()
			}
			shelf = nil
		case err != nil:
			return err
		}
		for _, h := range shelf {
			if !intact(h.goods, h.seed) {
				return errSpoiled
			}
		}
		if len(shelf) > 2 {
			shelf[0].Release()
			shelf = shelf[1:]
		}
		done()
	}
	return nil
}

// seeded is a source of random numbers for one of several users.
func seeded(n int) *rand.Rand { return rand.New(rand.NewPCG(20261123, uint64(n))) }

// depotTrader trades until standard input ends.
func depotTrader(s depotSetup) error {
	d, err := s.connect()
	if err != nil {
		return err
	}
	ctx := child.UntilInputEnds()
	errs := make(chan error)
	for i := range traders {
		go func() { errs <- trade(ctx, d, seeded(os.Getpid()+i), func() {}) }()
	}
	for range traders {
		err = errors.Join(err, <-errs)
	}
	return err
}
