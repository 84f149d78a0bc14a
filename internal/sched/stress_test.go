package sched_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/ctwo-go/c2/internal/sched"
)

// TestStress guards a plain variable by a scheduler. The race detector sees any write
// that is not alone, the sum any that was lost, and the end any slot that leaked.
func TestStress(t *testing.T) {
	const goroutines, calls = 16, 2000
	s := sched.New(sched.ReadParallel, goroutines)
	var (
		guarded int
		wrote   = make([]int, goroutines)
		wg      sync.WaitGroup
	)
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 2))
			for range calls {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(3) == 0 {
					go cancel() // races with the admission
				}
				read := rng.IntN(4) != 0
				if err := s.Acquire(ctx, read); err == nil {
					if read {
						_ = guarded
					} else {
						guarded++
						wrote[g]++
					}
					s.Release(read)
				} else if err != context.Canceled {
					t.Errorf("Acquire = %v; want only context.Canceled", err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if got := s.Stats(); got != (sched.Stats{}) {
		t.Fatalf("stats are %+v; want everything released", got)
	}
	want := 0
	for _, n := range wrote {
		want += n
	}
	if guarded != want {
		t.Errorf("the guarded count is %d after %d writes", guarded, want)
	}
}
