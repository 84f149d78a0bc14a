package buddy

import (
	"io/fs"
	"math"
	"math/bits"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// systemBounds asks the system once: what changes later is not noticed.
func systemBounds() bounds {
	return boundsOf(os.DirFS("/"), addressBits(), limitOf(unix.RLIMIT_AS), limitOf(unix.RLIMIT_DATA))
}

// boundsOf is what the files below root, and the limits of the process, say.
func boundsOf(root fs.FS, addressBits int, space, data int64) bounds {
	b := bounds{
		mappings: readNumber(root, "proc/sys/vm/max_map_count"),
		space:    min(space, 1<<min(addressBits, 62)),
		promised: min(space, data),
	}
	if b.mappings == 0 {
		b.mappings = defaultMappings
	}
	const never = 2 // to promise more memory than there is
	if readNumber(root, "proc/sys/vm/overcommit_memory") == never {
		b.promised = min(b.promised, promises(root))
	}
	return b
}

// promises is how much memory the kernel promises to all processes together.
func promises(root fs.FS) int64 {
	for line := range lines(root, "proc/meminfo") {
		if rest, ok := strings.CutPrefix(line, "CommitLimit:"); ok {
			return kilobytes(rest)
		}
	}
	return 0
}

// addressBits is how many bits the addresses have that the kernel gives to mappings. It begins at their upper end, or
// at a third.
func addressBits() int {
	mem, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return 0
	}
	defer unix.Munmap(mem)
	return bits.Len64(uint64(address(mem)))
}

// limitOf is one of the limits of the process, the largest number there is for none.
func limitOf(resource int) int64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil || uint64(limit.Cur) > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(limit.Cur)
}

func readNumber(root fs.FS, name string) int64 {
	text, _ := fs.ReadFile(root, name)
	return parseBytes(string(text))
}
