package c2

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/internal/silence"
)

// httpClient is a node's connections to relays. It does not do what an [http.Client] does unasked: there is no redirect,
// cookie or proxy that could lead a call, and the token with it, to somebody else.
type httpClient struct {
	transport *http.Transport
	token     string
	closing   context.Context // ends when the node shuts down
	close     context.CancelFunc
	users     atomic.Int64 // links that may use it, and requests
}

const (
	// httpDialTimeout bounds connecting, and shaking hands.
	httpDialTimeout = 5 * time.Second
	// httpIdleTimeout is less than any server should keep an idle connection, so that it is seldom the first to close one.
	httpIdleTimeout = 30 * time.Second
	// httpIdlePerHost is how many calls at a time find a connection ready.
	httpIdlePerHost = 64
	httpIdleAll     = 256
	// httpMaxHeader bounds the head of an answer, in bytes.
	httpMaxHeader = 64 << 10
	// expectFrom is the size from which on a body waits for the other side to say that it wants it.
	expectFrom = 1 << 20
)

func newHTTPClient(s *settings) *httpClient {
	h := &httpClient{token: s.token}
	h.closing, h.close = context.WithCancel(context.Background())
	config := new(tls.Config)
	if s.tls != nil {
		config = s.tls.Clone()
		config.NextProtos = nil
	}
	plain := silence.Dialer(httpDialTimeout)
	secure := &tls.Dialer{NetDialer: plain, Config: config}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	h.transport = &http.Transport{
		DialContext: h.dialer(plain.DialContext), DialTLSContext: h.dialer(secure.DialContext), Protocols: protocols,
		MaxIdleConns: httpIdleAll, MaxIdleConnsPerHost: httpIdlePerHost, IdleConnTimeout: httpIdleTimeout,
		ExpectContinueTimeout: time.Second, MaxResponseHeaderBytes: httpMaxHeader, DisableCompression: true,
	}
	return h
}

// acquire tells that there is a link or a request more.
func (h *httpClient) acquire() { h.users.Add(1) }

// release tells that there is one less. The last one takes the connections with it that are idle.
func (h *httpClient) release() {
	if h.users.Add(-1) == 0 {
		h.transport.CloseIdleConnections()
	}
}

// shutdown ends all requests and connections.
func (h *httpClient) shutdown() { h.close() }

// do sends a request once and returns the head of its answer, whose body is to be closed. It ends with the node, too;
// stop tells that the request is over.
func (h *httpClient) do(req *http.Request) (resp *http.Response, stop func(), err error) {
	h.acquire() // the link may be closed meanwhile
	ctx, cancel := context.WithCancel(req.Context())
	unhook := context.AfterFunc(h.closing, cancel)
	stop = func() {
		unhook()
		cancel()
		h.release()
	}
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	req.Header.Set("User-Agent", "c2")
	if resp, err = h.transport.RoundTrip(req.WithContext(ctx)); err != nil {
		stop()
		return nil, nil, err
	}
	return resp, stop, nil
}
