// Package ring carries bytes between two processes through memory that both have mapped: one stream in each direction, with
// one goroutine at a time that writes to it and one that reads from it.
//
// # Memory
//
// Each side has a half that it alone writes to, and maps the other side's to be read only. A half is a page of words and
// the ring of what its owner sends:
//
//	offset size
//	     0    8  state of the owner's reader: its lowest bits are 0 while it is awake, 1 while it sleeps, and 3 while
//	             it dozes; each change adds 4
//	   128    8  head: how many bytes of the other half's ring the owner's reader is done with
//	   256    8  want: odd while the owner's writer waits for room; each change adds one
//	  4096    n  the ring, n a power of two
//
// The ring is a sequence of records that goes round. A record is a word of 8 bytes, the length of what it carries, and as
// many bytes, padded to a multiple of 8; a position counts all bytes since the beginning, and lies at that, modulo n, in
// the ring. Words never wrap, since n and every position are multiples of 8; bytes do. A record carries at most a quarter of
// n, so that one can be read while the next is written. Where no record is yet there is a zero word.
//
// # Order
//
// To write a record, the writer puts its bytes in place, sets the word behind it to zero, and then stores its length. The
// reader loads the length; if that is not zero it copies the bytes out, and then stores its head. All of these stores and
// loads of words are sync/atomic's, so they have one order that all see: whoever loads a length sees the bytes and the zero
// that were written before it was stored, and the writer that loads a head finds the reader done with all before that. That
// Go says so of goroutines and not of processes makes no difference: it is the instructions that order, and they order what
// is done to memory, however it is mapped. On amd64 a store is an XCHG, a full barrier; arm64 has acquiring loads
// and releasing stores that keep their order.
//
// So a word is all that tells of a record, and lies in one cache line with its beginning: a short record moves one line
// between the cores, two where an index would have to be read first.
//
// # Sleep
//
// A reader that finds nothing may sleep, and has to be woken by other means, such as a byte on a socket. There may be two, and
// it says which by sleeping or dozing; that makes no difference here. It
//
//	R1  stores an odd state;
//	R2  looks for a record again, and sleeps only if there is none;
//	R3  once awake, stores an even state, and looks for records.
//
// The writer
//
//	W1  stores the length of a record;
//	W2  loads the state, and if it is odd, and not one for which it has done so already, wakes the reader.
//
// No record is slept over. All four are in one order. If W1 is before R2, the reader sees the record. Otherwise R2 is before
// W1, so R1 is before W2, which finds that state, or a later one. An earlier wake for that very state can't have been used
// up before it was to be: the reader looks for records after every wake (R3), and whatever it sleeps with then is another
// state. A wake that comes for a state that is over wakes the next sleep early, which is no harm.
//
// A writer that finds no room sleeps in the same way: it stores an odd want, looks at the head again, and sleeps if there is
// still no room. The reader looks at want whenever it is about to find nothing, and whenever it has read another quarter of the
// ring. A writer that sleeps has filled the ring; so the reader, if it reads on, comes by one of these points, after that.
//
// # Trust
//
// The other side may write whatever it likes into its half, at any time. Of that nothing is believed: a word is read once
// and checked, bytes are copied once and are the receiver's then. What breaks a rule is an [ErrCorrupt]. What it can do
// by this is to make its own stream wrong, or not to be woken.
package ring
