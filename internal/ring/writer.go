package ring

import (
	"fmt"
	"sync/atomic"
)

// Writer is the end of a ring that puts bytes in. One goroutine at a time may use it; only Position, Unread and PeerNaps
// may be called beside that.
type Writer struct {
	ring []byte // own
	mask uint64
	want *atomic.Uint64 // own

	head  *atomic.Uint64 // the peer's
	state *atomic.Uint64 // the peer's

	at    atomic.Uint64 // position of the next record's word, where a zero is
	freed uint64        // the peer's head when it was looked at last
	rung  uint64        // the last state for which the peer was woken
	phase uint64        // what want holds
}

// Write puts as much of p into the ring as there is room for, and returns how much that is. The error is an ErrCorrupt.
// Whoever has written asks PeerSleeps then.
func (w *Writer) Write(p []byte) (n int, err error) {
	at := w.at.Load()
	for n < len(p) {
		room, err := w.room(at, uint64(len(p)-n))
		if err != nil || room == 0 {
			return n, err
		}
		k := min(uint64(len(p)-n), room, maxRecord(len(w.ring)))
		w.copy(at+wordSize, p[n:n+int(k)])
		next := at + wordSize + padded(k)
		clear(w.ring[next&w.mask:][:wordSize])
		wordAt(w.ring, at&w.mask).Store(k)
		at = next
		w.at.Store(at)
		n += int(k)
	}
	return n, nil
}

// room is how many bytes a record at the given position may carry. The peer's head is looked at only if it is fewer than wanted.
func (w *Writer) room(at, wanted uint64) (uint64, error) {
	const around = 2 * wordSize // its own word and the next one's
	size := uint64(len(w.ring))
	if left := size - (at - w.freed); left >= around+padded(wanted) {
		return left - around, nil
	}
	head := w.head.Load()
	if used := at - head; used > size || head%wordSize != 0 || head-w.freed > at-w.freed {
		return 0, fmt.Errorf("%w: its reader is at %d, after %d, of %d bytes written", ErrCorrupt, head, w.freed, at)
	}
	w.freed = head
	if left := size - (at - head); left > around {
		return left - around, nil
	}
	return 0, nil
}

func (w *Writer) copy(at uint64, p []byte) {
	n := copy(w.ring[at&w.mask:], p)
	copy(w.ring, p[n:])
}

// PeerSleeps tells whether the peer's reader sleeps, and has not been woken for that yet: it is to be woken now.
func (w *Writer) PeerSleeps() Nap {
	state := w.state.Load()
	if state&1 == 0 || state == w.rung {
		return Awake
	}
	w.rung = state
	return Nap(state % napChange)
}

// PeerNaps tells whether the peer's reader sleeps or dozes, whether it has been woken for that or not. Any goroutine may ask.
func (w *Writer) PeerNaps() bool { return w.state.Load()&1 != 0 }

// Position is how many bytes, with all that is around them, have been written.
func (w *Writer) Position() uint64 { return w.at.Load() }

// Unread tells how far the peer's reader has come if it has not read all that was written. Any goroutine may ask.
func (w *Writer) Unread() (head uint64, unread bool) {
	head = w.head.Load()
	return head, head != w.at.Load()
}

// Await says that the writer is about to wait for room, and tells whether it may: if not, there is some, or the ring is corrupt,
// and it does not wait.
func (w *Writer) Await() bool {
	w.phase++
	w.want.Store(w.phase)
	if !w.HasRoom() {
		return true
	}
	w.Go()
	return false
}

// Go says that the writer does not wait any more.
func (w *Writer) Go() {
	w.phase++
	w.want.Store(w.phase)
}

// HasRoom tells whether something can be written.
func (w *Writer) HasRoom() bool {
	room, err := w.room(w.at.Load(), uint64(len(w.ring)))
	return err != nil || room > 0
}
