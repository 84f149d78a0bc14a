package sched_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/ctwo-go/c2/internal/sched"
)

// floor is what sync.RWMutex does, which is neither fair to contexts nor bounded.
func floor(mu *sync.RWMutex, read bool) {
	if read {
		mu.RLock()
		defer mu.RUnlock()
		return
	}
	mu.Lock()
	defer mu.Unlock()
}

func pair(ctx context.Context, b testing.TB, s *sched.Scheduler, read bool) {
	if err := s.Acquire(ctx, read); err != nil {
		b.Error(err)
	}
	s.Release(read)
}

func BenchmarkUncontended(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	for _, read := range []bool{true, false} {
		b.Run(fmt.Sprintf("read=%t", read), func(b *testing.B) {
			s := sched.New(sched.ReadParallel, 0)
			b.ReportAllocs()
			for b.Loop() {
				pair(ctx, b, s, read)
			}
		})
		b.Run(fmt.Sprintf("read=%t/RWMutex", read), func(b *testing.B) {
			var mu sync.RWMutex
			b.ReportAllocs()
			for b.Loop() {
				floor(&mu, read)
			}
		})
	}
}

// BenchmarkContended has more goroutines than cores at it.
func BenchmarkContended(b *testing.B) {
	for mix, reads := range map[string]func(i int) bool{
		"reads":       func(int) bool { return true },
		"writes":      func(int) bool { return false },
		"write=1in10": func(i int) bool { return i%10 != 0 },
	} {
		b.Run(mix, func(b *testing.B) {
			s := sched.New(sched.ReadParallel, 0)
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					pair(b.Context(), b, s, reads(i))
				}
			})
		})
		b.Run(mix+"/RWMutex", func(b *testing.B) {
			var mu sync.RWMutex
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					floor(&mu, reads(i))
				}
			})
		})
	}
}

func TestUncontendedDoesNotAllocate(t *testing.T) {
	s := sched.New(sched.ReadParallel, 0)
	for _, read := range []bool{true, false} {
		if got := testing.AllocsPerRun(100, func() { pair(t.Context(), t, s, read) }); got != 0 {
			t.Errorf("Acquire and Release (read=%t) allocate %v times; want 0", read, got)
		}
	}
}
