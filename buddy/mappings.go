package buddy

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// mapped is what this process has mapped by this package.
var mapped = &mappings{bounds: sync.OnceValue(systemBounds)}

// bounds is what the system lets a process map. Beyond any of it the Go heap can't grow any more, which ends the
// process: so this package takes shares that leave room enough for everything else, whatever peers ask for.
type bounds struct {
	mappings int64 // how many
	space    int64 // bytes of addresses
	promised int64 // bytes of memory of its own, touched or not
}

// defaultMappings is what Linux has for vm.max_map_count if nobody sets it.
const defaultMappings = 65530

// most is for segments and views, and views for those among them, so that peers leave room for segments of its own.
func (b bounds) most() int64      { return b.mappings / 2 }
func (b bounds) views() int64     { return b.mappings / 4 }
func (b bounds) viewBytes() int64 { return b.space / 8 }

// graves is for ranges of addresses that are kept, beside those.
func (b bounds) graves() int64     { return b.mappings / 8 }
func (b bounds) graveBytes() int64 { return min(b.space/16, b.promised/8) }

// mappings counts the segments and views of a process, and keeps the addresses of those that are gone.
//
// A Go slice does not keep its mapping alive, so one that is used too late would fault, or read what was mapped there next.
// So the addresses of a mapping that ends stay taken, by zero pages, until they are the oldest of too many; see retire.
type mappings struct {
	bounds func() bounds

	mu         sync.Mutex
	segments   int64
	views      int64
	viewBytes  int64
	graves     [][]byte // oldest first
	graveBytes int64
}

// addSegment counts one more segment, unless there are too many.
func (m *mappings) addSegment() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if most := m.bounds().most(); m.segments+m.views >= most {
		return fmt.Errorf("this process has %d segments and %d views, together half of the mappings that the system allows it: %w",
			m.segments, m.views, unix.ENOMEM)
	}
	m.segments++
	return nil
}

// removeSegment undoes addSegment.
func (m *mappings) removeSegment() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.segments--
}

// addView counts one more view of so many bytes, unless there are too many.
func (m *mappings) addView(size int64) error {
	b := m.bounds()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.views >= b.views() || m.segments+m.views >= b.most() || size > b.viewBytes()-m.viewBytes {
		return fmt.Errorf("this process has %d views of %d bytes and %d segments, and takes at most %d views of %d bytes: %w",
			m.views, m.viewBytes, m.segments, b.views(), b.viewBytes(), unix.ENOMEM)
	}
	m.views++
	m.viewBytes += size
	return nil
}

// removeView undoes addView.
func (m *mappings) removeView(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.views--
	m.viewBytes -= size
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
