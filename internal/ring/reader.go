package ring

import (
	"fmt"
	"sync/atomic"
)

// Reader is the end of a ring that takes bytes out. One goroutine at a time may use it; only Asleep and Pending may be
// called beside that.
type Reader struct {
	ring []byte // the peer's
	mask uint64
	want *atomic.Uint64 // the peer's

	head  *atomic.Uint64 // own
	state *atomic.Uint64 // own

	at     uint64 // position of the current record's word, or of the next one's
	size   uint64 // what the current record carries, zero if there is none
	done   uint64 // how much of that has been read
	phase  uint64 // what state holds, but for the nap
	asked  uint64 // the last want that was answered
	looked uint64 // at when want was looked at last
}

// Ready tells whether there is something to read. It is a load and a comparison.
func (r *Reader) Ready() bool {
	return r.size > 0 || wordAt(r.ring, r.at&r.mask).Load() != 0
}

// Read copies what is left of a record to p, as far as it goes, and returns how much that is: zero if there is nothing to
// read. The error is an ErrCorrupt. wake tells that the peer's writer waits for the room that this or an earlier Read has made,
// and is to be woken.
func (r *Reader) Read(p []byte) (n int, wake bool, err error) {
	if r.size == 0 {
		size := wordAt(r.ring, r.at&r.mask).Load()
		if size == 0 {
			return 0, r.room(), nil
		}
		if size > maxRecord(len(r.ring)) {
			return 0, false, fmt.Errorf("%w: a record of %d bytes in a ring of %d", ErrCorrupt, size, len(r.ring))
		}
		r.size = size
	}
	n = int(min(uint64(len(p)), r.size-r.done))
	r.copy(p[:n], r.at+wordSize+r.done)
	if r.done += uint64(n); r.done < r.size {
		return n, false, nil
	}
	r.at += wordSize + padded(r.size)
	r.size, r.done = 0, 0
	r.head.Store(r.at)
	return n, r.at-r.looked >= maxRecord(len(r.ring)) && r.room(), nil
}

// copy takes the bytes at a position, which may wrap.
func (r *Reader) copy(p []byte, at uint64) {
	n := copy(p, r.ring[at&r.mask:])
	copy(p[n:], r.ring)
}

// room tells whether the peer's writer is to be woken.
func (r *Reader) room() bool {
	r.looked = r.at
	want := r.want.Load()
	if want&1 == 0 || want == r.asked {
		return false
	}
	r.asked = want
	return true
}

// Sleep says that the reader is about to sleep, and tells whether it may: if not, there is something to read, and it does not
// sleep.
func (r *Reader) Sleep() bool { return r.nap(Asleep) }

// Doze is Sleep for a reader that is to be woken in the other way.
func (r *Reader) Doze() bool { return r.nap(Dozing) }

func (r *Reader) nap(n Nap) bool {
	r.say(n)
	if !r.Ready() {
		return true
	}
	r.Wake()
	return false
}

// Wake says that the reader is awake again.
func (r *Reader) Wake() { r.say(Awake) }

func (r *Reader) say(n Nap) {
	r.phase += napChange
	r.state.Store(r.phase | uint64(n))
}

// Pending tells whether there is a record that has not been read whole. Any goroutine may ask.
func (r *Reader) Pending() bool { return wordAt(r.ring, r.head.Load()&r.mask).Load() != 0 }

// Asleep tells whether the reader has said that it sleeps, or dozes. Any goroutine of this side may ask.
func (r *Reader) Asleep() bool { return r.state.Load()&1 != 0 }
