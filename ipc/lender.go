package ipc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ctwo-go/c2/buddy"
)

// lender is the memory of one connection that this side owns and the peer reads. Its pool is the connection's own: what
// the peer keeps is missing to nobody else, and when the connection ends all of it goes, while the peer, if it lives, still
// reads what it has mapped, which nobody writes to any more.
//
// A nil *lender has no memory to lend.
type lender struct {
	memory *Memory
	out    *sender
	pool   *buddy.Pool
	cool   cooling
	loans  ranges

	parking parking
	stuck   func(bool) // told when somebody begins or ceases to wait for the peer to give memory back

	maxAttached int    // pieces of memory per payload
	maxPayload  uint64 // bytes of a payload with those pieces that the peer takes

	off atomic.Bool // the peer can't map segments, or the connection has ended

	// The pool is there for as long as anybody is who uses its memory: the connection, and each block that this side has. A
	// connection may end while a loan is written to and a result is encoded.
	users atomic.Int64
	ended context.Context // when the connection does
	end   context.CancelFunc

	mu        sync.Mutex
	lent      map[place]lentBlock    // nil once the connection has ended
	lentBytes uint64                 // taken by them
	segments  map[uint32]segmentInfo // those that the peer knows
	mapped    uint64                 // bytes of them

	pinMu sync.Mutex
	pins  map[*Pinned]uint32 // the segments of pinned memory that the peer knows; nil once the connection has ended
	last  uint32             // how many it was told of
}

func newLender(m *Memory, out *sender, sess session, stuck func(bool)) (*lender, error) {
	l := &lender{
		memory: m, out: out, stuck: stuck,
		maxAttached: min(maxRefs, (sess.maxFrame-callPrefixSize)/referenceSize) - 1, maxPayload: sess.peer.maxPayload,
		lent: make(map[place]lentBlock), segments: make(map[uint32]segmentInfo), pins: make(map[*Pinned]uint32),
	}
	l.parking.limit = max(m.config.ConnBytes, leastParking)
	l.users.Store(1)
	l.ended, l.end = context.WithCancel(context.Background())
	config := m.poolConfig()
	config.OnSegment, config.OnDrop = l.onSegment, l.onDrop
	pool, err := buddy.NewPool(config)
	if err != nil {
		return nil, err
	}
	l.pool = pool
	l.cool.init(func(b *block) { _ = pool.Free(b.segment, b.offset) }) // fails once the pool is closed, which has it all back
	m.mu.Lock()
	m.lenders[l] = struct{}{}
	m.mu.Unlock()
	return l, nil
}

// onSegment passes a new segment to the peer.
func (l *lender) onSegment(id uint32, s *buddy.Segment) error {
	info := segmentInfo{id: id, what: segmentMemory, size: uint64(s.Size())}
	if s.OnDisk() {
		info.what = segmentFile
	}
	if err := l.introduce(info, s); err != nil {
		return err
	}
	return s.CloseFile() // the peer maps it, this side has
}

// introduce sends a segment's descriptor, unless the peer has as many segments as it takes.
func (l *lender) introduce(info segmentInfo, s *buddy.Segment) error {
	l.mu.Lock()
	if len(l.segments) >= maxSegments || info.size > maxMapped-l.mapped {
		l.mu.Unlock()
		return errNoMemory
	}
	l.segments[info.id] = info
	l.mapped += info.size
	l.mu.Unlock()
	file, err := duplicate(s.File())
	if err == nil {
		err = l.out.send(context.Background(), outFrame{body: appendSegment(nil, info), file: file}, true)
	}
	if err != nil {
		l.forget(info.id)
	}
	return err
}

// onDrop tells the peer that a segment is gone.
func (l *lender) onDrop(id uint32) {
	l.out.send(context.Background(), outFrame{body: appendDrop(nil, id)}, true) // fails with the connection only
	l.forget(id)                                                                // after that, so that there are never too many
}

func (l *lender) forget(id uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mapped -= l.segments[id].size
	delete(l.segments, id)
}

// errNoMemory tells that there is no shared memory for a payload, and that waiting would not help.
var errNoMemory = errors.New("no shared memory")

// alloc returns a block for n bytes. It waits for memory that is in use, for as long as the context and the configuration
// allow; then the error is CodeBusy. With noWait for a context it does not wait, and the error is errNotNow. Whatever else
// keeps it from being had is errNoMemory.
func (l *lender) alloc(ctx context.Context, n int) (*block, error) {
	b, err := l.tryAlloc(n, func(n int) (buddy.Block, error) {
		b, err := l.pool.Alloc(n)
		if errors.Is(err, buddy.ErrExhausted) {
			l.cool.flush()
			b, err = l.pool.Alloc(n)
		}
		switch {
		case !errors.Is(err, buddy.ErrExhausted):
			return b, err
		case errors.Is(err, buddy.ErrOthers):
			return b, errNoMemory // this peer is not to wait for what it does not have
		case !l.loans.empty():
			return b, errNoMemory // who has a loan must not wait: what is missing may be that
		case ctx == noWait():
			return b, err
		}
		return l.await(ctx, n)
	})
	switch {
	case err == nil:
		return b, nil
	case !errors.Is(err, buddy.ErrExhausted), l.off.Load():
		return nil, errNoMemory
	case ctx == noWait():
		return nil, errNotNow
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, contextError(ctx.Err(), false)
	}
	l.memory.busy.Add(1)
	return nil, l.errBusy(n)
}

