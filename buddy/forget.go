package buddy

import (
	"os"

	"golang.org/x/sys/unix"
)

// Forget takes the whole pages in mem, which must be of a [Segment] or a [View], out of this process: they stay what they are,
// for others and for this process, which finds them again when it next looks. So a process through which much memory passes
// need not seem to have it all. It is a hint; nothing is said of its failure.
//
// mem must not be of any other kind: private memory would lose its content.
func Forget(mem []byte) {
	if mem = wholePagesOf(mem); len(mem) > 0 {
		_ = unix.Madvise(mem, unix.MADV_DONTNEED)
	}
}

// Recall makes the whole pages of a [Segment] in mem this process's again, all at once, which takes less time than one by one
// when they are written. It is a hint, too.
func Recall(mem []byte) {
	if mem = wholePagesOf(mem); len(mem) > 0 {
		_ = populateWrite(mem)
	}
}

// wholePagesOf is what of mem is whole pages.
func wholePagesOf(mem []byte) []byte {
	page := uintptr(os.Getpagesize())
	skip := (page - address(mem)%page) % page
	if uintptr(len(mem)) <= skip {
		return nil
	}
	mem = mem[skip:]
	return mem[:uintptr(len(mem))/page*page]
}
