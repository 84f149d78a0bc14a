package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// Table is columns.
type Table struct {
	RowID   []uint32
	X, Y, Z []float64
	Label   []string
}

var _ = codec.RegisterColumns[Table]()

// Cloud is a plain struct with numbers inside.
type Cloud struct {
	Name   string
	Points []float64
	Raw    []byte
	Parts  []Cloud
}

// Store is the contract of what is about memory.
type Store interface {
	Table(ctx context.Context, rows int) (Table, error)
	Cloud(ctx context.Context, n int) (Cloud, error)
	// Loaned returns memory that Alloc gave, in a struct.
	Loaned(ctx context.Context, n int) (Cloud, error)
	// LoanedTable has one column of each kind of memory: loaned, pinned, ordinary.
	LoanedTable(ctx context.Context, n int) (Table, error)
	// Unsent allocates n times, and sends nothing of it.
	Unsent(ctx context.Context, n, times int) (int, error)
	// Sum adds the points up, where they are.
	Sum(ctx context.Context, c Cloud) (float64, error)
	// Keep keeps its argument, where it is, until Drop; Kept reads what was kept.
	Keep(ctx context.Context, c Cloud) error
	Kept(ctx context.Context) (float64, error)
	Drop(ctx context.Context) error
	// KeepLate calls KeepInput when it has returned; Late tells when that is done.
	KeepLate(ctx context.Context, c Cloud) error
	Late(ctx context.Context) error
	// Stats and Memory are the server's.
	Stats(ctx context.Context) (c2.HoldStatistics, error)
	Memory(ctx context.Context) (ipc.MemoryStats, error)
}

type store struct {
	_    c2.Policy `read:"Table,Cloud,Loaned,LoanedTable,Unsent,Sum,Kept,Memory"`
	node *c2.Node
	pin  *c2.Pinned[float64]
	kept Cloud
	held *c2.Held
	late chan *c2.Held
}

const pinnedRows = 100_000

func newStore(node *c2.Node) (*store, error) {
	s := &store{node: node, late: make(chan *c2.Held, 1)}
	var err error
	if s.pin, err = c2.Pin[float64](pinnedRows, c2.On(node)); err != nil {
		return nil, err
	}
	fill(s.pin.Slice(), 2)
	return s, nil
}

// Shutdown is the resource's end.
func (s *store) Shutdown(context.Context) error {
	s.held.Release()
	s.pin.Release()
	return nil
}

// fill makes the i-th element factor·i.
func fill(x []float64, factor float64) {
	for i := range x {
		x[i] = factor * float64(i)
	}
}

func sum(x []float64) (total float64) {
	for _, v := range x {
		total += v
	}
	return total
}

func (s *store) Table(_ context.Context, rows int) (Table, error) { return newTable(rows), nil }

func newTable(rows int) Table {
	t := Table{RowID: make([]uint32, rows), X: make([]float64, rows), Y: make([]float64, rows), Z: make([]float64, rows), Label: make([]string, min(rows, 1000))}
	for i := range rows {
		t.RowID[i] = uint32(i)
	}
	fill(t.X, 1)
	fill(t.Y, 2)
	fill(t.Z, 3)
	for i := range t.Label {
		t.Label[i] = fmt.Sprint("row ", i)
	}
	return t
}

func newCloud(n int) Cloud {
	c := Cloud{Name: "cloud", Points: make([]float64, n), Raw: bytes.Repeat([]byte{5}, n)}
	fill(c.Points, 1)
	c.Parts = []Cloud{{Name: "part", Points: make([]float64, n/2)}}
	fill(c.Parts[0].Points, 3)
	return c
}

func (s *store) Cloud(_ context.Context, n int) (Cloud, error) { return newCloud(n), nil }

