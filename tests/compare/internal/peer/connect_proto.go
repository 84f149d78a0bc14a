package peer

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// Connect is connect-go as it is mostly used.
func Connect() Peer {
	return Peer{
		Name:   "connect",
		Title:  "connect, protobuf",
		Module: "connectrpc.com/connect",
		How:    connectHow + " A message with one bytes field; a table is packed repeated fields.",
		Echoes: []string{"protobuf"},
		Tables: []string{"packed fields"},
		Serve: func(socket string) (func() error, error) {
			tables := rows.NewTableCache()
			return serveConnect(socket, map[string]http.Handler{
				connectEcho: connectHandler(connectEcho, func(in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) { return in, nil }),
				connectTable: connectHandler(connectTable, func(in *wrapperspb.Int64Value) (*tableMessage, error) {
					t, err := tables.Get(int(in.Value))
					return messageOf(t), err
				}),
			})
		},
		Dial: dialConnectProto,
	}
}

func dialConnectProto(_ context.Context, socket string) (*Conn, error) {
	t := connectTransport(socket)
	echo := connectClient[wrapperspb.BytesValue, wrapperspb.BytesValue](t, connectEcho)
	table := connectClient[wrapperspb.Int64Value, tableMessage](t, connectTable)
	return &Conn{
		Echo: map[string]Echo{"protobuf": func(ctx context.Context, data []byte, see func([]byte) error) error {
			answer, err := echo.CallUnary(ctx, connect.NewRequest(wrapperspb.Bytes(data)))
			if err != nil {
				return err
			}
			return see(answer.Msg.Value)
		}},
		Table: map[string]Table{"packed fields": func(ctx context.Context, n int) (float64, error) {
			answer, err := table.CallUnary(ctx, connect.NewRequest(wrapperspb.Int64(int64(n))))
			if err != nil {
				return 0, err
			}
			return answer.Msg.sum(), nil
		}},
		Close: closeTransport(t),
	}, nil
}
