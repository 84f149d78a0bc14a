package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// Raw is no RPC at all but what is under most of them.
func Raw() Peer {
	return Peer{
		Name:  "raw",
		Title: "raw Unix socket",
		How: "The floor of whatever goes through a socket: a length and as many bytes, by Go's poller, into buffers that are used again. " +
			"One caller at a time; others wait.",
		Echoes: []string{"bytes"},
		Tables: []string{"bytes"},
		Serve: func(socket string) (func() error, error) {
			tables := rows.NewBytesCache()
			return serveConns(socket, func(c net.Conn) { serveRaw(c, tables) })
		},
		Dial: dialRaw,
	}
}

// What a raw exchange begins with, in both directions: what it is, and how long.
const (
	rawHeader = 1 + 8
	rawEcho   = 'e' // as many bytes follow, and come back
	rawTable  = 't' // as many rows are asked for, and come back
)

// rawConn is one end of a raw connection.
type rawConn struct {
	net.Conn
	in     *bufio.Reader
	header [rawHeader]byte
	buf    []byte // what was received last
}

func newRawConn(c net.Conn) *rawConn { return &rawConn{Conn: c, in: bufio.NewReader(c)} }

// send writes a header and, in the same system call, data.
func (c *rawConn) send(kind byte, n int, data []byte) error {
	c.header[0] = kind
	binary.LittleEndian.PutUint64(c.header[1:], uint64(n))
	parts := net.Buffers{c.header[:], data}
	_, err := parts.WriteTo(c.Conn)
	return err
}

// receiveHeader reads a header.
func (c *rawConn) receiveHeader() (kind byte, n int, err error) {
	var header [rawHeader]byte
	if _, err := io.ReadFull(c.in, header[:]); err != nil {
		return 0, 0, err
	}
	size := binary.LittleEndian.Uint64(header[1:])
	if size > largest {
		return 0, 0, fmt.Errorf("the header says %d, want at most %d", size, largest)
	}
	return header[0], int(size), nil
}

// receive reads n bytes, which are good until the next call.
func (c *rawConn) receive(n int) ([]byte, error) {
	if cap(c.buf) < n {
		c.buf = make([]byte, n)
	}
	c.buf = c.buf[:n]
	_, err := io.ReadFull(c.in, c.buf)
	return c.buf, err
}

func serveRaw(nc net.Conn, tables *rows.Cache[[]byte]) {
	c := newRawConn(nc)
	for {
		kind, n, err := c.receiveHeader()
		if err != nil {
			return
		}
		data, err := c.receiveOrGet(kind, n, tables)
		if err != nil || c.send(kind, len(data), data) != nil {
			return
		}
	}
}

func (c *rawConn) receiveOrGet(kind byte, n int, tables *rows.Cache[[]byte]) ([]byte, error) {
	if kind == rawTable {
		return tables.Get(n)
	}
	return c.receive(n)
}

func dialRaw(ctx context.Context, socket string) (*Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	c := newRawConn(nc)
	var one sync.Mutex
	exchange := func(kind byte, n int, data []byte, see func([]byte) error) error {
		one.Lock()
		defer one.Unlock()
		if err := c.send(kind, n, data); err != nil {
			return err
		}
		_, size, err := c.receiveHeader()
		if err != nil {
			return err
		}
		answer, err := c.receive(size)
		if err != nil {
			return err
		}
		return see(answer)
	}
	return &Conn{
		Echo: map[string]Echo{"bytes": func(_ context.Context, data []byte, see func([]byte) error) error {
			return exchange(rawEcho, len(data), data, see)
		}},
		Table: map[string]Table{"bytes": func(_ context.Context, n int) (float64, error) {
			return sumOf(n, func(see func([]byte) error) error { return exchange(rawTable, n, nil, see) })
		}},
		Close: nc.Close,
	}, nil
}

// sumOf adds up the table of n rows that fetch shows as bytes.
func sumOf(n int, fetch func(see func([]byte) error) error) (sum float64, err error) {
	err = fetch(func(b []byte) (err error) {
		sum, err = rows.SumBytes(b, n)
		return err
	})
	return sum, err
}
