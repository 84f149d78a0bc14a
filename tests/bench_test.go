package tests

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
)

// Echo is the contract of the benchmarks.
type Echo interface {
	Echo(ctx context.Context, data []byte) ([]byte, error)
	Add(ctx context.Context, a, b int) (int, error)
}

type echo struct {
	_ c2.Policy `read:"Echo,Add"`
}

func (*echo) Echo(_ context.Context, data []byte) ([]byte, error) { return data, nil }
func (*echo) Add(_ context.Context, a, b int) (int, error)        { return a + b, nil }

// echoServer is a child that serves an Echo at the address given.
func echoServer(args []string) error {
	node, err := c2.NewNode(c2.Address(args[0]))
	if err != nil {
		return err
	}
	if err := c2.Register[Echo]("echo", &echo{}, c2.On(node)); err != nil {
		return err
	}
	<-untilStdinEnds().Done()
	return node.Shutdown(context.Background())
}

// rawServer is a child that sends back 64 bytes at a time over a plain Unix socket: the floor.
func rawServer(args []string) error {
	l, err := net.Listen("unix", args[0])
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				buf := make([]byte, 64)
				for {
					if _, err := io.ReadFull(c, buf); err != nil {
						return
					}
					if _, err := c.Write(buf); err != nil {
						return
					}
				}
			}()
		}
	}()
	<-untilStdinEnds().Done()
	return l.Close()
}

// BenchmarkProcesses times calls between two processes, and a ping-pong of 64 bytes over a Unix socket beside them.
func BenchmarkProcesses(b *testing.B) {
	b.Run("raw-socket-64", func(b *testing.B) {
		path := b.TempDir() + "/raw.sock"
		start(b, "raw", path)
		c, err := net.Dial("unix", path)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		buf := make([]byte, 64)
		for b.Loop() {
			if _, err := c.Write(buf); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(c, buf); err != nil {
				b.Fatal(err)
			}
		}
	})
	e := connectEcho(b)
	b.Run("call-64", func(b *testing.B) {
		data := make([]byte, 64)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Echo(b.Context(), data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("call-64-32-callers", func(b *testing.B) {
		data := make([]byte, 64)
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := e.Echo(b.Context(), data); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	for _, size := range []int{64 << 10, 1 << 20, 16 << 20, 64 << 20} {
		b.Run("echo-"+sizeName(size), func(b *testing.B) {
			data := make([]byte, size)
			b.SetBytes(2 * int64(size))
			for b.Loop() {
				if _, err := e.Echo(b.Context(), data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func sizeName(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}

// BenchmarkRatio times a call of 64 bytes between two processes and a ping-pong of as many bytes over a Unix socket,
// turn by turn so that both see the same machine, and reports the medians and their ratio.
func BenchmarkRatio(b *testing.B) {
	path := b.TempDir() + "/raw.sock"
	start(b, "raw", path)
	c, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	e := connectEcho(b)
	data, buf := make([]byte, 64), make([]byte, 64)
	raw := func() error {
		if _, err := c.Write(buf); err != nil {
			return err
		}
		_, err := io.ReadFull(c, buf)
		return err
	}
	call := func() error {
		_, err := e.Echo(b.Context(), data)
		return err
	}
	const turn = 500
	var raws, calls []time.Duration
	for b.Loop() {
		raws = append(raws, times(b, turn, raw)...)
		calls = append(calls, times(b, turn, call)...)
	}
	r, k := median(raws), median(calls)
	b.ReportMetric(float64(r.Nanoseconds()), "raw-p50-ns")
	b.ReportMetric(float64(k.Nanoseconds()), "call-p50-ns")
	b.ReportMetric(float64(k)/float64(r), "call/raw")
}

func times(b *testing.B, n int, f func() error) []time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		begin := time.Now()
		if err := f(); err != nil {
			b.Fatal(err)
		}
		took[i] = time.Since(begin)
	}
	return took
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// connectEcho starts a child that serves an Echo, and connects to it.
func connectEcho(b *testing.B) Echo {
	b.Helper()
	address := "ipc://" + b.TempDir() + "/echo.sock"
	start(b, "echo", address)
	e, err := c2.Connect[Echo](b.Context(), "echo", c2.At(address), c2.On(newNode(b)))
	if err != nil {
		b.Fatal(err)
	}
	return e
}
