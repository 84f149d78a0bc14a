package buddy

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// mapped is what this process has mapped by this package.
var mapped = &mappings{bounds: sync.OnceValue(systemBounds)}

// bounds is what the system lets a process map. Beyond any of it the Go heap can't grow any more, which ends the process: so this
// package takes shares that leave room enough for everything else, whatever peers ask for.
type bounds struct {
	mappings int64 // how many
	space    int64 // bytes of addresses
	promised int64 // bytes of memory of its own, touched or not
}

// defaultMappings is what Linux has for vm.max_map_count if nobody sets it.
const defaultMappings = 65530

func (b bounds) graves() int64     { return b.mappings / 8 }
func (b bounds) graveBytes() int64 { return min(b.space/16, b.promised/8) } // of all of them

// mappings keeps the addresses of the segments and views of a process that are gone.
//
// A Go slice does not keep its mapping alive, so one that is used too late would fault, or read what was mapped there next.
// So the addresses of a mapping that ends stay taken, by zero pages, until they are the oldest of too many; see retire.
type mappings struct {
	bounds func() bounds

	mu         sync.Mutex
	graves     [][]byte // oldest first
	graveBytes int64
}

// retire gives back the memory of a mapping, and puts zero pages in its place that take no memory as long as they are
// only read. If that fails, the mapping is ended.
func (m *mappings) retire(mem []byte, protection int) error {
	if err := cover(mem, protection); err != nil {
		return os.NewSyscallError("munmap", unix.Munmap(mem))
	}
	b := m.bounds()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.graves = append(m.graves, mem)
	m.graveBytes += int64(len(mem))
	for int64(len(m.graves)) > b.graves() || m.graveBytes > b.graveBytes() {
		oldest := m.graves[0]
		m.graves = m.graves[1:]
		m.graveBytes -= int64(len(oldest))
		if err := unix.Munmap(oldest); err != nil {
			return os.NewSyscallError("munmap", err)
		}
	}
	return nil
}
