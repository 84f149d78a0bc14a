package ipc

import (
	"maps"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/buddy"
)

// Defaults of [MemoryConfig].
const (
	DefaultInline     = 8 << 10
	DefaultDedicated  = 8 << 20
	DefaultConnBytes  = 4 << 30
	DefaultSpillDir   = "/var/tmp"
	DefaultSpillBytes = 64 << 30
	DefaultMemoryWait = 10 * time.Second
)

// MemoryConfig says which way payloads go, and bounds the shared memory for them. A payload is sent in the first of these
// ways that will do:
//
//   - inline: in its frame, up to Inline bytes, or up to what fits a frame (256 KiB) where nothing else will do;
//   - in a block: a piece of shared memory, which the receiver reads where it is;
//   - in a dedicated segment: shared memory of its own, from Dedicated bytes on, or from what the bounds leave for a
//     segment with several blocks;
//   - spilled: in a file, where a payload that would have a dedicated segment finds no memory left;
//   - in chunks: in several frames. So goes what is larger than the memory and the files together
//     could ever be, what would need memory that other connections have, and everything if there is no shared memory.
//
// Memory that the connection itself has in use is waited for, unless a loan is part of that. The zero value of each field
// means its default.
type MemoryConfig struct {
	// Off turns shared memory off, in both directions.
	Off bool
	// Inline is the size in bytes of the largest payload that is sent in its frame. Default 8 KiB.
	Inline int
	// Dedicated is the size in bytes from which on a payload has a segment of its own. Default 8 MiB.
	Dedicated int
	// ConnBytes bounds the memory of one connection for what this side sends on it, so also what a peer can keep from
	// coming back. Blocks have powers of two of bytes: 1 MiB with a few bytes around it takes 2, so that payloads of
	// such a size use half of this up to Dedicated, from which on there is no rounding. It also bounds the results that
	// wait in ordinary memory for some to come back, if it is more than 64 MiB; else that does. Default 4 GiB, or a
	// quarter of the machine's memory if that is less.
	ConnBytes int64
	// MaxBytes bounds the memory of all connections together; less than 64 KiB is taken for that. Default half of the
	// machine's memory.
	MaxBytes int64
	// SpillDir is where files for payloads go that find no memory. They have no names, so none is ever left behind.
	// Default /var/tmp.
	SpillDir string
	// SpillBytes bounds the files of one connection. Default 64 GiB; less than zero is no files.
	SpillBytes int64
	// Prefault bounds the size in bytes of the segments whose pages are made present before they are used, which makes the first
	// payloads faster. A process through which much memory passes, and that shall not seem to have it all, bounds it. Default
	// all; less than zero is none.
	Prefault int64
	// Wait is how long a payload waits, within its call's context, for memory that is in use, before the call fails with
	// CodeBusy. Default 10 s.
	Wait time.Duration
}

func (c MemoryConfig) withDefaults() MemoryConfig {
	machine := buddy.MachineMemory()
	setDefault(&c.Inline, DefaultInline)
	setDefault(&c.Dedicated, DefaultDedicated)
	setDefault(&c.ConnBytes, min(DefaultConnBytes, machine/4))
	setDefault(&c.MaxBytes, machine/2)
	c.MaxBytes = max(c.MaxBytes, leastSegment)
	if c.SpillDir == "" {
		c.SpillDir = DefaultSpillDir
	}
	if c.SpillBytes == 0 {
		c.SpillBytes = DefaultSpillBytes
	}
	setDefault(&c.Wait, DefaultMemoryWait)
	return c
}

// step is a way that a payload can go.
type step int

const (
	stepInline step = iota
	stepBlock
	stepDedicated
	stepSpilled
	stepChunks

	steps
)

// Memory is the shared memory of one party: of all the connections of the clients and servers to which it is given by
// [Config]. It is safe for concurrent use.
type Memory struct {
	config MemoryConfig
	budget *buddy.Budget
	pinned ranges

	sent     [steps]atomic.Uint64
	attached atomic.Uint64
	busy     atomic.Uint64

	mu      sync.Mutex
	lenders map[*lender]struct{}
}

// NewMemory returns memory for the given bounds. It has none of the system's yet.
func NewMemory(config MemoryConfig) *Memory {
	config = config.withDefaults()
	return &Memory{config: config, budget: buddy.NewBudget(config.MaxBytes), lenders: make(map[*lender]struct{})}
}

