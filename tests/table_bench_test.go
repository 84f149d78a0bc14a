package tests

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/child"
)

// Rows is the table of the benchmarks: 28 bytes a row.
type Rows struct {
	RowID   []uint32
	X, Y, Z []float64
}

var _ = codec.RegisterColumns[Rows]()

// Tables is the contract of the benchmarks of tables.
type Tables interface {
	// GetRows returns a table from ordinary memory.
	GetRows(ctx context.Context, n int) (Rows, error)
	// GetPinned returns the same from pinned memory.
	GetPinned(ctx context.Context, n int) (Rows, error)
	// GetLoaned returns the same from memory that the call allocates and fills.
	GetLoaned(ctx context.Context, n int) (Rows, error)
	// GetNothing is the small call.
	GetNothing(ctx context.Context, n int) (int, error)
}

// tables has the largest table and gives out its beginning.
type tables struct {
	rows, pinned Rows
}

const mostRows = 3_000_000

func newTables(node *c2.Node) (*tables, error) {
	id, err := c2.Pin[uint32](mostRows, c2.On(node))
	if err != nil {
		return nil, err
	}
	floats, err := c2.Pin[float64](3*mostRows, c2.On(node))
	if err != nil {
		return nil, err
	}
	f := floats.Slice()
	t := &tables{rows: newRows(mostRows), pinned: Rows{id.Slice(), f[:mostRows], f[mostRows : 2*mostRows], f[2*mostRows:]}}
	t.pinned.copy(t.rows)
	return t, nil
}

func newRows(n int) Rows {
	r := Rows{make([]uint32, n), make([]float64, n), make([]float64, n), make([]float64, n)}
	for i := range n {
		r.RowID[i] = uint32(i)
	}
	fill(r.X, 1)
	fill(r.Y, 2)
	fill(r.Z, 3)
	return r
}

// copy fills r from as many rows of another table.
func (r Rows) copy(from Rows) {
	copy(r.RowID, from.RowID)
	copy(r.X, from.X)
	copy(r.Y, from.Y)
	copy(r.Z, from.Z)
}

func (r Rows) first(n int) Rows { return Rows{r.RowID[:n], r.X[:n], r.Y[:n], r.Z[:n]} }

// sum adds x, y and z of all rows.
func (r Rows) sum() (total float64) {
	y, z := r.Y[:len(r.X)], r.Z[:len(r.X)]
	for i, x := range r.X {
		total += x + y[i] + z[i]
	}
	return total
}

func (t *tables) GetRows(_ context.Context, n int) (Rows, error)   { return t.rows.first(n), nil }
func (t *tables) GetPinned(_ context.Context, n int) (Rows, error) { return t.pinned.first(n), nil }

func (t *tables) GetLoaned(ctx context.Context, n int) (Rows, error) {
	r := Rows{c2.Alloc[uint32](ctx, n), c2.Alloc[float64](ctx, n), c2.Alloc[float64](ctx, n), c2.Alloc[float64](ctx, n)}
	r.copy(t.rows)
	return r, nil
}

func (t *tables) GetNothing(_ context.Context, n int) (int, error) { return n, nil }

// tablesServer is a child that serves Tables at the address given.
func tablesServer(args []string) error {
	node, err := c2.NewNode(c2.Address(args[0]))
	if err != nil {
		return err
	}
	t, err := newTables(node)
	if err != nil {
		return err
	}
	if err := c2.Register[Tables]("tables", t, c2.On(node)); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	return node.Shutdown(context.Background())
}

// BenchmarkTable reads a table of another process, and adds its numbers up, beside what that takes with a table of one's
// own. All are taken by turns, so that they see the same machine; medians are reported.
func BenchmarkTable(b *testing.B) {
	address := "ipc://" + b.TempDir() + "/tables.sock"
	child.Start(b, "tables", address)
	t, err := c2.Connect[Tables](b.Context(), "tables", c2.At(address), c2.On(newNode(b)))
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000, mostRows} {
		b.Run(fmt.Sprintf("%dK-rows", n/1000), func(b *testing.B) { benchmarkTable(b, t, n) })
	}
}

func benchmarkTable(b *testing.B, t Tables, n int) {
	own := newRows(n)
	want := own.sum()
	from, to := written(28*n), written(28*n)
	read := func(ctx context.Context, get func(context.Context, int) (Rows, error)) func() error {
		return func() error {
			r, err := get(ctx, n)
			if err == nil && r.sum() != want {
				b.Fatal("the sum is wrong")
			}
			return err
		}
	}
	held := func(get func(context.Context, int) (Rows, error)) func() error {
		return func() error {
			ctx, held := c2.Hold(b.Context())
			defer held.Release()
			return read(ctx, get)()
		}
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"sum", func() error {
			if own.sum() != want {
				b.Fatal("the sum is wrong")
			}
			return nil
		}},
		{"memcpy", func() error { copy(to, from); return nil }},
		{"call", func() error { _, err := t.GetNothing(b.Context(), n); return err }},
		{"hold", held(t.GetRows)},
		{"loan", held(t.GetLoaned)},
		{"pinned", held(t.GetPinned)},
		{"owned", read(b.Context(), t.GetRows)},
	}
	turn := max(3, 300_000/n)
	took := make(map[string][]time.Duration)
	for b.Loop() {
		for _, s := range steps {
			took[s.name] = append(took[s.name], times(b, turn, 0, s.do)...)
		}
	}
	us := make(map[string]float64)
	for name, d := range took {
		us[name] = float64(median(d).Nanoseconds()) / 1000
		b.ReportMetric(us[name], name+"-µs")
	}
	b.ReportMetric(us["hold"]/(us["sum"]+us["memcpy"]+us["call"]), "hold/floor")
	b.ReportMetric(us["loan"]/(us["sum"]+us["memcpy"]+us["call"]), "loan/floor")
	b.ReportMetric(us["pinned"]/(us["sum"]+us["call"]), "pinned/floor")
}
