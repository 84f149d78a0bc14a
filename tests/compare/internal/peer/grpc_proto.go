package peer

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// GRPC is gRPC-Go as it is mostly used.
func GRPC() Peer {
	return Peer{
		Name:   "grpc",
		Title:  "gRPC, protobuf",
		Module: "google.golang.org/grpc",
		How:    grpcHow + " A message with one bytes field; a table is packed repeated fields.",
		Echoes: []string{"protobuf"},
		Tables: []string{"packed fields"},
		Serve: func(socket string) (func() error, error) {
			tables := rows.NewTableCache()
			return serveGRPC(socket, []grpc.MethodDesc{
				grpcMethod("Echo", func(in *wrapperspb.BytesValue) (any, error) { return in, nil }),
				grpcMethod("Table", func(in *wrapperspb.Int64Value) (any, error) {
					t, err := tables.Get(int(in.Value))
					return messageOf(t), err
				}),
			})
		},
		Dial: dialGRPCProto,
	}
}

func dialGRPCProto(_ context.Context, socket string) (*Conn, error) {
	c, err := dialGRPC(socket)
	if err != nil {
		return nil, err
	}
	return &Conn{
		Echo: map[string]Echo{"protobuf": func(ctx context.Context, data []byte, see func([]byte) error) error {
			var answer wrapperspb.BytesValue
			if err := c.Invoke(ctx, grpcEcho, wrapperspb.Bytes(data), &answer); err != nil {
				return err
			}
			return see(answer.Value)
		}},
		Table: map[string]Table{"packed fields": func(ctx context.Context, n int) (float64, error) {
			var answer tableMessage
			err := c.Invoke(ctx, grpcTable, wrapperspb.Int64(int64(n)), &answer)
			return answer.sum(), err
		}},
		Close: c.Close,
	}, nil
}
