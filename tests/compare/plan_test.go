package main

import "testing"

func TestCallsOf(t *testing.T) {
	p := fullPlan()
	for _, size := range p.sizes {
		calls, warm := p.callsOf(size)
		if calls < 2 || calls > p.calls || warm < 1 {
			t.Errorf("%s: %d calls after %d, want 2 to %d after at least one", bytesOf(size), calls, warm, p.calls)
		}
	}
}
