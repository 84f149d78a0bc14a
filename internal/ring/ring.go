package ring

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
)

const (
	stateAt = 0
	headAt  = 128
	wantAt  = 256
	ringAt  = 4096

	wordSize = 8

	// MinSize is how many bytes a ring has at least, and MaxSize how many at most.
	MinSize = 4 << 10
	MaxSize = 1 << 30 // see MinSize
)

// Nap is how a reader waits, in the lowest two bits of its state.
type Nap uint8

// The naps. What is even is awake.
const (
	Awake  Nap = 0
	Asleep Nap = 1
	Dozing Nap = 3

	napChange = 4 // what each change adds to a state
)

// ErrCorrupt tells that the other side broke the rules. The stream can't go on.
var ErrCorrupt = errors.New("the ring is corrupt")

// HalfSize is how much memory a half takes whose ring has n bytes.
func HalfSize(n int) int { return ringAt + n }

// half is one side's memory.
type half struct {
	state *atomic.Uint64
	head  *atomic.Uint64
	want  *atomic.Uint64
	ring  []byte
}

func newHalf(mem []byte) (half, error) {
	n := len(mem) - ringAt
	if n < MinSize || n > MaxSize || bits.OnesCount(uint(n)) != 1 {
		return half{}, fmt.Errorf("ring: %d bytes for a half; a ring is a power of two from %d to %d bytes, and %d more", len(mem), MinSize, MaxSize, ringAt)
	}
	return half{state: word(mem[stateAt:]), head: word(mem[headAt:]), want: word(mem[wantAt:]), ring: mem[ringAt:]}, nil
}

// New returns the two ends that one side has. Its own half is zero and nobody else's to write to; the peer's may hold
// anything. The memory must stay mapped for as long as the ends are used, and begin at a multiple of 8.
func New(own, peer []byte) (*Reader, *Writer, error) {
	mine, err := newHalf(own)
	if err != nil {
		return nil, nil, err
	}
	theirs, err := newHalf(peer)
	if err != nil {
		return nil, nil, err
	}
	r := &Reader{ring: theirs.ring, mask: uint64(len(theirs.ring) - 1), want: theirs.want, head: mine.head, state: mine.state}
	w := &Writer{ring: mine.ring, mask: uint64(len(mine.ring) - 1), want: mine.want, head: theirs.head, state: theirs.state}
	return r, w, nil
}

// padded rounds up to whole words.
func padded(n uint64) uint64 { return (n + wordSize - 1) &^ (wordSize - 1) }

// maxRecord is how many bytes a record carries in a ring of n bytes.
func maxRecord(n int) uint64 { return uint64(n) / 4 }
