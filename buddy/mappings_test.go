package buddy_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
)

// The addresses of what is gone are not kept for ever, be they many or large.
func TestOldestAddressesGo(t *testing.T) {
	page := os.Getpagesize()
	mapPages := func(n int) []byte {
		mem, err := unix.Mmap(-1, 0, n*page, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			t.Fatal(err)
		}
		return mem
	}
	m := buddy.NewMappings(8*5, 16*int64(page)*20) // five ranges with twenty pages
	check := func(wantRanges, wantPages int) {
		t.Helper()
		if ranges, bytes := m.Graves(); ranges != wantRanges || bytes != int64(wantPages*page) {
			t.Errorf("%d ranges with %d bytes are kept, want %d with %d pages", ranges, bytes, wantRanges, wantPages)
		}
	}
	retire := func(pages int) {
		t.Helper()
		if err := m.Retire(mapPages(pages)); err != nil {
			t.Error(err)
		}
	}
	for range 7 {
		retire(2)
	}
	check(5, 10)
	retire(14)
	check(4, 20)
	retire(21) // more than all
	check(0, 0)
}
