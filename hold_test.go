package c2_test

import (
	"context"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
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

// Scale is a contract of which a resource tells what its node holds while a method runs.
type Scale interface {
	Weigh(ctx context.Context, load []byte) (holds int, bytes int64, err error)
	Keep(ctx context.Context, load []byte) (holds int, bytes int64, err error)
	Copy(ctx context.Context, load []byte) (holds int, bytes int64, err error)
}

type scale struct {
	node *c2.Node
	held *c2.Held
}

func (s *scale) Weigh(context.Context, []byte) (int, int64, error) {
	stats := s.node.HoldStats()
	return stats.ActiveHolds, stats.HeldBytes, nil
}

func (s *scale) Keep(ctx context.Context, load []byte) (int, int64, error) {
	s.held = c2.KeepInput(ctx)
	return s.Weigh(ctx, load)
}

func (s *scale) Copy(ctx context.Context, load []byte) (int, int64, error) { return s.Weigh(ctx, load) }

// TestHoldStatsOfRunningCalls: what a resource's method has of its caller's memory is seen while it runs.
func TestHoldStatsOfRunningCalls(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t)
	s := &scale{node: node}
	register[Scale](t, node, "scale", s, c2.HoldInput("Weigh", "Keep"))
	far, err := c2.Connect[Scale](t.Context(), "scale", c2.On(newNode(t)), c2.At(node.Address()))
	if err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	load := make([]byte, size)
	check := func(what string, holds int, bytes int64, want int) {
		t.Helper()
		if holds != want || want > 0 && (bytes < size || bytes >= 2*size) || want == 0 && bytes != 0 {
			t.Errorf("%s: %d holds with %d bytes, want %d", what, holds, bytes, want)
		}
	}
	after := func(what string, want int) {
		t.Helper()
		stats := node.HoldStats()
		check(what, stats.ActiveHolds, stats.HeldBytes, want)
	}
	for what, call := range map[string]struct {
		method       func(context.Context, []byte) (int, int64, error)
		during, then int
	}{
		"held":   {far.Weigh, 1, 0},
		"kept":   {far.Keep, 1, 1},
		"copied": {far.Copy, 0, 0},
	} {
		holds, bytes, err := call.method(t.Context(), load)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		check(what, holds, bytes, call.during)
		after(what+", when it has returned", call.then)
		s.held.Release()
		after(what+", released", 0)
	}
}
