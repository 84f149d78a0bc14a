package peer

import (
	"context"
	"net"
	"runtime"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// What both kinds of gRPC have in common.

const (
	grpcService = "compare.Store"
	grpcEcho    = "/" + grpcService + "/Echo"
	grpcTable   = "/" + grpcService + "/Table"

	grpcHow = "Messages and windows of up to 1 GiB, so that no one waits for leave to send; buffers of 64 KiB to read and write; as many stream " +
		"workers as cores."

	// grpcBuffer is twice the default of its read and write buffers.
	grpcBuffer = 64 << 10
)

// grpcMethod describes a method by hand, as generated code would.
func grpcMethod[In any](name string, do func(*In) (any, error)) grpc.MethodDesc {
	handle := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		return do(in)
	}
	return grpc.MethodDesc{MethodName: name, Handler: handle}
}

func serveGRPC(socket string, methods []grpc.MethodDesc, opts ...grpc.ServerOption) (func() error, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	opts = append(opts,
		grpc.MaxRecvMsgSize(largest), grpc.MaxSendMsgSize(largest),
		grpc.StaticStreamWindowSize(largest), grpc.StaticConnWindowSize(largest),
		grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))),
		grpc.ReadBufferSize(grpcBuffer), grpc.WriteBufferSize(grpcBuffer))
	server := grpc.NewServer(opts...)
	server.RegisterService(&grpc.ServiceDesc{ServiceName: grpcService, HandlerType: (*any)(nil), Methods: methods}, struct{}{})
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return func() error {
		server.Stop()
		return <-ended
	}, nil
}

func dialGRPC(socket string, opts ...grpc.CallOption) (*grpc.ClientConn, error) {
	opts = append(opts, grpc.MaxCallRecvMsgSize(largest), grpc.MaxCallSendMsgSize(largest), grpc.StaticMethod())
	return grpc.NewClient("unix:"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithStaticStreamWindowSize(largest), grpc.WithStaticConnWindowSize(largest),
		grpc.WithReadBufferSize(grpcBuffer), grpc.WithWriteBufferSize(grpcBuffer),
		grpc.WithDisableRetry(),
		grpc.WithDefaultCallOptions(opts...))
}
