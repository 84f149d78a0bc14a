package peer

import (
	"context"
	"errors"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// C2 is c2 itself.
func C2() Peer {
	return Peer{
		Name:   "c2",
		Title:  "c2",
		Module: "github.com/ctwo-go/c2",
		How: "Default settings, interfaces made at run time. *In place*: the server reads its argument where it lies (`HoldInput`) and " +
			"the client the result (`Hold`). *Held*: the server has its table in ordinary memory, and the client reads it in shared " +
			"memory. *Pinned*: it lies in shared memory for good (`Pin`). *Owned*: what arrives is the receiver's own.",
		Echoes: []string{"owned", "in place"},
		Tables: []string{"held", "pinned", "owned"},
		Serve:  serveC2,
		Dial:   dialC2,
	}
}

// Store is c2's contract.
type Store interface {
	// Echo returns its own copy of data.
	Echo(ctx context.Context, data []byte) ([]byte, error)
	// Mirror returns data from where they lie.
	Mirror(ctx context.Context, data []byte) ([]byte, error)
	// GetTable returns a table from ordinary memory.
	GetTable(ctx context.Context, n int) (rows.Table, error)
	// GetPinned returns one from pinned memory.
	GetPinned(ctx context.Context, n int) (rows.Table, error)
}

type store struct {
	_              c2.Policy `read:"Echo,Mirror,GetTable,GetPinned"`
	tables, pinned *rows.Cache[rows.Table]
}

func (s *store) Echo(_ context.Context, data []byte) ([]byte, error)    { return data, nil }
func (s *store) Mirror(_ context.Context, data []byte) ([]byte, error)  { return data, nil }
func (s *store) GetTable(_ context.Context, n int) (rows.Table, error)  { return s.tables.Get(n) }
func (s *store) GetPinned(_ context.Context, n int) (rows.Table, error) { return s.pinned.Get(n) }

func serveC2(socket string) (func() error, error) {
	node, err := c2.NewNode(c2.Address("ipc://" + socket))
	if err != nil {
		return nil, err
	}
	s := &store{
		tables: rows.NewTableCache(),
		pinned: rows.NewCache(func(n int) (rows.Table, error) { return pin(rows.New(n), node) }),
	}
	if err := c2.Register[Store]("store", s, c2.On(node), c2.HoldInput("Mirror")); err != nil {
		return nil, errors.Join(err, node.Shutdown(context.Background()))
	}
	return func() error { return node.Shutdown(context.Background()) }, nil
}

// pin copies a table to pinned memory, where it stays for as long as the node lives.
func pin(t rows.Table, node *c2.Node) (rows.Table, error) {
	n := len(t.X)
	ids, err := c2.Pin[uint32](n, c2.On(node))
	if err != nil {
		return rows.Table{}, err
	}
	floats, err := c2.Pin[float64](3*n, c2.On(node))
	if err != nil {
		ids.Release()
		return rows.Table{}, err
	}
	copy(ids.Slice(), t.RowID)
	f := floats.Slice()
	copy(f, t.X)
	copy(f[n:], t.Y)
	copy(f[2*n:], t.Z)
	return rows.Table{RowID: ids.Slice(), X: f[:n], Y: f[n : 2*n], Z: f[2*n:]}, nil
}

func dialC2(ctx context.Context, socket string) (*Conn, error) {
	node, err := c2.NewNode()
	if err != nil {
		return nil, err
	}
	stop := func() error { return node.Shutdown(context.Background()) }
	s, err := c2.Connect[Store](ctx, "store", c2.At("ipc://"+socket), c2.On(node))
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &Conn{
		Echo: map[string]Echo{
			"owned":    echoC2(s.Echo),
			"in place": heldEcho(echoC2(s.Mirror)),
		},
		Table: map[string]Table{
			"held":   heldTable(tableC2(s.GetTable)),
			"pinned": heldTable(tableC2(s.GetPinned)),
			"owned":  tableC2(s.GetTable),
		},
		Close: func() error { return errors.Join(c2.Close(s), stop()) },
	}, nil
}

func echoC2(call func(context.Context, []byte) ([]byte, error)) Echo {
	return func(ctx context.Context, data []byte, see func([]byte) error) error {
		answer, err := call(ctx, data)
		if err != nil {
			return err
		}
		return see(answer)
	}
}

func heldEcho(echo Echo) Echo {
	return func(ctx context.Context, data []byte, see func([]byte) error) error {
		ctx, held := c2.Hold(ctx)
		defer held.Release()
		return echo(ctx, data, see)
	}
}

func tableC2(call func(context.Context, int) (rows.Table, error)) Table {
	return func(ctx context.Context, n int) (float64, error) {
		t, err := call(ctx, n)
		return t.Sum(), err
	}
}

func heldTable(table Table) Table {
	return func(ctx context.Context, n int) (float64, error) {
		ctx, held := c2.Hold(ctx)
		defer held.Release()
		return table(ctx, n)
	}
}