func (s *store) Loaned(ctx context.Context, n int) (Cloud, error) {
	c := Cloud{Name: "loaned", Points: c2.Alloc[float64](ctx, n), Raw: c2.Alloc[byte](ctx, n)}
	fill(c.Points, 1)
	for i := range c.Raw {
		c.Raw[i] = 9
	}
	return c, nil
}

func (s *store) LoanedTable(ctx context.Context, n int) (Table, error) {
	t := newTable(n)
	t.X = c2.Alloc[float64](ctx, n)
	fill(t.X, 1)
	t.Y = s.pin.Slice()[:n] // filled alike
	return t, nil
}

func (s *store) Unsent(ctx context.Context, n, times int) (int, error) {
	for range times {
		c2.Alloc[float64](ctx, n)[n-1] = 1
	}
	return times, nil
}

func (s *store) Sum(_ context.Context, c Cloud) (float64, error) { return sum(c.Points), nil }

func (s *store) Keep(ctx context.Context, c Cloud) error {
	s.held.Release()
	s.kept, s.held = c, c2.KeepInput(ctx)
	return nil
}

func (s *store) Kept(context.Context) (float64, error) { return sum(s.kept.Points), nil }

func (s *store) Drop(context.Context) error {
	s.kept = Cloud{}
	s.held.Release()
	return nil
}

func (s *store) KeepLate(ctx context.Context, _ Cloud) error {
	go func() {
		<-ctx.Done() // which ends with the call
		s.late <- c2.KeepInput(ctx)
	}()
	return nil
}

func (s *store) Late(context.Context) error {
	s.held.Release()
	s.held = <-s.late
	return nil
}

func (s *store) Stats(context.Context) (c2.HoldStatistics, error) { return s.node.HoldStats(), nil }

func (s *store) Memory(context.Context) (ipc.MemoryStats, error) { return s.node.MemoryStats(), nil }

func hostStore(node *c2.Node) error {
	s, err := newStore(node)
	if err != nil {
		return err
	}
	return c2.Register[Store]("store", s, c2.On(node), c2.HoldInput("Sum", "Keep", "KeepLate"))
}

// shares tells whether the client and the resource share memory, with each other or both with a relay.
func (p *placement) shares() bool { return p.name != "process" && !strings.Contains(p.name, "without") }

// near tells whether the client shares memory with the resource itself.
func (p *placement) near() bool { return p.shares() && p.name != "relay over HTTP" && p.name != "mesh" }

// remote tells whether values are copied on their way at all.
func (p *placement) remote() bool { return p.name != "process" }

var sizesToHold = []int{0, 1, 100, 3000, 50_000, pinnedRows}

// TestHeldResults reads results under a hold, and after many others came.
func TestHeldResults(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		ctx, held := c2.Hold(p.Context())
		defer held.Release()
		var tables []Table
		var clouds []Cloud
		for _, n := range sizesToHold {
			table, err := s.Table(ctx, n)
			if err != nil {
				p.Fatal(err)
			}
			cloud, err := s.Cloud(ctx, n)
			if err != nil {
				p.Fatal(err)
			}
			tables, clouds = append(tables, table), append(clouds, cloud)
		}
		for range 20 {
			if _, err := s.Cloud(p.Context(), 60_000); err != nil {
				p.Fatal(err)
			}
		}
		for i, n := range sizesToHold {
			if !reflect.DeepEqual(tables[i], newTable(n)) {
				p.Errorf("the table of %d rows has changed", n)
			}
			if !reflect.DeepEqual(clouds[i], newCloud(n)) {
				p.Errorf("the cloud of %d points has changed", n)
			}
		}
		if p.near() {
			stats, err := s.Stats(p.Context())
			if err != nil || stats.LentBytes < 8*pinnedRows {
				p.Errorf("the server knows of %d bytes lent, %v", stats.LentBytes, err)
			}
		}
		held.Release()
		held.Release()
		if p.shares() {
			await.True(p, "the server has all its memory back", func() bool {
				stats, err := s.Stats(p.Context())
				return err == nil && stats.LentBlocks == 0
			})
		}
		got, err := s.Table(ctx, 3000) // after Release a context is like any other
		if err != nil || !reflect.DeepEqual(got, newTable(3000)) {
			p.Errorf("under a hold that was released: %v", err)
		}
	})
}

