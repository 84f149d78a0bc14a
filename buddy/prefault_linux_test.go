package buddy_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// A new segment of a pool becomes warm by itself: nobody pays for its pages when he first writes to them.
func TestNewSegmentsAreMadePresent(t *testing.T) {
	leaktest.Check(t)
	canPopulate(t)
	for _, n := range []int{1, 4 << 20} { // a carved one, and one of its own
		p := newPool(t, small())
		b := mustAlloc(t, p, n)
		size := int(p.Stats().Capacity)
		await.Nothing(t, await.Limit, func() string {
			if here := resident(t, b.Bytes); here < size {
				return fmt.Sprintf("of a segment of %d bytes, for a block of %d, %d are present", size, n, here)
			}
			return ""
		})
	}
}

// canPopulate skips the test where the kernel can't make pages present.
func canPopulate(t *testing.T) {
	t.Helper()
	mem, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	if err := unix.Madvise(mem, unix.MADV_POPULATE_WRITE); err != nil {
		t.Skipf("MADV_POPULATE_WRITE: %v", err)
	}
}

// resident is how many bytes this process has in its page table of the mapping that begins with mem.
func resident(t *testing.T, mem []byte) int {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, mapping, ok := strings.Cut(string(smaps), fmt.Sprintf("\n%08x-", buddy.Address(mem)))
	if !ok {
		t.Fatal("no mapping begins where the first block of a pool does")
	}
	var kilobytes int
	for line := range strings.Lines(mapping) {
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &kilobytes); err == nil {
			break
		}
	}
	return kilobytes << 10
}
