package peer

import (
	"context"
	"net"
	"net/rpc"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// NetRPC is package net/rpc.
func NetRPC() Peer {
	return Peer{
		Name:   "netrpc",
		Title:  "net/rpc",
		How:    "gob, its default. Tables are bytes that were encoded before: gob would send each number by itself.",
		Echoes: []string{"gob"},
		Tables: []string{"bytes"},
		Serve:  serveNetRPC,
		Dial:   dialNetRPC,
	}
}

// NetRPCStore is the service of net/rpc, which has rules for its methods.
type NetRPCStore struct {
	tables *rows.Cache[[]byte]
}

// Echo returns data.
func (s *NetRPCStore) Echo(data []byte, answer *[]byte) error {
	*answer = data
	return nil
}

// Table returns n rows.
func (s *NetRPCStore) Table(n int, answer *[]byte) (err error) {
	*answer, err = s.tables.Get(n)
	return err
}

func serveNetRPC(socket string) (func() error, error) {
	server := rpc.NewServer()
	if err := server.RegisterName("Store", &NetRPCStore{rows.NewBytesCache()}); err != nil {
		return nil, err
	}
	return serveConns(socket, func(c net.Conn) { server.ServeConn(c) })
}

func dialNetRPC(ctx context.Context, socket string) (*Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := rpc.NewClient(nc)
	return &Conn{
		Echo: map[string]Echo{"gob": func(_ context.Context, data []byte, see func([]byte) error) error {
			var answer []byte
			if err := c.Call("Store.Echo", data, &answer); err != nil {
				return err
			}
			return see(answer)
		}},
		Table: map[string]Table{"bytes": func(_ context.Context, n int) (float64, error) {
			var answer []byte
			if err := c.Call("Store.Table", n, &answer); err != nil {
				return 0, err
			}
			return rows.SumBytes(answer, n)
		}},
		Close: c.Close,
	}, nil
}
