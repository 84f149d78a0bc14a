package buddy

import (
	"errors"
	"fmt"
	"math/bits"
	"time"
)

// Config shapes and bounds a [Pool]. A field that is zero takes the default that it names.
type Config struct {
	// MaxBytes bounds the memory of all segments together, used or not. Default 4 GiB.
	MaxBytes int64

	// Budget bounds the memory of all pools that share it together; MaxBytes, the default too, holds beside it, and the
	// smaller one is what counts. With a Budget an Alloc of any of its pools may drop the unused segments of this one,
	// earlier than after IdleTime. It must have room for MinSegment at least. Default none.
	Budget *Budget

	// MinSegment and MaxSegment bound the size of the segments that are carved into blocks; both are powers of two,
	// and whole pages. The first has the least size, and each later one as many bytes as those before it have together.
	// Default 1 MiB and 64 MiB.
	MinSegment, MaxSegment int64

	// MinBlock is the size of the smallest block, a power of two from 64 to 4096. The pool's own state takes a little more
	// than 4 bytes of ordinary memory for each MinBlock of the segments. Default 512.
	MinBlock int

	// Large is the size from which on a block has a segment of its own, which is not rounded up to a power of two. At
	// most MaxSegment. Default an eighth of MaxSegment.
	Large int

	// LargeLazy leaves the pages of large blocks to those who write them. Default: they are made present in the background,
	// so that the process soon has all of them, wherever it is in writing them.
	LargeLazy bool

	// KeepBytes bounds how much memory of freed large blocks is kept for the next ones. Memory that was used before
	// takes a copy about ten times faster than new memory. Default MaxBytes.
	KeepBytes int64

	// IdleTime is how long a segment without a block is kept, at least; it is gone after twice that. Default 30 s.
	IdleTime time.Duration

	// SpillDir is where large blocks that are past MaxBytes or the Budget, or that the system has no memory for, are kept
	// in files without names. Default none: they are not to be had.
	SpillDir string

	// SpillBytes bounds those files together. Default 64 GiB.
	SpillBytes int64

	// OnSegment is told of each segment before anybody gets a block of it, so that its descriptor can be passed to
	// those who shall read it. If it returns an error the segment is given up, and Alloc returns that error. It may be
	// called by several goroutines at once and must not call the pool. It holds up those who need a new segment.
	OnSegment func(id uint32, s *Segment) error

	// OnDrop is told of each segment that is about to be given back to the system, and is never heard of again. It may
	// be called by several goroutines at once, and must not call the pool. [Pool.Close] does not call it. With a Budget it
	// may be called from within any Alloc of its pools: it must call none of them, nor wait for one who does.
	OnDrop func(id uint32)
}

// withDefaults fills what is zero in and checks the rest, all of it.
func (c Config) withDefaults() (Config, error) {
	setDefault(&c.MaxBytes, 4<<30)
	setDefault(&c.MinSegment, min(1<<20, powerOfTwo(c.MaxBytes)))
	setDefault(&c.MaxSegment, max(min(64<<20, powerOfTwo(c.MaxBytes)), c.MinSegment))
	setDefault(&c.MinBlock, 512)
	setDefault(&c.Large, int(c.MaxSegment/8))
	setDefault(&c.KeepBytes, c.MaxBytes)
	setDefault(&c.IdleTime, 30*time.Second)
	setDefault(&c.SpillBytes, 64<<30)
	if c.OnSegment == nil {
		c.OnSegment = func(uint32, *Segment) error { return nil }
	}
	if c.OnDrop == nil {
		c.OnDrop = func(uint32) {}
	}
	return c, c.check()
}

func (c Config) check() error {
	var faults []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("buddy: "+format, args...))
		}
	}
	require(c.MaxBytes > 0, "MaxBytes is %d; use a positive number", c.MaxBytes)
	require(segmentSize(c.MinSegment), "MinSegment is %d; use a power of two, at least a page", c.MinSegment)
	require(c.Budget.most() >= c.MinSegment, "Budget has %d bytes; make one of at least MinSegment, which is %d", c.Budget.most(), c.MinSegment)
	require(segmentSize(c.MaxSegment) && c.MaxSegment >= c.MinSegment, "MaxSegment is %d; use a power of two, at least MinSegment", c.MaxSegment)
	require(c.Large > 0 && int64(c.Large) <= c.MaxSegment, "Large is %d; use a positive number, at most MaxSegment", c.Large)
	require(c.KeepBytes > 0, "KeepBytes is %d; use a positive number, 1 to keep nothing", c.KeepBytes)
	require(c.IdleTime > 0, "IdleTime is %v; use a positive time", c.IdleTime)
	require(c.SpillBytes > 0, "SpillBytes is %d; use a positive number, and leave SpillDir empty for no files", c.SpillBytes)
	if _, err := New(uint64(max(c.MaxSegment, MinAlign)), c.MinBlock); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

func segmentSize(n int64) bool {
	pages, err := wholePages(n)
	return err == nil && pages == n && bits.OnesCount64(uint64(n)) == 1
}

// powerOfTwo is the largest that is at most n, and 0 if there is none.
func powerOfTwo(n int64) int64 { return 1 << bits.Len64(uint64(max(n, 0))) >> 1 }

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