// noWait is the context of who does not wait.
func noWait() context.Context { return nil }

// errNotNow tells that memory would have to be waited for.
var errNotNow = errors.New("the memory is in use")

func (l *lender) errBusy(n int) *Error {
	return errorf(CodeBusy, "no %d bytes of shared memory came free in time: %s", n, l.keptText())
}

// errParked is the answer to a call that ran, but whose result is too much to wait.
func (l *lender) errParked(n int) *Error {
	l.memory.busy.Add(1)
	e := errorf(CodeBusy, "%d bytes, beside %d of other results that wait for shared memory: %s",
		n, l.parking.bytes.Load(), l.keptText())
	e.MayHaveRun = true
	return e
}

// keptText says who has the memory, and what to do about it.
func (l *lender) keptText() string {
	return fmt.Sprintf("the other side keeps blocks of %d bytes, each a power of two unless it is large, "+
		"of the %d that this connection may have; release what is held, or raise ConnBytes", l.kept(), l.memory.config.ConnBytes)
}

func (l *lender) await(ctx context.Context, n int) (buddy.Block, error) {
	l.cool.stop()
	defer l.cool.start()
	if b, err := l.pool.Alloc(n); !errors.Is(err, buddy.ErrExhausted) {
		return b, err
	}
	l.stuck(true)
	defer l.stuck(false)
	ctx, cancel := context.WithTimeout(ctx, l.memory.config.Wait)
	defer cancel()
	defer context.AfterFunc(l.ended, cancel)()
	return l.pool.AllocWait(ctx, n)
}

// tryAlloc returns the block that alloc gets for n bytes. There are none once nobody uses the pool any more.
func (l *lender) tryAlloc(n int, alloc func(int) (buddy.Block, error)) (*block, error) {
	if !l.join() {
		return nil, errNoMemory
	}
	b, err := alloc(n)
	if err != nil {
		l.leave()
		return nil, err
	}
	return l.newBlock(b, n), nil
}

// join counts one more who uses the pool, unless it is closed.
func (l *lender) join() bool {
	for {
		n := l.users.Load()
		if n == 0 {
			return false
		}
		if l.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave undoes join. The last one closes the pool.
func (l *lender) leave() {
	if l.users.Add(-1) > 0 {
		return
	}
	l.memory.mu.Lock()
	delete(l.memory.lenders, l)
	l.memory.mu.Unlock()
	_ = l.pool.Close() // what can't be unmapped stays, and does no harm
}

func (l *lender) newBlock(b buddy.Block, n int) *block {
	own := newBlock(l, b.Segment, b.Offset, b.Bytes)
	switch {
	case l.onDisk(b.Segment):
		own.step = stepSpilled
	case n >= l.memory.config.Dedicated:
		own.step = stepDedicated
	default:
		own.step = stepBlock
	}
	return own
}

func (l *lender) onDisk(segment uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segments[segment].what == segmentFile
}

// free implements home. Once the connection has ended no block is used again: the peer may still read it.
func (l *lender) free(b *block) {
	if l.ended.Err() == nil {
		l.cool.add(b)
	}
	l.leave()
}

// onRefuse: the peer has no room for more mappings.
func (l *lender) onRefuse() { l.off.Store(true) }

// close takes back all that the peer has, when the connection has ended. The memory goes with the last block that this side
// has; until then what the peer had stays as it is, and what nobody had is given to the system.
func (l *lender) close() {
	if l == nil {
		return
	}
	l.off.Store(true)
	l.end()
	l.mu.Lock()
	lent := l.lent
	l.lent, l.lentBytes = nil, 0
	l.mu.Unlock()
	l.pinMu.Lock()
	pins := l.pins
	l.pins = nil
	l.pinMu.Unlock()
	for _, entry := range lent {
		for range entry.times {
			entry.block.release()
		}
	}
	for pin := range pins {
		pin.part(l)
	}
	l.cool.stop()
	l.pool.Trim()
	l.leave()
}

func (l *lender) addStats(s *MemoryStats) {
	pool := l.pool.Stats()
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Connections++
	s.Bytes += pool.Capacity - pool.FileBytes
	s.Files += pool.FileBytes
	s.Lent += l.lentBytes
	s.LentBlocks += len(l.lent)
}
