package peer

import (
	"context"
	"errors"
	"net"
	"sync"

	"storj.io/drpc"
	"storj.io/drpc/drpcconn"
	"storj.io/drpc/drpcmanager"
	"storj.io/drpc/drpcmux"
	"storj.io/drpc/drpcpool"
	"storj.io/drpc/drpcserver"
	"storj.io/drpc/drpcwire"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// DRPC is storj.io/drpc.
func DRPC() Peer {
	return Peer{
		Name:   "drpc",
		Title:  "drpc",
		Module: "storj.io/drpc",
		How: "An encoding of its own that leaves bytes as they are, into memory that is used again on the client. A connection takes one call " +
			"at a time, so those who call at once take others from a pool (`drpcpool`). A table is bytes that were encoded before.",
		Echoes: []string{"bytes"},
		Tables: []string{"bytes"},
		Serve:  serveDRPC,
		Dial:   dialDRPC,
	}
}

const (
	drpcEcho  = "/compare.Store/Echo"
	drpcTable = "/compare.Store/Table"
)

// drpcStore is drpc's service and its own description, as generated code would have it.
type drpcStore struct {
	tables *rows.Cache[[]byte]
}

func (s *drpcStore) echo(_ context.Context, in *frame) (*frame, error) { return in, nil }
func (s *drpcStore) table(_ context.Context, in *frame) (*frame, error) {
	return frameOfTable(in, s.tables)
}

// NumMethods is the number of methods.
func (s *drpcStore) NumMethods() int { return 2 }

// Method describes one.
func (s *drpcStore) Method(i int) (string, drpc.Encoding, drpc.Receiver, any, bool) {
	switch i {
	case 0:
		return drpcEcho, drpcEncoding{}, receiver((*drpcStore).echo), (*drpcStore).echo, true
	case 1:
		return drpcTable, drpcEncoding{}, receiver((*drpcStore).table), (*drpcStore).table, true
	}
	return "", nil, nil, nil, false
}

func receiver(method func(*drpcStore, context.Context, *frame) (*frame, error)) drpc.Receiver {
	return func(srv any, ctx context.Context, in, _ any) (drpc.Message, error) {
		s, okServer := srv.(*drpcStore)
		f, okFrame := in.(*frame)
		if !okServer || !okFrame {
			return nil, drpc.InternalError.New("called with %T and %T", srv, in)
		}
		return method(s, ctx, f)
	}
}

// drpcEncoding is frameCodec by drpc's names.
type drpcEncoding struct{ frameCodec }

// Marshal returns the frame's bytes.
func (e drpcEncoding) Marshal(m drpc.Message) ([]byte, error) { return e.frameCodec.Marshal(m) }

// MarshalAppend appends the frame's bytes to dst.
func (e drpcEncoding) MarshalAppend(dst []byte, m drpc.Message) ([]byte, error) {
	return e.frameCodec.MarshalAppend(dst, m)
}

// Unmarshal copies data into the frame.
func (e drpcEncoding) Unmarshal(data []byte, m drpc.Message) error {
	return e.frameCodec.Unmarshal(data, m)
}

func drpcOptions() drpcmanager.Options {
	return drpcmanager.Options{Reader: drpcwire.ReaderOptions{MaximumBufferSize: largest}}
}

func serveDRPC(socket string) (func() error, error) {
	s := &drpcStore{rows.NewBytesCache()}
	mux := drpcmux.New()
	if err := mux.Register(s, s); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	server := drpcserver.NewWithOptions(mux, drpcserver.Options{Manager: drpcOptions()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l) }()
	return func() error {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}, nil
}

func dialDRPC(ctx context.Context, socket string) (*Conn, error) {
	first, err := connectDRPC(ctx, socket)
	if err != nil {
		return nil, err
	}
	pool := drpcpool.New[string, drpcpool.Conn](drpcpool.Options{})
	c := &drpcClient{first: first, more: pool.Get(ctx, socket, connectDRPC)}
	return &Conn{
		Echo: map[string]Echo{"bytes": func(ctx context.Context, data []byte, see func([]byte) error) error {
			return c.exchange(ctx, drpcEcho, &frame{data}, see)
		}},
		Table: map[string]Table{"bytes": func(ctx context.Context, n int) (float64, error) {
			return sumOf(n, func(see func([]byte) error) error { return c.exchange(ctx, drpcTable, frameOfRows(n), see) })
		}},
		Close: func() error { return errors.Join(first.Close(), c.more.Close(), pool.Close()) },
	}, nil
}

func connectDRPC(ctx context.Context, path string) (drpcpool.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return drpcconn.NewWithOptions(c, drpcconn.Options{Manager: drpcOptions()}), nil
}

// drpcClient has a connection for one caller, and a pool for those who call meanwhile: a pool gives out its connections in turn, each
// of which would have to grow buffers for large messages.
type drpcClient struct {
	answers framePool
	more    drpc.Conn
	first   drpc.Conn
	busy    sync.Mutex // held by who calls by first
}

func (c *drpcClient) exchange(ctx context.Context, rpc string, in *frame, see func([]byte) error) error {
	return c.answers.with(func(out *frame) error {
		if !c.busy.TryLock() {
			return c.more.Invoke(ctx, rpc, drpcEncoding{}, in, out)
		}
		defer c.busy.Unlock()
		return c.first.Invoke(ctx, rpc, drpcEncoding{}, in, out)
	}, see)
}