// TestHoldThatHasEnded expects results under it to be the caller's, as the memory that they came in is used again.
func TestHoldThatHasEnded(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		ctx, held := c2.Hold(p.Context())
		held.Release()
		c, err := s.Cloud(ctx, 50_000)
		if err != nil {
			p.Fatal(err)
		}
		for range 20 {
			if _, err := s.Loaned(p.Context(), 100_000); err != nil {
				p.Fatal(err)
			}
		}
		if !reflect.DeepEqual(c, newCloud(50_000)) {
			p.Error("what came under a hold that had ended has changed")
		}
		if stats := p.client.HoldStats(); stats.ActiveHolds != 0 || stats.HeldBytes != 0 {
			p.Errorf("a hold that has ended holds %+v", stats)
		}
	})
}

// TestOwnedResults expects results without a hold to be the caller's, to keep and to change.
func TestOwnedResults(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		for _, n := range sizesToHold {
			for name, get := range map[string]func() (Cloud, error){
				"cloud":  func() (Cloud, error) { return s.Cloud(p.Context(), n) },
				"loaned": func() (Cloud, error) { return s.Loaned(p.Context(), n) },
			} {
				c, err := get()
				if err != nil {
					p.Fatal(err)
				}
				if !p.remote() {
					continue
				}
				want := sum(c.Points)
				for i := range c.Points {
					c.Points[i]++ // a fault if it were a view
				}
				for i := range c.Raw {
					c.Raw[i]++
				}
				if _, err := get(); err != nil {
					p.Fatal(err)
				}
				if got := sum(c.Points); got != want+float64(n) {
					p.Errorf("%s of %d: the sum is %v, want %v", name, n, got, want+float64(n))
				}
			}
		}
	})
}

// TestLoans returns and passes memory of Alloc and Pin.
func TestLoans(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		hctx, held := c2.Hold(p.Context())
		defer held.Release()
		for _, ctx := range []context.Context{p.Context(), hctx} {
			for _, n := range sizesToHold[1:] {
				c, err := s.Loaned(ctx, n)
				if err != nil || len(c.Points) != n || len(c.Raw) != n || c.Raw[n-1] != 9 {
					p.Fatalf("%d loaned: %d points, %v", n, len(c.Points), err)
				}
				want := newTable(n)
				if got := sum(c.Points); got != sum(want.X) {
					p.Errorf("%d loaned: the sum is %v, want %v", n, got, sum(want.X))
				}
				table, err := s.LoanedTable(ctx, n)
				if err != nil || !reflect.DeepEqual(table, want) {
					p.Errorf("a table of %d rows, loaned, pinned and ordinary: %v", n, err)
				}
			}
		}
	})
}

// TestUnsentLoans allocates what is never sent, call after call, and expects each to find the memory of the last.
func TestUnsentLoans(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		call := func() (bytes uint64) {
			_, err := s.Unsent(p.Context(), 50_000, 10) // 4 MB
			memory, failed := s.Memory(p.Context())
			if err := errors.Join(err, failed); err != nil {
				p.Fatal(err)
			}
			return memory.Bytes
		}
		first := call()
		if p.shares() && first < 4_000_000 {
			p.Errorf("with 4 MB in use the server had %d bytes", first)
		}
		var last uint64
		for range 50 {
			last = call()
		}
		if last > first+32<<20 { // what a call has may go back when the next has begun
			p.Errorf("the server had %d bytes of memory after one call, and has %d after 50 more", first, last)
		}
	})
}

