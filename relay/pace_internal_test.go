package relay

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	type step struct {
		waited time.Duration
		n      int
		slow   bool
	}
	for what, steps := range map[string][]step{
		"steady":            {{30 * time.Second, 40 << 10, false}, {30 * time.Second, 40 << 10, false}, {time.Minute, 80 << 10, false}},
		"a pause":           {{29 * time.Second, 0, false}, {31 * time.Second, 60 << 10, false}},
		"bursts":            {{5 * time.Second, 0, false}, {0, 10 << 20, false}, {55 * time.Second, 0, false}, {59 * time.Second, 1, false}, {time.Second, 0, true}},
		"a trickle":         {{30 * time.Second, 1, false}, {30 * time.Second, 1, true}, {0, 1, true}},
		"quick, then still": {{0, 1 << 30, false}, {time.Minute, 0, false}, {time.Minute, 1 << 10, true}},
	} {
		p := newPace(&Config{MinRate: 1 << 10, StallTimeout: 30 * time.Second})
		for i, s := range steps {
			if slow := p.count(s.waited, s.n); slow != s.slow {
				t.Errorf("%s, step %d: slow is %v", what, i, slow)
			}
		}
	}
	none := newPace(&Config{MinRate: -1, StallTimeout: time.Second})
	if none.count(time.Hour, 0) {
		t.Error("too slow for no rate")
	}
}
