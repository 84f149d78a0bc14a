package tests

import (
	"reflect"
	"testing"
	"time"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/codec"
)

// BenchmarkSharedMemory writes numbers to shared memory, and reads a copy of them out of it, as calls do, beside copies
// of as many bytes. By turns; medians are reported.
func BenchmarkSharedMemory(b *testing.B) {
	for _, size := range []int{1 << 20, 4 << 20, 16 << 20, 64 << 20, 256 << 20} {
		b.Run(sizeName(size), func(b *testing.B) { benchmarkSharedMemory(b, size) })
	}
}

func benchmarkSharedMemory(b *testing.B, size int) {
	numbers := make([]float64, size/8)
	fill(numbers, 1)
	v := reflect.ValueOf(numbers)
	c, err := codec.For(v.Type())
	if err != nil {
		b.Fatal(err)
	}
	segment, err := buddy.Create(int64(c.Size(v)))
	if err != nil {
		b.Fatal(err)
	}
	defer segment.Close()
	view, err := buddy.Attach(segment.File(), segment.Size())
	if err != nil {
		b.Fatal(err)
	}
	defer view.Release()
	from, to := written(size), written(size)
	var payload []byte
	steps := []struct {
		name string
		do   func() error
	}{
		{"memcpy", func() error { copy(to, from); return nil }},
		{"encode", func() (err error) { payload, err = c.Append(segment.Bytes()[:0], v); return err }},
		{"decode", func() error {
			own := reflect.New(v.Type()).Elem()
			_, err := c.Decode(view.Bytes()[:len(payload)], own)
			return err
		}},
		{"clone", func() error { clone = append([]byte(nil), from...); return nil }},
		{"view", func() error {
			seen := reflect.New(v.Type()).Elem()
			_, _, err := c.View(view.Bytes()[:len(payload)], seen)
			return err
		}},
	}
	turn := min(max(1, 16<<20/size), 16)
	took := make([][]time.Duration, len(steps))
	for b.Loop() {
		for i, s := range steps {
			took[i] = append(took[i], times(b, turn, 0, s.do)...)
		}
	}
	for i, s := range steps {
		b.ReportMetric(float64(median(took[i]).Nanoseconds())/1000, s.name+"-µs")
	}
}

var clone []byte // what the compiler must not leave out
