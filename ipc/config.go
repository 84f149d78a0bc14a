package ipc

import "time"

// Defaults of [Config].
const (
	DefaultMaxPayload       = 4 << 30
	DefaultMaxCalls         = 4096
	DefaultMaxConns         = 4096
	DefaultHandshakeTimeout = 5 * time.Second
	DefaultStallTimeout     = 30 * time.Second
	DefaultIdleTimeout      = 5 * time.Minute
)

// Config sets the bounds of a client or a server. The zero value of each field means its default.
type Config struct {
	// MaxPayload is the size in bytes of the largest payload accepted from a peer, which is told of it and sends
	// nothing larger. The attachments of a payload count in it, each with its whole length: a piece of memory that
	// would be too much is not attached. It also bounds all payloads that one connection may have half-sent at a time.
	// Default 4 GiB.
	MaxPayload int64
	// MaxCalls is how many calls one connection may have in flight at a server; the call beyond it is
	// answered CodeBusy. Default 4096. Unused by clients.
	MaxCalls int
	// MaxConns is how many connections a server keeps; the one beyond it is told CodeBusy. Default 4096.
	// Unused by clients.
	MaxConns int
	// HandshakeTimeout bounds connecting and shaking hands. Default 5 s.
	HandshakeTimeout time.Duration
	// StallTimeout is how long a server waits for a client to read what is queued for it (at most 4 MiB)
	// before it gives the connection up. Default 30 s. Unused by clients: their calls end with their contexts.
	StallTimeout time.Duration
	// IdleTimeout is how long a client keeps a connection on which nothing is in flight; the next call
	// connects anew. Default 5 min. Unused by servers.
	IdleTimeout time.Duration
	// Memory is the shared memory for payloads, which several clients and servers may have in common. Default: one of
	// its own, with the defaults of MemoryConfig.
	Memory *Memory
	// Polling is how connections wait, which several clients and servers may have in common. Default: one of its own, of
	// DefaultPoll.
	Polling *Polling
	// ConnLost, where set, is called by a server once for each connection that ended in any other way than
	// by a client that had no calls in flight and closed it, and when one could not be accepted. It must not block.
	ConnLost func(err error)
	// Ended, where set, is called once for each connection that has ended, when all payloads that came on it by reference are
	// orphaned. It must not block.
	Ended func()
}

func (c Config) withDefaults() Config {
	setDefault(&c.MaxPayload, DefaultMaxPayload)
	setDefault(&c.MaxCalls, DefaultMaxCalls)
	setDefault(&c.MaxConns, DefaultMaxConns)
	setDefault(&c.HandshakeTimeout, DefaultHandshakeTimeout)
	setDefault(&c.StallTimeout, DefaultStallTimeout)
	setDefault(&c.IdleTimeout, DefaultIdleTimeout)
	if c.Memory == nil {
		c.Memory = NewMemory(MemoryConfig{})
	}
	if c.Polling == nil {
		c.Polling = NewPolling(DefaultPoll)
	}
	if c.ConnLost == nil {
		c.ConnLost = func(error) {}
	}
	if c.Ended == nil {
		c.Ended = func() {}
	}
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
