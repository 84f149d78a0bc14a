package c2

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2/ipc"
)

// NodeOption sets up a node: see [NewNode] and [Configure].
type NodeOption interface{ applyNode(*nodeConfig) }

// RegisterOption says how a resource is registered: see [Register].
type RegisterOption interface{ applyRegister(*registerConfig) }

// ConnectOption says how to reach a resource: see [Connect].
type ConnectOption interface{ applyConnect(*connectConfig) }

// NodeChoice is the option that [On] makes; every function that uses a node takes it.
type NodeChoice interface {
	RegisterOption
	ConnectOption
}

type (
	nodeOption     func(*nodeConfig)
	registerOption func(*registerConfig)
	connectOption  func(*connectConfig)
	onNode         struct{ node *Node }
)

func (o nodeOption) applyNode(c *nodeConfig)             { o(c) }
func (o registerOption) applyRegister(c *registerConfig) { o(c) }
func (o connectOption) applyConnect(c *connectConfig)    { o(c) }
func (o onNode) applyRegister(c *registerConfig)         { c.node = o.node }
func (o onNode) applyConnect(c *connectConfig)           { c.node = o.node }

// On makes a function use the given node instead of the default one.
func On(node *Node) NodeChoice { return onNode{node} }

// Address is where the node's own resources are reached from other processes of this host: ipc://name or
// ipc:///abs/path.sock. Environment: C2_ADDRESS. Default: a name that is made up, see [Node.Address].
func Address(address string) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.address = &address })
}

// CallTimeout bounds the calls of methods that take no context, and of [Dynamic] without a deadline. In the resource's
// own process it bounds the wait for the call's turn, as nothing can end a method that takes no context. Environment:
// C2_CALL_TIMEOUT, as Go writes durations (30s, 1m30s). Default 30 s. Zero is no bound. A method that takes a context
// has only the bounds of that.
func CallTimeout(d time.Duration) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.callTimeout = &d })
}

// DrainTimeout is how long [Serve] waits for calls in flight when it has been told to stop. Environment:
// C2_DRAIN_TIMEOUT. Default 10 s. [Node.Shutdown] waits for as long as its context lets it instead.
func DrainTimeout(d time.Duration) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.drainTimeout = &d })
}

// MaxPayload is the size in bytes of the largest arguments or results that the node takes from a peer, which gets
// ErrTooLarge before it sends anything larger. By HTTP it is the caller who gets that, when larger results come. Memory of
// [Alloc] and [Pin] counts in it as any other does, as who does not hold it copies it. Environment: C2_MAX_PAYLOAD, a number
// of bytes. Default 4 GiB.
func MaxPayload(bytes int64) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.maxPayload = &bytes })
}

// Logger takes the node's log. Default: warnings and worse to standard error, as lines of JSON. Environment, for
// the default logger only: C2_LOG_LEVEL, one of zerolog's levels (debug, info, warn, error, disabled).
func Logger(l zerolog.Logger) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.logger = &l })
}

// MemoryConfig shapes and bounds the shared memory of a node: see [SharedMemory].
type MemoryConfig = ipc.MemoryConfig

// SharedMemory says which way the node's payloads go to other processes of this host, and bounds the memory for them. A
// field that is zero has its environment variable's value, else its default: Off C2_IPC_SHM (on or off), Inline
// C2_SHM_INLINE, Dedicated C2_SHM_DEDICATED, ConnBytes C2_SHM_CONN_BYTES, MaxBytes C2_SHM_BYTES, SpillDir C2_SHM_SPILL_DIR,
// SpillBytes C2_SHM_SPILL_BYTES, Prefault C2_SHM_PREFAULT, Wait C2_SHM_WAIT. Nobody has to know them: the defaults suit. An
// Off that is false leaves C2_IPC_SHM=off in force: see [UseSharedMemory].
func SharedMemory(config MemoryConfig) NodeOption {
	return nodeOption(func(c *nodeConfig) {
		c.memory = &config
		if config.Off {
			c.sharing = new(bool)
		}
	})
}

// UseSharedMemory turns shared memory on or off, in both directions, whatever C2_IPC_SHM says. Default: as that says, else
// on. Of this and an Off of [SharedMemory] the later one holds.
func UseSharedMemory(on bool) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.sharing = &on })
}

// Polling is for how long one who waits for another process of this host may look again and again before it sleeps. That makes
// small calls some ten times faster, and takes up to a core for each side while calls come one after the other; where
// it does not pay, it is done less and less, down to not at all, whatever the setting. Environment: C2_IPC_POLL. Default 150 µs.
// Zero is never.
func Polling(d time.Duration) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.polling = &d })
}