// TestLend passes memory to calls that was allocated for them.
func TestLend(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		ctx, loan, err := c2.Lend(p.Context(), s)
		if err != nil {
			p.Fatal(err)
		}
		defer loan.Release()
		points := c2.Alloc[float64](ctx, 50_000)
		const times = 5
		attached := p.client.MemoryStats().Attached
		for factor := range times { // the same memory again and again
			fill(points, float64(factor))
			got, err := s.Sum(ctx, Cloud{Points: points[100:], Parts: []Cloud{{Points: points}}})
			if err != nil || got != sum(points[100:]) {
				p.Errorf("the sum is %v, want %v (%v)", got, sum(points[100:]), err)
			}
		}
		if n := p.client.MemoryStats().Attached - attached; p.near() && n != times || !p.near() && n != 0 {
			p.Errorf("in %d calls what was lent was passed %d times without a copy", times, n)
		}
		if _, _, err := c2.Lend(p.Context(), 5); !errors.Is(err, c2.ErrInvalid) {
			p.Errorf("lending to a number: %v", err)
		}
	})
}

// TestLendToClosed: lending fails as a call does. Another proxy of the same connection is open all the while.
func TestLendToClosed(t *testing.T) {
	everywhere(t, func(p *placement) {
		connectTo[Store](p, "store")
		proxy := connectTo[Store](p, "store")
		dynamic, err := c2.ConnectDynamic(p.Context(), "store", p.opts...)
		if err != nil {
			p.Fatal(err)
		}
		for name, conn := range map[string]any{"a proxy": proxy, "a dynamic one": dynamic} {
			if err := c2.Close(conn); err != nil {
				p.Fatal(err)
			}
			ctx, loan, err := c2.Lend(p.Context(), conn)
			if !errors.Is(err, c2.ErrClosed) || !strings.Contains(err.Error(), "store") || loan != nil || ctx != p.Context() {
				p.Errorf("lending to %s that is closed: %v", name, err)
			}
		}
	})
}

// TestLendByClosedNode: nor is there anything to lend to by a node that is shut down.
func TestLendByClosedNode(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	for _, node := range []*c2.Node{client, server} {
		s, err := c2.Connect[Store](t.Context(), "store", c2.On(node), c2.At(server.Address()))
		if err != nil {
			t.Fatal(err)
		}
		if err := node.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c2.Lend(t.Context(), s); !errors.Is(err, c2.ErrClosed) {
			t.Errorf("lending by %s: %v", node.Address(), err)
		}
	}
}

// TestKeptInput has a resource keep its arguments, for longer than the call and than the connection.
func TestKeptInput(t *testing.T) {
	everywhere(t, func(p *placement) {
		s := connectTo[Store](p, "store")
		c := newCloud(40_000)
		want := sum(c.Points)
		if err := s.Keep(p.Context(), c); err != nil {
			p.Fatal(err)
		}
		for range 10 {
			if _, err := s.Sum(p.Context(), newCloud(40_001)); err != nil {
				p.Fatal(err)
			}
		}
		if got, err := s.Kept(p.Context()); err != nil || got != want {
			p.Errorf("what was kept has the sum %v, want %v (%v)", got, want, err)
		}
		stats, err := s.Stats(p.Context())
		if active := stats.ActiveHolds > 0 && stats.HeldBytes >= 40_000*8; err != nil || active != p.remote() {
			p.Errorf("the server holds %d bytes in %d holds (%v)", stats.HeldBytes, stats.ActiveHolds, err)
		}
		if err := s.Drop(p.Context()); err != nil {
			p.Fatal(err)
		}
		if stats, err := s.Stats(p.Context()); err != nil || stats.ActiveHolds != 0 || stats.HeldBytes != 0 {
			p.Errorf("after Release the server holds %d bytes in %d holds (%v)", stats.HeldBytes, stats.ActiveHolds, err)
		}
	})
}