// join returns a connection's memory in each direction, or none if the two sides have not agreed on that.
func (m *Memory) join(sess session, out *sender, maxPayload int64, stuck func(bool)) (*lender, *borrower, error) {
	if !sess.memory {
		return nil, nil, nil
	}
	l, err := newLender(m, out, sess, stuck)
	if err != nil {
		return nil, nil, err
	}
	out.lender = l
	out.home.limit(sess.maxFrame)
	return l, newBorrower(out, maxPayload), nil
}

// errNoSegments is the fault of a peer that speaks of shared memory though there is none between the two.
var errNoSegments = protocolErrorf("a frame of shared memory, of which the hellos did not speak")

// onMemory does what a frame about shared memory says.
func onMemory(k kind, body []byte, l *lender, b *borrower, conn stream) error {
	if l == nil { // nor is there a borrower
		return errNoSegments
	}
	switch k {
	case kindSegment:
		return b.onSegment(body, conn)
	case kindDrop:
		return b.onDrop(body)
	case kindFree:
		return l.onFree(body)
	case kindRefuse:
		l.onRefuse()
	}
	return nil
}

const (
	maxSegment = 64 << 20
	minSegment = 256 << 10
)

// poolConfig is what the pool of one connection is like. Its segments are small enough for several to fit.
func (m *Memory) poolConfig() buddy.Config {
	c := &m.config
	whole := min(c.ConnBytes, c.MaxBytes)
	pool := buddy.Config{
		MaxBytes: c.ConnBytes, Budget: m.budget, Prefault: c.Prefault,
		MaxSegment: max(powerOfTwo(min(whole, maxSegment)), leastSegment),
		MinSegment: max(powerOfTwo(min(whole/16, minSegment)), leastSegment),
	}
	pool.Large = int(min(int64(c.Dedicated), pool.MaxSegment))
	if c.SpillBytes > 0 {
		pool.SpillDir, pool.SpillBytes = c.SpillDir, c.SpillBytes
	}
	return pool
}

// count counts the way of a payload that is about to be sent.
func (m *Memory) count(p *Payload, maxFrame int) {
	way, attached := stepInline, len(p.blocks)
	switch {
	case p.block != nil:
		way = p.blocks[0].step
		attached--
	case p.total() > uint64(maxFrame-callPrefixSize-attached*referenceSize):
		way = stepChunks
	}
	m.sent[way].Add(1)
	m.attached.Add(uint64(attached))
}

// leastSegment is a page everywhere.
const leastSegment = 64 << 10

// powerOfTwo rounds down.
func powerOfTwo(n int64) int64 { return 1 << (bits.Len64(uint64(max(n, 1))) - 1) }

// MemoryStats says how the shared memory of a party is used, and which way its payloads went.
type MemoryStats struct {
	Connections int    `json:"connections"` // that memory is there for
	Bytes       uint64 `json:"bytes"`       // memory of the system's, in use or kept for the next payloads
	Files       uint64 `json:"files"`       // bytes of files
	Lent        uint64 `json:"lent"`        // bytes of the blocks that peers read or hold; up to twice what is in them
	LentBlocks  int    `json:"lent_blocks"` // how many those are
	Pinned      uint64 `json:"pinned"`      // bytes of Pin

	// How many payloads were sent in each way since the memory was made; see [MemoryConfig].
	Inline    uint64 `json:"inline"`
	Block     uint64 `json:"block"`
	Dedicated uint64 `json:"dedicated"`
	Spilled   uint64 `json:"spilled"`
	Chunks    uint64 `json:"chunks"`
	// Attached counts the pieces of memory that payloads referred to rather than contained.
	Attached uint64 `json:"attached"`
	// Busy counts the payloads that found no memory in time.
	Busy uint64 `json:"busy"`
}

// Stats returns the figures. It takes microseconds for each connection.
func (m *Memory) Stats() MemoryStats {
	s := MemoryStats{
		Inline: m.sent[stepInline].Load(), Block: m.sent[stepBlock].Load(), Dedicated: m.sent[stepDedicated].Load(),
		Spilled: m.sent[stepSpilled].Load(), Chunks: m.sent[stepChunks].Load(),
		Attached: m.attached.Load(), Busy: m.busy.Load(), Pinned: m.pinned.bytes(),
	}
	for _, l := range m.snapshot() {
		l.addStats(&s)
	}
	return s
}

func (m *Memory) snapshot() []*lender {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.lenders))
}
