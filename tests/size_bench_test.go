package tests

import (
	"context"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
)

// Pipe is the contract of the benchmarks of large payloads.
type Pipe interface {
	// Take takes data where they are, and returns their length.
	Take(ctx context.Context, data []byte) (int, error)
	// TakeOwn takes a copy of them.
	TakeOwn(ctx context.Context, data []byte) (int, error)
	// Mirror takes data where they are, and returns them.
	Mirror(ctx context.Context, data []byte) ([]byte, error)
}

type pipe struct {
	_ c2.Policy `read:"Take,TakeOwn,Mirror"`
}

func (*pipe) Take(_ context.Context, data []byte) (int, error)      { return len(data), nil }
func (*pipe) TakeOwn(_ context.Context, data []byte) (int, error)   { return len(data), nil }
func (*pipe) Mirror(_ context.Context, data []byte) ([]byte, error) { return data, nil }

// pipeServer is a child that serves a Pipe at the address given.
func pipeServer(args []string) error {
	node, err := c2.NewNode(c2.Address(args[0]))
	if err != nil {
		return err
	}
	if err := c2.Register[Pipe]("pipe", &pipe{}, c2.On(node), c2.HoldInput("Take", "Mirror")); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	return node.Shutdown(context.Background())
}

// BenchmarkSizes sends bytes of each size in several ways, by turns, beside a copy of as many in one process. Medians are
// reported. With -plot FILE it goes up to 2 GiB and draws them.
func BenchmarkSizes(b *testing.B) {
	node, p := connectPipe(b)
	largest := 26 // more take gigabytes of memory
	if *plotFile != "" {
		largest = 31
	}
	var curves []curve
	for power := 6; power <= largest; power++ {
		size := min(1<<power, 2<<30-1<<10)
		b.Run(plotSize(1<<power), func(b *testing.B) { curves = benchmarkSize(b, node, p, size, curves) })
	}
	if *plotFile != "" {
		writePlot(b, *plotFile, curves)
	}
}

// BenchmarkQuotedSizes is BenchmarkSizes for those that others have published figures of. With -plot it has the largest, too.
func BenchmarkQuotedSizes(b *testing.B) {
	node, p := connectPipe(b)
	for name, size := range map[string]int{"10MB": 10e6, "100MB": 100e6, "1GB": 1e9} {
		if size < 1e9 || *plotFile != "" {
			b.Run(name, func(b *testing.B) { benchmarkSize(b, node, p, size, nil) })
		}
	}
}

func connectPipe(b *testing.B) (*c2.Node, Pipe) {
	b.Helper()
	address := "ipc://" + b.TempDir() + "/pipe.sock"
	child.Start(b, "pipe", address)
	node := newNode(b)
	p, err := c2.Connect[Pipe](b.Context(), "pipe", c2.At(address), c2.On(node))
	if err != nil {
		b.Fatal(err)
	}
	return node, p
}

// benchmarkSize adds its medians to the curves.
func benchmarkSize(b *testing.B, node *c2.Node, p Pipe, size int, curves []curve) []curve {
	data, to := written(size), written(size)
	// Twice as many copies of 2 GiB as have to be there at once do not fit into a machine of 24 GiB.
	large := size > 1<<30
	pinned := size
	if large {
		pinned = 0
	}
	pin, err := c2.Pin[byte](pinned, c2.On(node))
	if err != nil {
		b.Fatal(err)
	}
	defer pin.Release()
	steps := []struct {
		name, title string
		leaveOut    bool
		do          func() error
	}{
		{"memcpy", "a copy in one process", false, func() error { copy(to, data); return nil }},
		{"pinned", "there, pinned, read in place", large, func() error { _, err := p.Take(b.Context(), pin.Slice()); return err }},
		{"one-way", "there, read in place", false, func() error { _, err := p.Take(b.Context(), data); return err }},
		{"one-way-own", "there, as a copy", large, func() error { _, err := p.TakeOwn(b.Context(), data); return err }},
		{"echo-held", "there and back, both in place", false, func() error {
			ctx, held := c2.Hold(b.Context())
			defer held.Release()
			_, err := p.Mirror(ctx, data)
			return err
		}},
		{"echo", "there and back, as a copy", large, func() error { _, err := p.Mirror(b.Context(), data); return err }},
	}
	turn := min(max(1, 1<<20/size), 200)
	took := make([][]time.Duration, len(steps))
	for b.Loop() {
		for i, s := range steps {
			if s.leaveOut {
				continue
			}
			took[i] = append(took[i], times(b, turn, 0, s.do)...)
		}
	}
	if curves == nil {
		curves = make([]curve, len(steps))
	}
	for i, s := range steps {
		if s.leaveOut {
			continue
		}
		m := median(took[i])
		b.ReportMetric(float64(m.Nanoseconds())/1000, s.name+"-µs")
		c := &curves[i]
		if n := len(c.sizes); n > 0 && c.sizes[n-1] == size {
			c.times[n-1] = m // the same benchmark with another number of turns
			continue
		}
		c.name, c.sizes, c.times = s.title, append(c.sizes, size), append(c.times, m)
	}
	return curves
}

// written is n bytes that were written to: until then all of a slice may be one page of zeros.
func written(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}
