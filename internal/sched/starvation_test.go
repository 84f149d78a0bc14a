package sched_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/sched"
)

// busy keeps callers of one kind on the scheduler until ctx ends: each holds it for a
// second, and they overlap, so that it is never free of them.
func busy(ctx context.Context, s *sched.Scheduler, read bool, callers int) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Second / time.Duration(callers))
			for s.Acquire(ctx, read) == nil {
				time.Sleep(time.Second)
				s.Release(read)
			}
		})
	}
	time.Sleep(10 * time.Second)
	return &wg
}

// patience is how long a call waits among busy callers of the other kind, on the
// bubble's clock.
func patience(t *testing.T, read bool, callers int) time.Duration {
	s := sched.New(sched.ReadParallel, 0)
	ctx, stop := context.WithCancel(t.Context())
	others := busy(ctx, s, !read, callers)
	defer others.Wait()
	defer stop()
	begin := time.Now()
	if err := s.Acquire(ctx, read); err != nil {
		t.Fatalf("Acquire = %v", err)
	}
	took := time.Since(begin)
	s.Release(read)
	return took
}

func TestReadsDoNotStarveAWrite(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		if took := patience(t, false, 10); took > time.Second {
			t.Errorf("the write waited %v; want at most the one second of the reads before it", took)
		}
	})
}

func TestWritesDoNotStarveARead(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		if took := patience(t, true, 10); took > 10*time.Second {
			t.Errorf("the read waited %v; want at most a second for each of the 10 writes before it", took)
		}
	})
}

// TestReadsWaitTogether shows that a batch of reads costs the time of one.
func TestReadsWaitTogether(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 0)
		must(t, s, false)
		var batch []<-chan error
		for range 50 {
			batch = append(batch, start(t.Context(), s, true))
		}
		last := start(t.Context(), s, false)
		s.Release(false)
		for _, read := range batch {
			admitted(t, read)
		}
		waits(t, last)
		for range batch {
			s.Release(true)
		}
		admitted(t, last)
	})
}
