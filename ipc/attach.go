package ipc

import (
	"sync"

	"github.com/ctwo-go/c2/buddy"
)

// Attachments are the pieces of memory that a payload refers to rather than contains, because the receiver can read them
// where they are: loans, and pinned memory. A nil *Attachments takes none. It is used by one goroutine.
type Attachments struct {
	lender *lender
	blocks []*block
	bytes  uint64 // of all blocks
	most   int    // blocks
	limit  uint64 // bytes of the payload and the blocks together

	target []byte // the shared memory that the payload is being written to, or nil
	gone   int    // so many of its bytes are not in this process any more
}

// attachments returns what the memory of a payload is to be attached to, or nil if there is no such memory.
func (l *lender) attachments() *Attachments {
	if l.loans.empty() && l.memory.pinned.empty() {
		return nil
	}
	return &Attachments{lender: l, most: l.maxAttached, limit: l.maxPayload}
}

// Attach tells as which of the attachments, and from which of its bytes on, the receiver can read mem, if it can and takes
// as much as the whole piece of memory that mem is of. Asked again of the same memory it gives the same answer.
func (a *Attachments) Attach(mem []byte) (index int, offset uint64, ok bool) {
	if a == nil || len(mem) == 0 {
		return 0, 0, false
	}
	for i, known := range a.blocks { // without a lock: it is asked for each slice several times
		if offset, ok := known.contains(mem); ok {
			return i, offset, true
		}
	}
	b, offset, ok := a.lender.loans.find(mem)
	if !ok {
		b, offset, ok = a.lender.memory.pinned.find(mem)
	}
	if !ok {
		return 0, 0, false
	}
	if len(a.blocks) == a.most || uint64(len(b.bytes)) > a.limit-a.bytes || !a.lender.knows(b) {
		b.release()
		return 0, 0, false
	}
	a.blocks = append(a.blocks, b)
	a.bytes += uint64(len(b.bytes))
	return len(a.blocks) - 1, offset, true
}

// Written tells that part, which begins where the payload does, has been written and will not be looked at again by who
// writes it: its pages need not be this process's as well as the receiver's. It is for bodies that are written bit by bit
// (see [Streamed]); others have no need of it.
func (a *Attachments) Written(part []byte) {
	if a == nil || len(a.target) < forgetFrom || len(part)-a.gone < forgetStep || address(part) != address(a.target) {
		return
	}
	buddy.Forget(part[a.gone:])
	a.gone = len(part)
	buddy.Recall(a.target[a.gone:min(a.gone+forgetStep, len(a.target))])
}

const (
	// forgetFrom is the size in bytes from which on a payload's pages are let go of while it is written. It takes a third of the
	// time of writing them, so what is smaller keeps its pages as the pool does anyway.
	forgetFrom = 512 << 20
	// forgetStep is how many bytes are let go of at a time.
	forgetStep = 8 << 20
)

// check is CodeTooLarge if the receiver does not take n bytes with these attachments, or more than limit without any.
func (a *Attachments) check(n, limit uint64) error {
	switch {
	case n > limit:
		return tooLarge(n, limit)
	case a != nil && n > a.limit-a.bytes:
		return errorf(CodeTooLarge, "a payload of %d bytes with %d attached, the peer takes at most %d together (MaxPayload)",
			n, a.bytes, a.limit)
	}
	return nil
}

func (a *Attachments) release() {
	if a == nil {
		return
	}
	for _, b := range a.blocks {
		b.release()
	}
	a.blocks = nil
}

// Loans are slices of a connection's shared memory that were asked for in the course of one call. What is sent of them is
// not copied. A nil *Loans has no memory. They are safe for concurrent use.
type Loans struct {
	lender *lender

	mu     sync.Mutex
	blocks []*block
	closed bool
}

func (l *lender) newLoans() *Loans {
	if l == nil {
		return nil
	}
	return &Loans{lender: l}
}

// Alloc returns n bytes of shared memory whose content is undefined, aligned to 64 bytes, or nil if there are none to be
// had now, or if it would not pay: then memory of any other kind does as well. The memory is the caller's until Release.
func (s *Loans) Alloc(n int) []byte {
	if s == nil || n <= s.lender.memory.config.Inline || !s.lender.usable() {
		return nil
	}
	b, err := s.lender.alloc(noWait(), n)
	if err != nil {
		return nil
	}
	b.bytes = b.bytes[:n:n]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || b.step == stepSpilled {
		b.release()
		return nil
	}
	s.blocks = append(s.blocks, b)
	s.lender.loans.add(b)
	return b.bytes
}

// Abandon is for loans that nobody can release any more, though somebody may still use the memory: it stays until the
// connection ends.
func (s *Loans) Abandon() {
	s.end(func(*block) { s.lender.leave() }) // in the block's place, which is never freed
}

// Release gives the memory back, as far as it was not sent; what was, goes back when the peer is done with it. It is
// idempotent.
func (s *Loans) Release() { s.end((*block).release) }

// end takes all blocks out of the loans.
func (s *Loans) end(each func(*block)) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.lender.loans.remove(s.blocks...)
	for _, b := range s.blocks {
		each(b)
	}
	s.blocks = nil
}
