package buddy_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
)

// Views have a share of the mappings, and leave one to the process's own segments.
func TestMappingsAreBounded(t *testing.T) {
	const most = 64
	m := buddy.NewMappings(most, 1<<40)
	for i := range most / 4 {
		if err := m.AddView(1); err != nil {
			t.Fatalf("view %d: %v", i, err)
		}
	}
	noRoom(t, "one view more", m.AddView(1))
	for i := range most / 4 {
		if err := m.AddSegment(); err != nil {
			t.Fatalf("segment %d beside the views: %v", i, err)
		}
	}
	noRoom(t, "one segment more", m.AddSegment())
	m.RemoveView(1)
	if err := m.AddSegment(); err != nil {
		t.Errorf("a segment in place of a view: %v", err)
	}
	noRoom(t, "a view in place of nothing", m.AddView(1))
	m.RemoveSegment()
	if err := m.AddView(1); err != nil {
		t.Errorf("a view in place of a segment: %v", err)
	}
}

func TestBytesOfViewsAreBounded(t *testing.T) {
	m := buddy.NewMappings(1000, 800)
	for range 2 {
		if err := m.AddView(40); err != nil {
			t.Fatal(err)
		}
		if err := m.AddView(60); err != nil {
			t.Fatal(err)
		}
		noRoom(t, "a byte more", m.AddView(1))
		noRoom(t, "as much as can be said", m.AddView(1<<62))
		m.RemoveView(60)
		m.RemoveView(40)
	}
}

func noRoom(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, unix.ENOMEM) {
		t.Errorf("%s: %v, want ENOMEM", what, err)
	}
}

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
