package peer

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

// What both kinds of connect have in common.

const (
	connectEcho  = "/compare.Store/Echo"
	connectTable = "/compare.Store/Table"

	// connectConns is how many connections stay open: HTTP/1.1 takes one for each call that is under way.
	connectConns = 64

	connectHow = "The Connect protocol without compression, by HTTP/1.1, which is faster here than HTTP/2 without TLS; concurrent calls " +
		"take a connection each."
)

func serveConnect(socket string, handlers map[string]http.Handler) (func() error, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, h := range handlers {
		mux.Handle(path, h)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	return func() error {
		err := server.Close()
		if end := <-ended; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	}, nil
}

// connectHandler handles a procedure without interceptors and compression.
func connectHandler[In, Out any](path string, do func(*In) (*Out, error), opts ...connect.HandlerOption) http.Handler {
	opts = append(opts, connect.WithCompression("gzip", nil, nil))
	return connect.NewUnaryHandler(path, func(_ context.Context, req *connect.Request[In]) (*connect.Response[Out], error) {
		out, err := do(req.Msg)
		if err != nil {
			return nil, err
		}
		return connect.NewResponse(out), nil
	}, opts...)
}

// connectTransport is an HTTP client's way to a Unix socket.
func connectTransport(socket string) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableCompression:  true,
		MaxIdleConnsPerHost: connectConns,
		ReadBufferSize:      64 << 10,
		WriteBufferSize:     64 << 10,
	}
}

// connectClient is a client of a procedure.
func connectClient[In, Out any](t *http.Transport, path string, opts ...connect.ClientOption) *connect.Client[In, Out] {
	opts = append(opts, connect.WithAcceptCompression("gzip", nil, nil))
	return connect.NewClient[In, Out](&http.Client{Transport: t}, "http://compare"+path, opts...)
}

func closeTransport(t *http.Transport) func() error {
	return func() error {
		t.CloseIdleConnections()
		return nil
	}
}
