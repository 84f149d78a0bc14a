package buddy

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	graveRanges = 1 << 10 // how many address ranges are kept from being used again
	graveBytes  = 1 << 36 // and of how many bytes
)

// graveyard is the address ranges of this process that were mappings of shared memory, oldest first. A Go slice does not
// keep its mapping alive, so one that is used too late would read what was mapped there next. Until its range leaves the
// graveyard it reads zeros; see retire.
var graveyard struct {
	sync.Mutex
	ranges [][]byte
	bytes  uint64
}

// retire gives back the memory of a mapping, and puts zero pages in its place that take no memory as long as they are
// only read. If that fails, the mapping is ended.
func retire(mem []byte, protection int) error {
	if err := cover(mem, protection); err != nil {
		return os.NewSyscallError("munmap", unix.Munmap(mem))
	}
	graveyard.Lock()
	defer graveyard.Unlock()
	graveyard.ranges = append(graveyard.ranges, mem)
	graveyard.bytes += uint64(len(mem))
	for len(graveyard.ranges) > graveRanges || graveyard.bytes > graveBytes {
		oldest := graveyard.ranges[0]
		graveyard.ranges = graveyard.ranges[1:]
		graveyard.bytes -= uint64(len(oldest))
		if err := unix.Munmap(oldest); err != nil {
			return os.NewSyscallError("munmap", err)
		}
	}
	return nil
}
