package sched_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/sched"
)

// must admits a call that is expected to be admitted at once.
func must(t *testing.T, s *sched.Scheduler, read bool) {
	t.Helper()
	var none context.Context // nil is allowed
	if err := s.Acquire(none, read); err != nil {
		t.Fatalf("Acquire(read=%t) = %v; want it admitted", read, err)
	}
}

// start calls Acquire in the background; the channel gets what it returns.
func start(ctx context.Context, s *sched.Scheduler, read bool) <-chan error {
	result := make(chan error, 1)
	go func() { result <- s.Acquire(ctx, read) }()
	synctest.Wait()
	return result
}

// admitted fails the test unless the call behind result was admitted by now.
func admitted(t *testing.T, result <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-result:
		if err != nil {
			t.Fatalf("the call returned %v; want it admitted", err)
		}
	default:
		t.Fatal("the call waits; want it admitted")
	}
}

// waits fails the test unless the call behind result is still waiting.
func waits(t *testing.T, result <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-result:
		t.Fatalf("the call returned %v; want it waiting", err)
	default:
	}
}

func TestEndedContextIsNotAdmitted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sched.New(sched.ReadParallel, 0)
	if err := s.Acquire(ctx, true); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire = %v; want context.Canceled", err)
	}
	if got := s.Stats(); got != (sched.Stats{}) {
		t.Errorf("stats are %+v; want nothing admitted", got)
	}
}

func TestContextErrorNotItsCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("a cause of the caller's own"))
	s := sched.New(sched.ReadParallel, 0)
	if err := s.Acquire(ctx, true); err != context.Canceled {
		t.Errorf("Acquire = %v; want context.Canceled itself", err)
	}
}

func TestWaiterLeavesWhenItsDeadlinePasses(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 0)
		must(t, s, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if err := s.Acquire(ctx, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Acquire = %v; want context.DeadlineExceeded", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("Acquire took %v; want exactly its second", took)
		}
		if got := s.Stats(); got.Pending != 0 {
			t.Errorf("%d calls are pending; want 0", got.Pending)
		}
	})
}

func TestReadsRunOnWhenTheWriteBeforeThemLeaves(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 0)
		must(t, s, true)
		ctx, cancel := context.WithCancel(t.Context())
		write := start(ctx, s, false)
		first, second := start(t.Context(), s, true), start(t.Context(), s, true)
		waits(t, first)
		cancel()
		admitted(t, first)
		admitted(t, second)
		if err := <-write; !errors.Is(err, context.Canceled) {
			t.Errorf("the write returned %v; want context.Canceled", err)
		}
	})
}

func TestFullQueueIsBusyAtOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 1)
		must(t, s, false)
		waiter := start(t.Context(), s, false)
		if err := s.Acquire(t.Context(), true); !errors.Is(err, sched.ErrBusy) {
			t.Errorf("Acquire = %v; want ErrBusy", err)
		}
		s.Release(false)
		admitted(t, waiter)
	})
}

func TestParallelNeverWaits(t *testing.T) {
	s := sched.New(sched.Parallel, 1)
	for range 3 {
		must(t, s, false)
		must(t, s, true)
	}
	if got, want := s.Stats(), (sched.Stats{Reads: 3, Writes: 3}); got != want {
		t.Errorf("stats are %+v; want %+v", got, want)
	}
}

func TestExclusiveTakesReadsForWrites(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.Exclusive, 0)
		must(t, s, true)
		second := start(t.Context(), s, true)
		waits(t, second)
		s.Release(true)
		admitted(t, second)
	})
}

func TestUnknownModeActsAsExclusive(t *testing.T) {
	s := sched.New(sched.Mode(9), 0)
	must(t, s, true)
	if got, want := s.Stats(), (sched.Stats{Writes: 1}); got != want {
		t.Errorf("stats are %+v; want %+v", got, want)
	}
}

func TestCloseRefusesWaitersAndLeavesTheAdmitted(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := sched.New(sched.ReadParallel, 0)
		must(t, s, false)
		waiter := start(t.Context(), s, true)
		s.Close()
		s.Close()
		if err := <-waiter; !errors.Is(err, sched.ErrClosed) {
			t.Errorf("the waiter got %v; want ErrClosed", err)
		}
		if err := s.Acquire(t.Context(), true); !errors.Is(err, sched.ErrClosed) {
			t.Errorf("Acquire after Close = %v; want ErrClosed", err)
		}
		if got, want := s.Stats(), (sched.Stats{Writes: 1}); got != want {
			t.Errorf("stats are %+v; want %+v", got, want)
		}
	})
}

func TestDrainWaitsForTheLast(t *testing.T) {
	for _, mode := range []sched.Mode{sched.ReadParallel, sched.Parallel} {
		t.Run(mode.String(), func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				s := sched.New(mode, 0)
				must(t, s, true)
				must(t, s, true)
				s.Close()
				drained := make(chan error, 2)
				for range cap(drained) {
					go func() { drained <- s.Drain(t.Context()) }()
				}
				s.Release(true)
				waits(t, drained)
				s.Release(true)
				admitted(t, drained)
				admitted(t, drained)
			})
		})
	}
}

func TestDrainEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := sched.New(sched.ReadParallel, 0)
	if err := s.Drain(ctx); err != nil {
		t.Errorf("Drain with nothing running = %v; want nil", err)
	}
	must(t, s, true)
	s.Close()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Drain = %v; want context.Canceled", err)
	}
}

func TestReleaseWithoutAcquirePanics(t *testing.T) {
	tests := map[string]func(*sched.Scheduler){
		"nothing runs": func(s *sched.Scheduler) { s.Release(false) },
		"other kind":   func(s *sched.Scheduler) { must(t, s, true); s.Release(false) },
		"twice":        func(s *sched.Scheduler) { must(t, s, true); s.Release(true); s.Release(true) },
	}
	for name, misuse := range tests {
		t.Run(name, func(t *testing.T) {
			s := sched.New(sched.ReadParallel, 0)
			defer func() {
				text, _ := recover().(string)
				if !strings.Contains(text, "Release without an Acquire") {
					t.Errorf("recovered %q; want a panic that names the misuse", text)
				}
				s.Stats() // the mutex was let go
			}()
			misuse(s)
		})
	}
}

func TestModeString(t *testing.T) {
	for mode, want := range map[sched.Mode]string{
		sched.ReadParallel: "read-parallel",
		sched.Exclusive:    "exclusive",
		sched.Parallel:     "parallel",
		sched.Mode(9):      "mode(9)",
	} {
		if got := mode.String(); got != want {
			t.Errorf("Mode(%d).String() = %q; want %q", uint8(mode), got, want)
		}
	}
}

func TestTryAcquireAdmitsOnlyWhatNeedNotWait(t *testing.T) {
	s := sched.New(sched.ReadParallel, 0)
	for range 2 {
		if !s.TryAcquire(true) {
			t.Fatal("reads were not admitted beside each other")
		}
	}
	if s.TryAcquire(false) {
		t.Fatal("a write was admitted beside reads")
	}
	s.Release(true)
	s.Release(true)
	if !s.TryAcquire(false) {
		t.Fatal("a write was not admitted alone")
	}
	if s.TryAcquire(true) {
		t.Fatal("a read was admitted beside a write")
	}
	s.Release(false)
	s.Close()
	if s.TryAcquire(true) {
		t.Fatal("a call was admitted after Close")
	}
}
