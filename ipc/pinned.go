package ipc

import (
	"maps"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
)

// Pinned is memory that every connection can refer to, for as long as its owner keeps it: what is sent of it, as often as it
// is sent, is not copied. It counts against no budget, but each takes a descriptor.
type Pinned struct {
	memory  *Memory
	segment *buddy.Segment
	block   *block

	mu       sync.Mutex
	released bool
	lenders  map[*lender]struct{} // whose peers know it
}

// maxPins bounds the descriptors that pinned memory takes, so that some are left for connections.
const maxPins = 1024

// Pin returns n bytes of pinned memory, all zero. Where the system has none, or shared memory is turned off, the error is
// CodeUnsupported; it is CodeBusy if a quarter of the descriptors that the process may have, or 1024, are pinned memory's already.
func (m *Memory) Pin(n int) (*Pinned, error) {
	if m.config.Off {
		return nil, errorf(CodeUnsupported, "shared memory is turned off")
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, errorf(CodeUnsupported, "asking how many descriptors there may be: %v", err)
	}
	if most := min(maxPins, uint64(limit.Cur)/4); uint64(m.pinned.count.Load()) >= most {
		return nil, errorf(CodeBusy, "%d pieces of memory are pinned already, each of which takes a descriptor; pin fewer and larger ones", most)
	}
	segment, err := buddy.Create(int64(n))
	if err != nil {
		return nil, errorf(CodeUnsupported, "pinning %d bytes: %v", n, err)
	}
	p := &Pinned{memory: m, segment: segment, lenders: make(map[*lender]struct{})}
	p.block = newBlock(p, 0, 0, segment.Bytes())
	p.block.bytes = p.block.bytes[:n:n]
	m.pinned.add(p.block)
	return p, nil
}

// Bytes is the memory. After Release it may read as zeros at any time, for as long as package buddy keeps the addresses.
func (p *Pinned) Bytes() []byte { return p.block.bytes }

// Release lets the memory go, once no peer reads it any more. It is idempotent.
func (p *Pinned) Release() {
	p.mu.Lock()
	first := !p.released
	p.released = true
	p.mu.Unlock()
	if first {
		p.memory.pinned.remove(p.block)
		p.block.release()
	}
}

// free implements home.
func (p *Pinned) free(*block) {
	p.mu.Lock()
	lenders := slices.Collect(maps.Keys(p.lenders))
	p.mu.Unlock()
	for _, l := range lenders {
		l.unpin(p)
	}
	_ = p.segment.Close() // what can't be unmapped stays, and does no harm
}

func (p *Pinned) join(l *lender) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lenders[l] = struct{}{}
}

func (p *Pinned) part(l *lender) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.lenders, l)
}

// reference is how the peer is told of a block. The segment of a pinned one is made known to it first.
func (l *lender) reference(b *block) (reference, error) {
	r := reference{segment: b.segment, offset: b.offset, length: uint64(len(b.bytes))}
	pin, ok := b.home.(*Pinned)
	if !ok {
		return r, nil
	}
	l.pinMu.Lock()
	defer l.pinMu.Unlock()
	if l.pins == nil {
		return r, errNotSent
	}
	id, known := l.pins[pin]
	if !known {
		id = firstPin + l.last
		if err := l.introduce(segmentInfo{id: id, what: segmentMemory, size: uint64(pin.segment.Size())}, pin.segment); err != nil {
			return r, err
		}
		l.last++
		l.pins[pin] = id
		pin.join(l)
	}
	r.segment = id
	return r, nil
}

// knows tells whether the peer can be told of a block: a pinned one is in a segment of its own, for which there has to be
// room.
func (l *lender) knows(b *block) bool {
	_, err := l.reference(b)
	return err == nil
}

// firstPin is the number of the first pinned segment. A pool counts up from one, and does not come so far.
const firstPin = 1 << 31

// unpin tells the peer that a pinned segment is gone.
func (l *lender) unpin(p *Pinned) {
	l.pinMu.Lock()
	id, known := l.pins[p]
	delete(l.pins, p)
	l.pinMu.Unlock()
	if known {
		l.onDrop(id)
	}
}
