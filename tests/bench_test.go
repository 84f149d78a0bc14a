package tests

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"

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
	address := "ipc://" + b.TempDir() + "/echo.sock"
	start(b, "echo", address)
	node, err := c2.NewNode()
	if err != nil {
		b.Fatal(err)
	}
	defer node.Shutdown(context.Background())
	e, err := c2.Connect[Echo](b.Context(), "echo", c2.At(address), c2.On(node))
	if err != nil {
		b.Fatal(err)
	}
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
