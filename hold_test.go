package c2_test

import (
	"testing"

	"github.com/ctwo-go/c2"
)

// TestStatsOfNoNode: to ask for figures uses no default node, so that Configure may still follow.
func TestStatsOfNoNode(t *testing.T) {
	if s := c2.HoldStats(); s != (c2.HoldStatistics{}) {
		t.Errorf("HoldStats is %+v", s)
	}
	if s := c2.MemoryStats(); s.Connections != 0 || s.Inline != 0 {
		t.Errorf("MemoryStats is %+v", s)
	}
	if n := c2.ReclaimLeaked(); n != 0 {
		t.Errorf("%d bytes were reclaimed", n)
	}
	if err := c2.Configure(); err != nil {
		t.Error(err)
	}
}

// TestNothingToRelease: what nobody made can be released, as a deferred Release after an error does.
func TestNothingToRelease(t *testing.T) {
	var (
		held   *c2.Held
		loan   *c2.Loan
		pinned *c2.Pinned[int]
	)
	for range 2 {
		for _, r := range []interface{ Release() }{held, loan, pinned, &c2.Held{}, &c2.Loan{}, &c2.Pinned[int]{}} {
			r.Release()
		}
	}
	if s := pinned.Slice(); s != nil {
		t.Errorf("the slice of no memory is %v", s)
	}
}
