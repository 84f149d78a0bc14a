package tests

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
)

// Lab is the contract of the suite: a method for each behaviour that must be the same wherever the resource is.
type Lab interface {
	Everything(ctx context.Context, v Everything) (Everything, error)
	Kinds(ctx context.Context, b bool, i8 int8, u16 uint16, f32 float32, f64 float64, s string, raw []byte, r rune, c complex128) (string, error)
	Join(ctx context.Context, sep string, parts ...string) (string, error)
	Sum(ctx context.Context, xs ...float64) (float64, error)
	Nothing(ctx context.Context) error
	Plain(a, b int) (sum, product int, err error)
	Any(ctx context.Context, v any) (any, error)
	Bytes(ctx context.Context, n int) ([]byte, error)

	Fail(ctx context.Context, how string) (int, error)
	Panic(ctx context.Context) error
	Block(ctx context.Context) error
	Endings(ctx context.Context) ([]string, error)
	Deadline(ctx context.Context) (time.Duration, error)

	GetSlow(ctx context.Context) (int, error)
	SetSlow(ctx context.Context) (int, error)
	Overlap(ctx context.Context) (reads, writes int, err error)
	Open(ctx context.Context, gate bool) error
	Waiting(ctx context.Context) (int, error)
}

// Everything has a field of each kind that users put into their types.
type Everything struct {
	Time     time.Time
	Duration time.Duration
	Big      *big.Int
	Pointer  *Point
	Nil      *Point
	Slice    []Point
	NoSlice  []Point
	Empty    []int
	Map      map[string][]float64
	NoMap    map[int]string
	ByInt    map[int]string
	Array    [3]float64
	Floats   []float64
	Ints     []int32
	Raw      []byte
	Any      any
	Named    Celsius
	Renamed  string `cbor:"other_name"`
	Ignored  string `json:"-"`
	Tree     *Tree
	Embedded
}

type Point struct{ X, Y float64 }
type Embedded struct{ Inner string }
type Celsius float64
type Tree struct {
	Value int
	Nodes []*Tree
}

func sample() Everything {
	return Everything{
		Time:     time.Date(2026, 11, 23, 16, 5, 46, 123456789, time.FixedZone("", 3600)),
		Duration: 90 * time.Second,
		Big:      new(big.Int).Lsh(big.NewInt(1), 100),
		Pointer:  &Point{1, 2},
		Slice:    []Point{{3, 4}, {5, 6}},
		Empty:    []int{},
		Map:      map[string][]float64{"a": {1, 2, 3}, "b": nil, "c": {}},
		ByInt:    map[int]string{-1: "minus one", 7: "seven"},
		Array:    [3]float64{1.5, 2.5, 3.5},
		Floats:   []float64{0.1, 0.2},
		Ints:     []int32{-1, 1 << 30},
		Raw:      []byte{0, 1, 255},
		Any:      map[string]any{"xs": []float64{1, 2}, "s": "text", "n": int64(3), "nil": nil},
		Named:    36.6,
		Renamed:  "renamed",
		Tree:     &Tree{1, []*Tree{{2, nil}, {3, []*Tree{{4, nil}}}}},
		Embedded: Embedded{"inner"},
	}
}

var (
	ErrOverdrawn = errors.New("the account is overdrawn")
	_            = c2.RegisterError("tests.overdrawn", ErrOverdrawn)
	_            = c2.Contract[Lab]("tests.lab", "1.2.0")
)

// lab implements Lab.
type lab struct {
	_ c2.Policy `read:"Everything,Kinds,Join,Sum,Nothing,Plain,Any,Bytes,Fail,Block,Endings,Deadline,Overlap,Open,Waiting" write:"Panic"`

	reads, writes, overlaps atomic.Int32

	mu        sync.Mutex
	mostReads int
	endings   []string
	gate      chan struct{}
	waiting   int
}

func (*lab) Everything(_ context.Context, v Everything) (Everything, error) { return v, nil }

func (*lab) Kinds(_ context.Context, b bool, i8 int8, u16 uint16, f32 float32, f64 float64, s string, raw []byte, r rune, c complex128) (string, error) {
	return fmt.Sprintf("%v %v %v %v %v %v %v %v %v", b, i8, u16, f32, f64, s, raw, r, c), nil
}

func (*lab) Join(_ context.Context, sep string, parts ...string) (string, error) {
	if parts == nil {
		return "nil", nil
	}
	return strings.Join(parts, sep), nil
}

func (*lab) Sum(_ context.Context, xs ...float64) (sum float64, err error) {
	for _, x := range xs {
		sum += x
	}
	return sum, nil
}

func (*lab) Nothing(context.Context) error                  { return nil }
func (*lab) Plain(a, b int) (int, int, error)               { return a + b, a * b, nil }
func (*lab) Any(_ context.Context, v any) (any, error)      { return v, nil }
func (*lab) Bytes(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil }

