package peer

import (
	"context"
	"net/http"

	"connectrpc.com/connect"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// ConnectBytes is connect-go with a codec of its own, which leaves bytes as they are.
func ConnectBytes() Peer {
	return Peer{
		Name:   "connect-bytes",
		Title:  "connect, own codec",
		Module: "connectrpc.com/connect",
		How:    connectHow + " A codec whose messages are bytes; a table was encoded before.",
		Echoes: []string{"bytes"},
		Tables: []string{"bytes"},
		Serve: func(socket string) (func() error, error) {
			tables := rows.NewBytesCache()
			codec := connect.WithCodec(frameCodec{})
			return serveConnect(socket, map[string]http.Handler{
				connectEcho:  connectHandler(connectEcho, func(in *frame) (*frame, error) { return in, nil }, codec),
				connectTable: connectHandler(connectTable, func(in *frame) (*frame, error) { return frameOfTable(in, tables) }, codec),
			})
		},
		Dial: dialConnectBytes,
	}
}

// frameOfTable is the table that asked asks for.
func frameOfTable(asked *frame, tables *rows.Cache[[]byte]) (*frame, error) {
	n, err := asked.rows()
	if err != nil {
		return nil, err
	}
	b, err := tables.Get(n)
	return &frame{b}, err
}

func dialConnectBytes(_ context.Context, socket string) (*Conn, error) {
	t := connectTransport(socket)
	codec := connect.WithCodec(frameCodec{})
	echo := connectClient[frame, frame](t, connectEcho, codec)
	table := connectClient[frame, frame](t, connectTable, codec)
	return &Conn{
		Echo: map[string]Echo{"bytes": func(ctx context.Context, data []byte, see func([]byte) error) error {
			answer, err := echo.CallUnary(ctx, connect.NewRequest(&frame{data}))
			if err != nil {
				return err
			}
			return see(answer.Msg.data)
		}},
		Table: map[string]Table{"bytes": func(ctx context.Context, n int) (float64, error) {
			answer, err := table.CallUnary(ctx, connect.NewRequest(frameOfRows(n)))
			if err != nil {
				return 0, err
			}
			return rows.SumBytes(answer.Msg.data, n)
		}},
		Close: closeTransport(t),
	}, nil
}
