package buddy_test

import (
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/ctwo-go/c2/buddy"
)

// allocator is what the benchmarks of this file compare.
type allocator struct {
	name  string
	alloc func(n uint64) (off uint64, ok bool)
	free  func(off, n uint64)
}

const benchRegion = 64 << 20

// allocators are those of a region that is empty but for one small block, as regions in use are never whole.
func allocators(b *testing.B) []allocator {
	own := newAllocator(b, benchRegion, 64)
	locked := buddy.NewLocked(benchRegion, 64)
	all := []allocator{
		{"own", own.Alloc, func(off, _ uint64) {
			if err := own.Free(off); err != nil {
				b.Error(err)
			}
		}},
		{"mutex", locked.Alloc, locked.FreeSized},
	}
	for _, a := range all {
		a.alloc(64)
	}
	return all
}

// BenchmarkAllocFree is one block that is allocated and freed at once, by one goroutine and by all.
func BenchmarkAllocFree(b *testing.B) {
	for _, size := range []struct {
		name string
		n    uint64
	}{{"64B", 64}, {"4KiB", 4 << 10}, {"1MiB", 1 << 20}} {
		for _, a := range allocators(b) {
			b.Run(size.name+"/"+a.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					off, _ := a.alloc(size.n)
					a.free(off, size.n)
				}
			})
			b.Run(size.name+"/"+a.name+"/parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						off, _ := a.alloc(size.n)
						a.free(off, size.n)
					}
				})
			})
		}
	}
}

// BenchmarkMixed is blocks of 64 B to 64 KiB, of which each goroutine has up to 64 at a time and frees any.
func BenchmarkMixed(b *testing.B) {
	for _, a := range allocators(b) {
		b.Run(a.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				random := rand.New(rand.NewPCG(1, rand.Uint64()))
				var offs, sizes [64]uint64
				for pb.Next() {
					choice := random.Uint64()
					slot, n := choice%64, uint64(64)<<(choice>>32%11)
					if sizes[slot] != 0 {
						a.free(offs[slot], sizes[slot])
					}
					off, ok := a.alloc(n)
					if !ok {
						b.Error("the region is full")
					}
					offs[slot], sizes[slot] = off, n
				}
				for slot, n := range sizes {
					if n != 0 {
						a.free(offs[slot], n)
					}
				}
			})
		})
	}
}

// BenchmarkHandOver is blocks that one goroutine allocates and another one frees, 64 at a time.
func BenchmarkHandOver(b *testing.B) {
	for _, a := range allocators(b) {
		b.Run(a.name, func(b *testing.B) {
			b.ReportAllocs()
			full, empty := make(chan *[64]uint64, 2), make(chan *[64]uint64, 2)
			empty <- new([64]uint64)
			empty <- new([64]uint64)
			var freeing sync.WaitGroup
			freeing.Go(func() {
				for offs := range full {
					for _, off := range offs {
						a.free(off, 4096)
					}
					empty <- offs
				}
			})
			var offs *[64]uint64
			i := 64
			for b.Loop() {
				if i == 64 {
					if offs != nil {
						full <- offs
					}
					offs, i = <-empty, 0
				}
				offs[i], _ = a.alloc(4096)
				i++
			}
			for _, off := range offs[:i] {
				a.free(off, 4096)
			}
			close(full)
			freeing.Wait()
		})
	}
}

// BenchmarkSyncPool is what ordinary memory of 4 KiB costs, for comparison.
func BenchmarkSyncPool(b *testing.B) {
	pool := sync.Pool{New: func() any { return new([4096]byte) }}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			pool.Put(pool.Get())
		}
	})
}

func BenchmarkPool(b *testing.B) {
	for _, c := range []struct {
		name   string
		n      int
		budget *buddy.Budget
	}{
		{"4KiB", 4 << 10, nil}, {"4KiB/budget", 4 << 10, buddy.NewBudget(1 << 30)},
		{"1MiB", 1 << 20, nil}, {"64MiB", 64 << 20, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newPool(b, buddy.Config{Budget: c.budget})
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					block, err := p.Alloc(c.n)
					if err == nil {
						err = p.Free(block.Segment, block.Offset)
					}
					if err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}

// BenchmarkCopy is what memory that was used before is worth: 64 MiB copied into a segment.
func BenchmarkCopy(b *testing.B) {
	const size = 64 << 20
	source := make([]byte, size)
	fill(source, 1)
	b.Run("warm", func(b *testing.B) {
		s := newSegment(b, size)
		copy(s.Bytes(), source)
		b.SetBytes(size)
		for b.Loop() {
			copy(s.Bytes(), source)
		}
	})
	cold := func(prepare func(s *buddy.Segment), timed bool) func(b *testing.B) {
		return func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if !timed {
					b.StopTimer()
				}
				s, err := buddy.Create(size)
				if err != nil {
					b.Fatal(err)
				}
				prepare(s)
				b.StartTimer()
				copy(s.Bytes(), source)
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
		}
	}
	prefault := func(s *buddy.Segment) { _ = s.Prefault() }
	b.Run("new", cold(func(*buddy.Segment) {}, true))
	b.Run("new/prefaulted", cold(prefault, true))
	b.Run("new/made-before", cold(func(*buddy.Segment) {}, false))
	b.Run("new/prefaulted-before", cold(prefault, false))
	b.Run("new/prefaulted-beside", cold(func(s *buddy.Segment) { go s.Prefault() }, true))
}

func BenchmarkSegment(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int64
	}{{"1MiB", 1 << 20}, {"64MiB", 64 << 20}} {
		b.Run(size.name+"/create", func(b *testing.B) {
			b.SetBytes(size.n)
			for b.Loop() {
				s, err := buddy.Create(size.n)
				if err != nil {
					b.Fatal(err)
				}
				s.Close()
			}
		})
		b.Run(size.name+"/prefault", func(b *testing.B) {
			b.SetBytes(size.n)
			for b.Loop() {
				b.StopTimer()
				s, err := buddy.Create(size.n)
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := s.Prefault(); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				s.Close()
				b.StartTimer()
			}
		})
	}
	b.Run("64MiB/read", func(b *testing.B) { benchmarkView(b, false) })
	b.Run("64MiB/read/prefaulted", func(b *testing.B) { benchmarkView(b, true) })
}

// benchmarkView is the first touch of each page by a reader.
func benchmarkView(b *testing.B, prefault bool) {
	const size = 64 << 20
	s := newSegment(b, size)
	fill(s.Bytes(), 1)
	b.SetBytes(size)
	for b.Loop() {
		v, err := buddy.Attach(s.File(), size)
		if err != nil {
			b.Fatal(err)
		}
		if prefault {
			_ = v.Prefault()
		}
		sum := byte(0)
		for i := 0; i < size; i += os.Getpagesize() {
			sum += v.Bytes()[i]
		}
		v.Release()
		if sum == 255 {
			b.Log(sum) // so that it is used
		}
	}
}
