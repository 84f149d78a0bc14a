package ring

import (
	"sync/atomic"
	"unsafe"
)

// word is the eight bytes at the beginning of mem as a word that both sides may use at a time.
//
// The memory is a mapping, or at least memory that the caller keeps alive as long as the ring's ends, and every word lies at a
// multiple of eight bytes from its beginning, which is a multiple of eight itself; both are checked, as
// sync/atomic faults or tears otherwise. Bytes of any value are a valid Uint64, so what the peer writes there does no harm.
func word(mem []byte) *atomic.Uint64 {
	p := unsafe.Pointer(unsafe.SliceData(mem[:wordSize]))
	if uintptr(p)%wordSize != 0 {
		panic("ring: memory that does not begin at a multiple of 8")
	}
	return (*atomic.Uint64)(p)
}

// wordAt is word for a place that is known to be in ring, at a multiple of eight: it is looked up for every record, and a mask
// keeps it inside.
func wordAt(ring []byte, at uint64) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&ring[at&^(wordSize-1)]))
}
