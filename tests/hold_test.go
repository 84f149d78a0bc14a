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
	"github.com/ctwo-go/c2/internal/leaktest"
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
	// Sum adds the points up, and tells whether they were the method's own.
	Sum(ctx context.Context, c Cloud) (float64, error)
	// Keep keeps its argument, where it is, until Drop; Kept reads what was kept.
	Keep(ctx context.Context, c Cloud) error
	Kept(ctx context.Context) (float64, error)
	Drop(ctx context.Context) error
	// Stats are the server's.
	Stats(ctx context.Context) (c2.HoldStatistics, error)
}

type store struct {
	_    c2.Policy `read:"Table,Cloud,Loaned,LoanedTable,Unsent,Sum,Kept"`
	node *c2.Node
	pin  *c2.Pinned[float64]
	kept Cloud
	held *c2.Held
}

const pinnedRows = 100_000

func newStore(node *c2.Node) (*store, error) {
	s := &store{node: node}
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

func (s *store) Stats(context.Context) (c2.HoldStatistics, error) { return s.node.HoldStats(), nil }

func hostStore(node *c2.Node) error {
	s, err := newStore(node)
	if err != nil {
		return err
	}
	return c2.Register[Store]("store", s, c2.On(node), c2.HoldInput("Sum", "Keep"))
}

// shares tells whether the placement has shared memory.
func (p *placement) shares() bool { return p.name != "process" && !strings.Contains(p.name, "without") }

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
		if p.shares() {
			stats, err := s.Stats(p.Context())
			if err != nil || stats.LentBytes < 8*pinnedRows {
				p.Errorf("the server knows of %d bytes lent, %v", stats.LentBytes, err)
			}
		}
		held.Release()
		held.Release()
		if p.shares() {
			eventually(p, "the server has all its memory back", func() bool {
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
		if _, err := s.Unsent(p.Context(), 50_000, 1000); err != nil { // 400 MB, if they stayed
			p.Error(err)
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
		for factor := range 5 { // the same memory again and again
			fill(points, float64(factor))
			got, err := s.Sum(ctx, Cloud{Points: points[100:], Parts: []Cloud{{Points: points}}})
			if err != nil || got != sum(points[100:]) {
				p.Errorf("the sum is %v, want %v (%v)", got, sum(points[100:]), err)
			}
		}
		if _, _, err := c2.Lend(p.Context(), 5); !errors.Is(err, c2.ErrInvalid) {
			p.Errorf("lending to a number: %v", err)
		}
	})
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

// TestHoldStats counts on the client's side.
func TestHoldStats(t *testing.T) {
	server, client := newNode(t), newNode(t)
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
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
	eventually(t, "the server has its memory back", func() bool { return server.HoldStats().LentBlocks == 0 })
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
	eventually(t, "the hold is found to be leaked", func() bool {
		runtime.GC()
		return client.HoldStats().LeakedHolds == leaked+1
	})
	return c
}

// TestLeakedHold forgets a hold while it still reads what is held.
func TestLeakedHold(t *testing.T) {
	var log syncBuffer
	server, client := newNode(t), newNode(t, c2.Logger(zerolog.New(&log)))
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	c := leakHold(t, client, s, 50_000)
	stats := client.HoldStats()
	if stats.ActiveHolds != 0 || stats.LeakedBytes < 50_000*8 {
		t.Errorf("with a leaked hold: %+v", stats)
	}
	eventually(t, "the log tells where it was made", func() bool { return strings.Contains(log.String(), "hold_test.go") })
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
	eventually(t, "the server has its memory back", func() bool { return server.HoldStats().LentBlocks == 0 })

	leakHold(t, client, s, 50_000)
	if err := c2.Close(s); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it goes with the connection", func() bool { return client.HoldStats().LeakedBytes == 0 })
}

// TestHoldOutlives reads what is held after the server was killed.
func TestHoldOutlives(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/suite.sock"
	server := start(t, "suite", address)
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
	server.kill()
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
	if err := hostStore(server); err != nil {
		t.Fatal(err)
	}
	s, err := c2.Connect[Store](t.Context(), "store", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
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