// RelayURL is the relay at which the node announces its resources, for callers anywhere, and which [Connect] asks for what
// this process does not have: http://host:port or https://host:port. Announcing goes on in the background from the first
// [Register] on: the relay may start later, and may start again. Several, with commas between them, are for Connect as for
// [Relay]; the node announces at the first one. It is reached without a proxy, whatever HTTP_PROXY says. Environment: C2_RELAY.
// Default: none, as is the empty string.
func RelayURL(url string) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.relay = &url })
}

// Token is what the node shows to relays, which may demand one of callers, and of servers. It goes to every relay that the
// node is told of, so that http:// should not leave this host with one. Environment: C2_TOKEN. Default: none.
func Token(token string) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.token = &token })
}

// TLS is how the node speaks to relays by https: whom it trusts, and its own certificate where they ask for one. The
// config is copied; its NextProtos are not used. Environment: C2_TLS_CA is a file of certificates of the authorities to
// trust, C2_TLS_CERT and C2_TLS_KEY are files of the node's certificate and its key, all in PEM; none of them counts beside
// the option. Default, as with nil: what the system trusts, and no certificate.
func TLS(config *tls.Config) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.tls = config })
}

// Mode says which calls of a resource may run beside each other.
type Mode uint8

// The modes of [Concurrency].
const (
	// ReadParallel runs reads beside reads, and a write alone. It is the default.
	ReadParallel Mode = iota
	// Exclusive runs one call at a time.
	Exclusive
	// Parallel runs all calls beside each other: the resource does its own locking.
	Parallel
)

// Concurrency sets which calls of the resource may run beside each other. Default [ReadParallel].
func Concurrency(mode Mode) RegisterOption {
	return registerOption(func(c *registerConfig) { c.mode = mode })
}

// MaxPending bounds how many calls may wait for the resource; the call beyond gets ErrBusy at once. Default 16384, as
// with 0; less is an ErrInvalid.
func MaxPending(n int) RegisterOption {
	return registerOption(func(c *registerConfig) { c.maxPending = n })
}

// HoldInput gives the named methods of the resource their arguments where they arrived: the byte slices, slices of
// numbers, columns and other transferables in them lie in the caller's memory, as under [Hold], for as long as the call
// runs. They must not be written to, nor be kept without [KeepInput]. In the caller's own process it changes nothing.
// Without any names, or with one that the contract does not have, Register fails with ErrInvalid.
func HoldInput(methods ...string) RegisterOption {
	return registerOption(func(c *registerConfig) {
		c.held = append(c.held, methods...)
		c.heldNone = c.heldNone || len(methods) == 0
	})
}

// At says where the resource is: thread:// is this process, ipc://name and ipc:///abs/path.sock another one of this
// host, and http://host:port and https://host:port a relay, as for [Relay]. The empty string is as if it were not there.
// Default: this process, and what it does not have, the node's relay if it has one (see [RelayURL]).
func At(address string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.address, c.relay = address, false })
}

// Relay is the relay to ask where the resource is: http://host:port or https://host:port. Calls leave it out where they can:
// to another process of this host they go as with its ipc address. Several relays of a mesh, with commas between them, are
// asked in turn, beginning with the one that knew the resource last, until one does: calls go on while one of them does not
// answer. At most 16. If none finds it, up to three are asked that had it before. Of this and [At] the later one holds. Default: see there.
func Relay(url string) ConnectOption {
	return connectOption(func(c *connectConfig) { c.address, c.relay = url, true })
}

type registerConfig struct {
	node       *Node
	mode       Mode
	maxPending int
	held       []string // the methods of HoldInput
	heldNone   bool     // there was one without methods
}

func (c *registerConfig) holdsInput(method string) bool { return slices.Contains(c.held, method) }

// checkHeld finds fault with methods of HoldInput that the contract has not.
func (c *registerConfig) checkHeld(contract *contract) error {
	var faults []error
	if c.heldNone {
		faults = append(faults, fmt.Errorf("HoldInput(): want the names of methods; %s has %s", contract.typ, strings.Join(contract.names(), ", ")))
	}
	for _, name := range c.held {
		if contract.find(name) == nil {
			faults = append(faults, fmt.Errorf("HoldInput(%q): %s has no such method; it has %s", name, contract.typ, strings.Join(contract.names(), ", ")))
		}
	}
	return errors.Join(faults...)
}

func (c *registerConfig) check() error {
	var faults []error
	if c.mode > Parallel {
		faults = append(faults, fmt.Errorf("Concurrency(%d): want ReadParallel, Exclusive or Parallel", c.mode))
	}
	if c.maxPending < 0 {
		faults = append(faults, fmt.Errorf("MaxPending(%d): want a number of calls, or 0 for the default", c.maxPending))
	}
	return errors.Join(faults...)
}

type connectConfig struct {
	node    *Node
	address string
	relay   bool // the address can only be a relay's
}