func (*lab) Fail(ctx context.Context, how string) (int, error) {
	switch how {
	case "overdrawn":
		return 7, fmt.Errorf("can't pay 5: %w", ErrOverdrawn)
	case "canceled":
		return 0, context.Canceled
	case "not found":
		return 0, fmt.Errorf("looking it up: %w", c2.ErrNotFound)
	}
	return 0, errors.New(how)
}

func (*lab) Panic(context.Context) error { panic("the lab is on fire") }

func (l *lab) Block(ctx context.Context) error {
	l.enter()
	<-ctx.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting--
	l.endings = append(l.endings, ctx.Err().Error())
	return ctx.Err()
}

func (l *lab) enter() (gate chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting++
	if l.gate == nil {
		l.gate = make(chan struct{})
	}
	return l.gate
}

func (l *lab) Endings(context.Context) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.endings...), nil
}

func (*lab) Deadline(ctx context.Context) (time.Duration, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0, nil
	}
	return time.Until(deadline), nil
}

// GetSlow reads, and SetSlow writes, until the gate is opened. Both note what runs beside them.
func (l *lab) GetSlow(context.Context) (int, error) { return l.slow(&l.reads) }
func (l *lab) SetSlow(context.Context) (int, error) { return l.slow(&l.writes) }

func (l *lab) slow(running *atomic.Int32) (int, error) {
	running.Add(1)
	reads, writes := l.reads.Load(), l.writes.Load()
	l.mu.Lock()
	l.mostReads = max(l.mostReads, int(reads))
	l.mu.Unlock()
	if writes > 1 || writes == 1 && reads > 0 {
		l.overlaps.Add(1)
	}
	<-l.enter()
	running.Add(-1)
	l.mu.Lock()
	l.waiting--
	l.mu.Unlock()
	return 0, nil
}

// Overlap tells how many reads ran beside each other at most, and how often a write ran beside anything.
func (l *lab) Overlap(context.Context) (int, int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mostReads, int(l.overlaps.Load()), nil
}

// Open opens the gate for those that wait, and closes it again if asked to.
func (l *lab) Open(_ context.Context, reset bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gate == nil {
		l.gate = make(chan struct{})
	}
	select {
	case <-l.gate:
	default:
		close(l.gate)
	}
	if reset {
		l.gate = nil
	}
	return nil
}

// Waiting tells how many calls are in Block, GetSlow and SetSlow.
func (l *lab) Waiting(context.Context) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting, nil
}

// Control is how the suite makes the process of the resources do what only that can.
type Control interface {
	// NewLab registers a lab under a name.
	NewLab(ctx context.Context, name string, exclusive bool, maxPending int) error
	Unregister(ctx context.Context, name string) error
	// NewWallet registers something else under a name.
	NewWallet(ctx context.Context, name string) error
	// Shutdowns tells how often the Shutdown methods of wallets have been called.
	Shutdowns(ctx context.Context) (int, error)
}

// Wallet is a contract that no Lab fits.
type Wallet interface {
	Everything(ctx context.Context, owner string) (int, error)
	Pay(ctx context.Context, amount int) (int, error)
}

type wallet struct{ shutdowns *atomic.Int32 }

func (wallet) Everything(context.Context, string) (int, error) { return 1, nil }
func (wallet) Pay(_ context.Context, amount int) (int, error)  { return amount, nil }
func (w *wallet) Shutdown(context.Context) error               { w.shutdowns.Add(1); return nil }

type control struct {
	node      *c2.Node
	shutdowns atomic.Int32
}

func (c *control) NewLab(_ context.Context, name string, exclusive bool, maxPending int) error {
	mode := c2.ReadParallel
	if exclusive {
		mode = c2.Exclusive
	}
	return c2.Register[Lab](name, &lab{}, c2.On(c.node), c2.Concurrency(mode), c2.MaxPending(maxPending))
}

func (c *control) Unregister(ctx context.Context, name string) error {
	return c2.Unregister(ctx, name, c2.On(c.node))
}

func (c *control) NewWallet(_ context.Context, name string) error {
	return c2.Register[Wallet](name, &wallet{&c.shutdowns}, c2.On(c.node))
}

func (c *control) Shutdowns(context.Context) (int, error) { return int(c.shutdowns.Load()), nil }

// hostSuite registers what the suite needs with a node.
func hostSuite(node *c2.Node) error {
	c := &control{node: node}
	return errors.Join(
		c2.Register[Control]("control", c, c2.On(node), c2.Concurrency(c2.Parallel)),
		c2.Register[Lab]("lab", &lab{}, c2.On(node)),
		hostStore(node),
	)
}

// suiteServer is a child that hosts the suite's resources at the address given.
func suiteServer(args []string) error {
	node, err := c2.NewNode(c2.Address(args[0]), c2.CallTimeout(5*time.Second), c2.Logger(zerolog.Nop()))
	if err != nil {
		return err
	}
	if err := hostSuite(node); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return node.Shutdown(ctx)
}
