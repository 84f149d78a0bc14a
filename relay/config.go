package relay

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/internal/relayurl"
	"github.com/ctwo-go/c2/ipc"
)

// Defaults of [Config].
const (
	DefaultMaxHeader     = 16 << 10
	DefaultMaxBody       = ipc.DefaultMaxPayload
	DefaultMaxJSON       = 8 << 20
	DefaultMaxCalls      = 4096
	DefaultMaxConns      = 16384
	DefaultMaxServers    = 1024
	DefaultMaxRoutes     = 65536
	DefaultHeaderTimeout = 10 * time.Second
	DefaultIdleTimeout   = 2 * time.Minute
	DefaultStallTimeout  = 30 * time.Second
	DefaultMinRate       = 1 << 10
	DefaultSpoolDir      = "/var/tmp"
	DefaultMaxSpool      = 16 << 30
)

// Config says what a relay is like. The zero value of each field means its default.
type Config struct {
	// ID names the relay among others. 1 to 64 of A-Z a-z 0-9 - _ and dots. Default: a name that is made up.
	ID string
	// URL is where others reach the relay, http://host:port or https://host:port. Default: clients go on using the URL by
	// which they asked.
	URL string

	// Token is what callers must send. Default: anybody may call.
	Token string
	// AnnounceToken is what servers must send. Default: Token; where there is none either, servers announce from this
	// host only.
	AnnounceToken string
	// TLS serves HTTPS. Default: HTTP.
	TLS *tls.Config
	// Origins are the origins whose pages browsers may let call, or "*" for all. Default: none; a request with any other
	// origin is denied.
	Origins []string
	// NoDirect keeps the servers' ipc addresses from clients, so that all their calls go through the relay.
	NoDirect bool
	// SocketDirs are the directories whose sockets servers may announce, with those below. Default: the one of ipc://name.
	SocketDirs []string

	// MaxHeader bounds the bytes of a request's header. Default 16 KiB.
	MaxHeader int
	// MaxBody bounds the bytes of a request's body, and of an answer. Default 4 GiB.
	MaxBody int64
	// MaxJSON bounds the bytes of a body that is JSON, which is read into memory whole. Default 8 MiB.
	MaxJSON int64
	// MaxCalls is how many calls may be in flight; the one beyond is answered busy. Default 4096.
	MaxCalls int
	// MaxConns is how many connections may be open; the one beyond is told busy and closed. Default 16384.
	MaxConns int
	// MaxServers and MaxRoutes bound what servers may announce, all together. Default 1024 and 65536.
	MaxServers, MaxRoutes int

	// HeaderTimeout is how long a request's header may take, and a small body. Default 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection may wait for the next request. Default 2 min.
	IdleTimeout time.Duration
	// StallTimeout is how long a peer may neither send nor read any of a body before it is given up. Default 30 s.
	StallTimeout time.Duration
	// MinRate is how many bytes per second of a body a peer must send or read, on average over twice the StallTimeout that
	// the relay waits for it. Less than zero is none. Default 1 KiB.
	MinRate int64

	// Mesh, where set, is how the relay finds others. Default: it is alone.
	Mesh *MeshConfig

	// SpoolDir is where the bodies of slow peers wait, in files that have no names. Default /var/tmp.
	SpoolDir string
	// MaxSpool bounds those files, all together. Default 16 GiB.
	MaxSpool int64

	// Memory shapes and bounds the memory that is shared with servers.
	Memory ipc.MemoryConfig
	// Polling is how long a call polls for its answer before it sleeps; see ipc. Default [ipc.DefaultPoll]; less than zero
	// is not at all.
	Polling time.Duration

	// Logger takes the log. Default: none.
	Logger zerolog.Logger
	// AccessLog writes a line for each request, at level info.
	AccessLog bool
}

func (c Config) withDefaults() (Config, error) {
	setDefault(&c.MaxHeader, DefaultMaxHeader)
	setDefault(&c.MaxBody, DefaultMaxBody)
	setDefault(&c.MaxJSON, DefaultMaxJSON)
	setDefault(&c.MaxCalls, DefaultMaxCalls)
	setDefault(&c.MaxConns, DefaultMaxConns)
	setDefault(&c.MaxServers, DefaultMaxServers)
	setDefault(&c.MaxRoutes, DefaultMaxRoutes)
	setDefault(&c.HeaderTimeout, DefaultHeaderTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	setDefault(&c.StallTimeout, DefaultStallTimeout)
	setDefault(&c.MinRate, DefaultMinRate)
	setDefault(&c.SpoolDir, DefaultSpoolDir)
	setDefault(&c.MaxSpool, DefaultMaxSpool)
	setDefault(&c.AnnounceToken, c.Token)
	setDefault(&c.Polling, ipc.DefaultPoll)
	c.Polling = max(c.Polling, 0)
	if c.ID == "" {
		c.ID = "relay-" + newIncarnation()[:8]
	}
	if len(c.SocketDirs) == 0 {
		c.SocketDirs = []string{runtimeDir()}
	}
	return c, errors.Join(checkID(c.ID), checkURL(&c.URL), checkDirs(c.SocketDirs), checkOrigins(c.Origins), c.checkTokens(), c.checkBounds())
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// runtimeDir is where sockets with a mere name are.
func runtimeDir() string {
	path, err := ipc.SocketPath(ipc.Scheme + "x")
	if err != nil {
		return "/nonexistent"
	}
	return filepath.Dir(path)
}

func checkID(id string) error {
	odd := strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
	if len(id) > 64 || odd {
		return fmt.Errorf("relay id %q: want 1 to 64 of A-Z a-z 0-9 - _ and dots", id)
	}
	return nil
}

func checkURL(text *string) (err error) {
	if *text == "" {
		return nil
	}
	if *text, err = relayurl.Parse(*text); err != nil {
		return fmt.Errorf("relay URL %w", err)
	}
	return nil
}

func checkDirs(dirs []string) error {
	for _, d := range dirs {
		if !filepath.IsAbs(d) {
			return fmt.Errorf("socket directory %q: want an absolute path", d)
		}
	}
	return nil
}

// newIncarnation tells one start of a relay from another.
func newIncarnation() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
