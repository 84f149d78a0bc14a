package tests

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
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
	<-child.UntilInputEnds().Done()
	return node.Shutdown(context.Background())
}

// rawServer is a child that sends back as many bytes at a time as its second argument says, over a plain Unix socket at the
// path that is its first: the floor.
func rawServer(args []string) error {
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
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
				buf := make([]byte, size)
				for pingPong(c, buf, io.ReadFull, writeAll) == nil {
				}
			}()
		}
	}()
	<-child.UntilInputEnds().Done()
	return l.Close()
}

// pingPong moves buf once in each direction.
func pingPong(c net.Conn, buf []byte, first, second func(io.Reader, []byte) (int, error)) error {
	if _, err := first(c, buf); err != nil {
		return err
	}
	_, err := second(c, buf)
	return err
}

func writeAll(c io.Reader, buf []byte) (int, error) { return c.(net.Conn).Write(buf) }

// connectRaw starts a rawServer and connects to it. The func it returns is one exchange.
func connectRaw(b *testing.B, size int) func() error {
	b.Helper()
	path := b.TempDir() + "/raw.sock"
	child.Start(b, "raw", path, strconv.Itoa(size))
	c, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	buf := make([]byte, size)
	return func() error { return pingPong(c, buf, writeAll, io.ReadFull) }
}

// BenchmarkProcesses times calls between two processes that send back what they get, and beside each the same exchange
// over a Unix socket, where all that is done with the bytes is to read them.
func BenchmarkProcesses(b *testing.B) {
	e := connectEcho(b)
	for _, size := range []int{64, 4 << 10, 64 << 10, 1 << 20, 16 << 20, 64 << 20} {
		data := make([]byte, size)
		raw := connectRaw(b, size)
		measure(b, "raw-"+sizeName(size), size, raw)
		measure(b, "call-"+sizeName(size), size, func() error {
			_, err := e.Echo(b.Context(), data)
			return err
		})
	}
	b.Run("call-64B-32-callers", func(b *testing.B) {
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
}

func measure(b *testing.B, name string, size int, exchange func() error) {
	b.Run(name, func(b *testing.B) {
		b.SetBytes(2 * int64(size))
		b.ReportAllocs()
		for b.Loop() {
			if err := exchange(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRatio times a call of 64 bytes between two processes and a ping-pong of as many bytes over a Unix socket,
// turn by turn so that both see the same machine, and reports the medians and their ratio: back to back, and with pauses
// in which both processes fall asleep.
func BenchmarkRatio(b *testing.B) {
	e := connectEcho(b)
	raw := connectRaw(b, 64)
	data := make([]byte, 64)
	call := func() error {
		_, err := e.Echo(b.Context(), data)
		return err
	}
	b.Run("back-to-back", func(b *testing.B) { ratio(b, 500, 0, raw, call) })
	b.Run("5ms-apart", func(b *testing.B) { ratio(b, 50, 5*time.Millisecond, raw, call) })
}

func ratio(b *testing.B, turn int, pause time.Duration, raw, call func() error) {
	var raws, calls []time.Duration
	for b.Loop() {
		raws = append(raws, times(b, turn, pause, raw)...)
		calls = append(calls, times(b, turn, pause, call)...)
	}
	r, k := median(raws), median(calls)
	b.ReportMetric(float64(r.Nanoseconds()), "raw-p50-ns")
	b.ReportMetric(float64(k.Nanoseconds()), "call-p50-ns")
	b.ReportMetric(float64(k)/float64(r), "call/raw")
}

func times(b *testing.B, n int, pause time.Duration, f func() error) []time.Duration {
	took := make([]time.Duration, n)
	for i := range took {
		time.Sleep(pause)
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
	child.Start(b, "echo", address)
	e, err := c2.Connect[Echo](b.Context(), "echo", c2.At(address), c2.On(newNode(b)))
	if err != nil {
		b.Fatal(err)
	}
	return e
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
