package peer

import (
	"context"
	"encoding/binary"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// GRPCBytes is gRPC-Go with a codec of its own, which leaves bytes as they are.
func GRPCBytes() Peer {
	return Peer{
		Name:   "grpc-bytes",
		Title:  "gRPC, own codec",
		Module: "google.golang.org/grpc",
		How: grpcHow + " A `CodecV2` that copies nothing on sending, gathers what came in a pooled buffer on the client, and sends " +
			"received buffers back as they are on the server. A table is bytes that were encoded before.",
		Echoes: []string{"bytes"},
		Tables: []string{"bytes"},
		Serve: func(socket string) (func() error, error) {
			tables := rows.NewBytesCache()
			return serveGRPC(socket, []grpc.MethodDesc{
				grpcMethod("Echo", func(in *buffers) (any, error) { return in, nil }),
				grpcMethod("Table", func(in *buffers) (any, error) {
					n := binary.LittleEndian.Uint64(in.data.Materialize())
					in.data.Free()
					t, err := tables.Get(int(n))
					return buffersOf(t), err
				}),
			}, grpc.ForceServerCodecV2(bytesCodec{}))
		},
		Dial: dialGRPCBytes,
	}
}

// buffers is a message of bytesCodec: whoever has it received owns a reference to data, which sending takes away.
type buffers struct {
	data mem.BufferSlice
}

func buffersOf(b []byte) *buffers { return &buffers{mem.BufferSlice{mem.SliceBuffer(b)}} }

// see shows the data in one piece, and gives them back.
func (b *buffers) see(see func([]byte) error) error {
	defer b.data.Free()
	whole := b.data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	return see(whole.ReadOnlyData())
}

// bytesCodec is the codec of buffers.
type bytesCodec struct{}

// Name is part of the content type.
func (bytesCodec) Name() string { return "bytes" }

// Marshal passes the buffers of a message on.
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*buffers)
	if !ok {
		return nil, fmt.Errorf("the bytes codec can't send %T; wrap it by buffersOf", v)
	}
	return b.data, nil
}

// Unmarshal keeps the buffers that came.
func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*buffers)
	if !ok {
		return fmt.Errorf("the bytes codec can't receive %T; want a *buffers", v)
	}
	data.Ref()
	b.data = data
	return nil
}

func dialGRPCBytes(_ context.Context, socket string) (*Conn, error) {
	c, err := dialGRPC(socket, grpc.ForceCodecV2(bytesCodec{}))
	if err != nil {
		return nil, err
	}
	exchange := func(ctx context.Context, method string, data []byte, see func([]byte) error) error {
		var answer buffers
		if err := c.Invoke(ctx, method, buffersOf(data), &answer); err != nil {
			return err
		}
		return answer.see(see)
	}
	return &Conn{
		Echo: map[string]Echo{"bytes": func(ctx context.Context, data []byte, see func([]byte) error) error {
			return exchange(ctx, grpcEcho, data, see)
		}},
		Table: map[string]Table{"bytes": func(ctx context.Context, n int) (float64, error) {
			asked := binary.LittleEndian.AppendUint64(nil, uint64(n))
			return sumOf(n, func(see func([]byte) error) error { return exchange(ctx, grpcTable, asked, see) })
		}},
		Close: c.Close,
	}, nil
}