// TestInputKeptTooLate has a goroutine ask to keep the arguments of a method that has returned: they have gone home.
func TestInputKeptTooLate(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	s := storeOf(t, server, client)
	if err := errors.Join(s.KeepLate(t.Context(), newCloud(50_000)), s.Late(t.Context())); err != nil {
		t.Fatal(err)
	}
	if stats := server.HoldStats(); stats.ActiveHolds != 0 || stats.HeldBytes != 0 {
		t.Errorf("too late, and yet the server holds %+v", stats)
	}
	await.True(t, "the client has its memory back", func() bool { return client.HoldStats().LentBlocks == 0 })
}

// storeOf has the server host a Store, and connects the client to it.
func storeOf(t *testing.T, server, client *c2.Node) Store {
	t.Helper()
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSmallIsNotHeld expects what is small to be copied where a hold would keep a whole buffer for it.
func TestSmallIsNotHeld(t *testing.T) {
	server, client := newNode(t), newNode(t)
	s := storeOf(t, server, client)
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	for _, n := range []int{1, 100} {
		c, err := s.Cloud(ctx, n)
		if err != nil || !reflect.DeepEqual(c, newCloud(n)) {
			t.Errorf("%d points: %v", n, err)
		}
		for i := range c.Raw {
			c.Raw[i]++ // the caller's own
		}
		if err := s.Keep(t.Context(), newCloud(n)); err != nil {
			t.Fatal(err)
		}
		for side, node := range map[string]*c2.Node{"client": client, "server": server} {
			if stats := node.HoldStats(); stats.ActiveHolds != 0 || stats.HeldBytes != 0 {
				t.Errorf("of %d points the %s holds %+v", n, side, stats)
			}
		}
	}
	if got, err := s.Kept(t.Context()); err != nil || got != sum(newCloud(100).Points) {
		t.Errorf("what was kept has the sum %v, %v", got, err)
	}
}

// Hopper is the contract of a resource whose write has a large result.
type Hopper interface {
	Fill(ctx context.Context, n int) ([]byte, error)
	GetFills(ctx context.Context) (int, error)
}

type hopper struct{ fills int }

func (h *hopper) Fill(_ context.Context, n int) ([]byte, error) {
	h.fills++
	return make([]byte, n), nil
}

func (h *hopper) GetFills(context.Context) (int, error) { return h.fills, nil }

// TestBusyResult holds results until there is no memory for the next: that call is ErrBusy, and yet it ran, and says so.
func TestBusyResult(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t, c2.SharedMemory(c2.MemoryConfig{ConnBytes: 1 << 20, SpillBytes: -1, Wait: time.Millisecond}))
	if err := c2.Register[Hopper]("hopper", &hopper{}, c2.On(server)); err != nil {
		t.Fatal(err)
	}
	h, err := c2.Connect[Hopper](t.Context(), "hopper", c2.On(newNode(t)), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	calls := 0
	for err == nil && calls < 20 {
		_, err = h.Fill(ctx, 200<<10)
		calls++
	}
	var e *c2.Error
	if !errors.Is(err, c2.ErrBusy) || !errors.As(err, &e) || !e.MayHaveRun || !strings.Contains(err.Error(), "may have run") {
		t.Errorf("call %d ends with %v", calls, err)
	}
	if fills, err := h.GetFills(t.Context()); err != nil || fills != calls {
		t.Errorf("of %d calls %d ran, %v", calls, fills, err)
	}
}

// TestHoldStats counts on the client's side.
func TestHoldStats(t *testing.T) {
	server, client := newNode(t), newNode(t)
	s := storeOf(t, server, client)
	if stats := client.HoldStats(); stats != (c2.HoldStatistics{}) {
		t.Errorf("before anything: %+v", stats)
	}
	ctx, held := c2.Hold(t.Context())
	if _, err := s.Cloud(ctx, 10); err != nil {
		t.Fatal(err)
	}
	one := client.HoldStats()
	if _, err := s.Cloud(ctx, 50_000); err != nil {
		t.Fatal(err)
	}
	two := client.HoldStats()
	if two.ActiveHolds != 1 || two.HeldBytes < 50_000*8 || two.HeldBytes-one.HeldBytes < 50_000*8 || two.OldestHold <= 0 || two.OldestHold > time.Minute {
		t.Errorf("with one hold: %+v", two)
	}
	if stats := server.HoldStats(); stats.LentBytes < 50_000*8 || stats.LentBlocks == 0 {
		t.Errorf("the server has lent %+v", stats)
	}
	held.Release()
	if stats := client.HoldStats(); stats != (c2.HoldStatistics{}) {
		t.Errorf("after Release: %+v", stats)
	}
	await.True(t, "the server has its memory back", func() bool { return server.HoldStats().LentBlocks == 0 })
}

// syncBuffer is a log that may be read while it is written.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// leakHold gets a cloud under a hold that it forgets, and returns when that was found out.
func leakHold(t *testing.T, client *c2.Node, s Store, points int) (c Cloud) {
	t.Helper()
	leaked := client.HoldStats().LeakedHolds
	func() {
		ctx, _ := c2.Hold(t.Context())
		var err error
		if c, err = s.Cloud(ctx, points); err != nil {
			t.Fatal(err)
		}
	}()
	await.True(t, "the hold is found to be leaked", func() bool {
		runtime.GC()
		return client.HoldStats().LeakedHolds == leaked+1
	})
	return c
}

// TestLeakedHold forgets a hold while it still reads what is held.
func TestLeakedHold(t *testing.T) {
	var log syncBuffer
	server, client := newNode(t), newNode(t, c2.Logger(zerolog.New(&log)))
	s := storeOf(t, server, client)
	c := leakHold(t, client, s, 50_000)
	stats := client.HoldStats()
	if stats.ActiveHolds != 0 || stats.LeakedBytes < 50_000*8 {
		t.Errorf("with a leaked hold: %+v", stats)
	}
	await.True(t, "the log tells where it was made", func() bool { return strings.Contains(log.String(), "hold_test.go") })
	for range 20 {
		if _, err := s.Cloud(t.Context(), 50_000); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(c, newCloud(50_000)) {
		t.Error("what a slice still reads has changed")
	}
	if n := client.ReclaimLeaked(); n != stats.LeakedBytes {
		t.Errorf("reclaimed %d bytes, leaked were %d", n, stats.LeakedBytes)
	}
	if stats := client.HoldStats(); stats.LeakedBytes != 0 || stats.LeakedHolds != 1 {
		t.Errorf("after reclaiming: %+v", stats)
	}
	await.True(t, "the server has its memory back", func() bool { return server.HoldStats().LentBlocks == 0 })

	leakHold(t, client, s, 50_000)
	if err := c2.Close(s); err != nil {
		t.Fatal(err)
	}
	await.True(t, "it goes with the connection", func() bool { return client.HoldStats().LeakedBytes == 0 })
}

// TestHoldOutlives reads what is held after the server was killed.
func TestHoldOutlives(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/suite.sock"
	server := child.Start(t, "suite", address)
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(newNode(t)), c2.At(address))
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	table, err := s.LoanedTable(ctx, pinnedRows)
	if err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, err := s.Kept(t.Context()); !errors.Is(err, c2.ErrUnavailable) {
		t.Errorf("a call to a server that was killed: %v", err)
	}
	if !reflect.DeepEqual(table, newTable(pinnedRows)) {
		t.Error("what is held has changed")
	}
}

// TestDynamicHold holds what has no Go type.
func TestDynamicHold(t *testing.T) {
	everywhere(t, func(p *placement) {
		d, err := c2.ConnectDynamic(p.Context(), "store", p.opts...)
		if err != nil {
			p.Fatal(err)
		}
		defer d.Close()
		ctx, held := c2.Hold(p.Context())
		defer held.Release()
		for _, method := range []string{"Cloud", "Loaned"} {
			out, err := d.Call(ctx, method, 50_000)
			if err != nil {
				p.Fatal(err)
			}
			points, _ := out[0].(map[string]any)["Points"].([]float64)
			if len(points) != 50_000 || sum(points) != sum(newCloud(50_000).Points) {
				p.Errorf("%s: %d points", method, len(points))
			}
		}
	})
}

// TestHoldInputNames refuses methods that are not there.
func TestHoldInputNames(t *testing.T) {
	node := newNode(t)
	err := c2.Register[Lab]("lab", &lab{}, c2.On(node), c2.HoldInput("Byts"))
	if !errors.Is(err, c2.ErrInvalid) || !strings.Contains(err.Error(), "Byts") || !strings.Contains(err.Error(), "Bytes") {
		t.Errorf("HoldInput of no method: %v", err)
	}
}

// TestPin pins what can be pinned, and refuses what can't.
func TestPin(t *testing.T) {
	node := newNode(t)
	empty, err := c2.Pin[float64](0, c2.On(node))
	if err != nil || empty.Slice() == nil || len(empty.Slice()) != 0 {
		t.Errorf("pinning nothing: %v", err)
	}
	empty.Release()
	pin, err := c2.Pin[[3]float32](1000, c2.On(node))
	if err != nil || len(pin.Slice()) != 1000 || node.MemoryStats().Pinned != 12_000 {
		t.Fatalf("pinning arrays: %v, %+v", err, node.MemoryStats())
	}
	pin.Release()
	pin.Release()
	if n := node.MemoryStats().Pinned; n != 0 {
		t.Errorf("after Release %d bytes are pinned", n)
	}
	off, err := c2.Pin[int](10, c2.On(newNode(t, c2.SharedMemory(c2.MemoryConfig{Off: true}))))
	if err != nil || len(off.Slice()) != 10 {
		t.Errorf("pinning without shared memory: %v", err)
	}
	off.Release()
	for _, err := range []error{
		second(c2.Pin[string](1, c2.On(node))), second(c2.Pin[float64](-1, c2.On(node))), second(c2.Pin[*int](1, c2.On(node))),
		second(c2.Pin[struct{ S []int }](1, c2.On(node))), second(c2.Pin[struct{}](1, c2.On(node))), second(c2.Pin[float64](1<<60, c2.On(node))),
	} {
		if !errors.Is(err, c2.ErrInvalid) {
			t.Errorf("got %v, want ErrInvalid", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestMaxPayloadHoldsInPlace bounds what is passed without a copy as anything else: who gets it may copy it.
func TestMaxPayloadHoldsInPlace(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t, c2.MaxPayload(1<<20)), newNode(t, c2.MaxPayload(1<<20))
	s := storeOf(t, server, client)
	ctx, loan, err := c2.Lend(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer loan.Release()
	for _, n := range []int{100_000, 200_000} {
		fits := 8*n < 1<<20
		for what, call := range map[string]func() (float64, error){
			"arguments": func() (float64, error) {
				points := c2.Alloc[float64](ctx, n)
				copy(points, newCloud(n).Points)
				return s.Sum(ctx, Cloud{Points: points})
			},
			"result": func() (float64, error) {
				c, err := s.Loaned(ctx, n)
				return sum(c.Points), err
			},
		} {
			got, err := call()
			if fits && (err != nil || got != sum(newCloud(n).Points)) {
				t.Errorf("%s of %d bytes: %v, %v", what, 8*n, got, err)
			}
			var e *c2.Error
			if !fits && (!errors.Is(err, c2.ErrTooLarge) || !errors.As(err, &e) || e.MayHaveRun != (what == "result")) {
				t.Errorf("%s of %d bytes: %v, want ErrTooLarge", what, 8*n, err)
			}
		}
	}
	if sent := server.MemoryStats().Attached + client.MemoryStats().Attached; sent != 3 {
		t.Errorf("%d pieces of memory were passed in place, want 3", sent)
	}
}
