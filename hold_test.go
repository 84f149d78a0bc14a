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
