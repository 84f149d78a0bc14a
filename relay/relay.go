package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/ipc"
)

// Relay serves the resources that servers announce to it. It is safe for concurrent use.
type Relay struct {
	config      Config
	log         zerolog.Logger
	incarnation string
	since       time.Time
	memory      *ipc.Memory
	polling     *ipc.Polling
	guard       guard
	spool       *spool
	conns       *connTable
	metrics     *metrics
	http        *fasthttp.Server
	mesh        *mesh // nil if the relay is alone

	inFlight atomic.Int64
	leaving  atomic.Bool // callers should go elsewhere
	draining atomic.Bool // they have to
	refusals refusals

	announcements large

	mu      sync.RWMutex
	servers map[string]*server // by instance
	names   map[string]*entry
	routes  int
}

// New makes a relay that serves nothing yet; one of a mesh begins to look for the others. Settings that are wrong are an error
// that names each. Shutdown ends it, also if it has never served.
func New(config Config) (*Relay, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	room, err := newSpool(c.SpoolDir, c.MaxSpool)
	if err != nil {
		return nil, err
	}
	setDefault(&c.Memory.Prefault, prefault)
	r := &Relay{
		config: c, log: c.Logger, incarnation: newIncarnation(), since: time.Now(),
		memory: ipc.NewMemory(c.Memory), polling: ipc.NewPolling(c.Polling),
		guard: newGuard(&c), spool: room, announcements: newLarge(),
		servers: make(map[string]*server), names: make(map[string]*entry),
	}
	r.conns = newConnTable(&c)
	r.metrics = newMetrics(r)
	r.http = r.newServer()
	if err := r.startMesh(); err != nil {
		r.conns.stop()
		return nil, err
	}
	return r, nil
}

// prefault is up to what shared memory is made present before a body comes. Larger bodies let go of theirs as they come.
const prefault = 256 << 20

// ID is the relay's name.
func (r *Relay) ID() string { return r.config.ID }

// newServer sets up fasthttp. Bodies are read by the handlers, which bound them: StreamRequestBody takes any size.
func (r *Relay) newServer() *fasthttp.Server {
	c := &r.config
	return &fasthttp.Server{
		Handler: r.serveHTTP, ErrorHandler: r.serveFault, ExpectHandler: r.serveExpectation,
		ReadBufferSize: c.MaxHeader, WriteBufferSize: writeBuffer,
		ReadTimeout: c.HeaderTimeout, IdleTimeout: c.IdleTimeout,
		Concurrency:       c.MaxConns + 1, // connTable says no before
		CloseOnShutdown:   true,
		StreamRequestBody: true, MaxRequestBodySize: smallBody, DisablePreParseMultipartForm: true,
		NoDefaultServerHeader: true, NoDefaultContentType: true, LazyRequestTime: true, SecureErrorLogMessage: true,
		Logger: log.New(logWriter{r.log}, "", 0),
	}
}

// writeBuffer is how much of an answer fasthttp collects before it writes.
const writeBuffer = 16 << 10

// Serve takes connections from ln until Shutdown, and returns nil then. It may be called for several listeners.
func (r *Relay) Serve(ln net.Listener) error {
	ln = &listener{ln, r.conns, r.config.TLS == nil}
	if r.config.TLS != nil {
		ln = tls.NewListener(ln, r.config.TLS)
	}
	return r.http.Serve(ln)
}

// Shutdown is no longer ready, leaves the mesh, takes no more calls, waits for those in flight until ctx ends and then cancels
// them, and lets go of all servers. It returns the context's error if that cut calls off. It is called once.
func (r *Relay) Shutdown(ctx context.Context) error {
	r.leaving.Store(true)
	r.mesh.leave(ctx) // first: what others still send here is answered meanwhile
	r.draining.Store(true)
	r.conns.empty(ctx, farewell)
	err := r.http.ShutdownWithContext(ctx)
	if ctx.Err() != nil {
		r.conns.cancelAll()
		last, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = r.http.ShutdownWithContext(last) // those that were cancelled answer
		r.conns.closeAll()
	}
	r.dropAll()
	r.conns.stop()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// farewell is how long callers have to come for their next call and hear that they have to go elsewhere, and that nothing ran. One
// that called on a connection while that was closed could not know.
const farewell = 300 * time.Millisecond

// logWriter takes the lines of fasthttp's log, which tell of peers' faults.
type logWriter struct{ log zerolog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Debug().Msg(strings.TrimSpace(string(line)))
	return len(line), nil
}
