package buddy

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// cover replaces a mapping, in one step, by one of zero pages at the same place.
//
// The range is a whole mapping that this package made with unix.Mmap and has not ended, so nothing else lies in it, and
// it stays known to unix.Munmap. No Go object lies there either: the pointers into it that programs may still have
// are to memory that the collector does not look after, before as well as after.
func cover(mem []byte, prot int) error {
	const flags = unix.MAP_FIXED | unix.MAP_PRIVATE | unix.MAP_ANON | unix.MAP_NORESERVE
	_, err := unix.MmapPtr(-1, 0, unsafe.Pointer(unsafe.SliceData(mem)), uintptr(len(mem)), prot, flags)
	return err
}

// address is where mem lies. The number is not made a pointer again.
func address(mem []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(mem))) }
