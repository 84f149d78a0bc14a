package ipc

import (
	"bytes"
	"context"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// segmentStream is a stream that keeps the segments that are sent over it, and loses all else.
type segmentStream struct {
	stream
	bodies [][]byte
	files  []*os.File
}

func (s *segmentStream) direct() bool                           { return false }
func (s *segmentStream) position() uint64                       { return 0 }
func (s *segmentStream) try(p []byte) (int, error)              { return len(p), nil }
func (s *segmentStream) write(net.Buffers, time.Duration) error { return nil }
func (s *segmentStream) Close() error                           { return nil }

func (s *segmentStream) sendFile(frame []byte, file *os.File, _ time.Duration) error {
	own, err := duplicate(file)
	s.bodies, s.files = append(s.bodies, bytes.Clone(frame[headerSize:])), append(s.files, own)
	return err
}

func (s *segmentStream) takeFile() (*os.File, error) {
	file := s.files[0]
	s.files = s.files[1:]
	return file, nil
}

// TestNothingHeldExpires holds a block for days in which its owner sends others: it is the reader's until it gives it back.
func TestNothingHeldExpires(t *testing.T) {
	leaktest.Check(t)
	bubble.Test(t, func(t *testing.T) {
		memory := NewMemory(MemoryConfig{ConnBytes: 4 << 20, SpillBytes: -1})
		wire := &segmentStream{}
		out, back := newSender(wire, 0), newSender(wire, 0)
		l, err := newLender(memory, out, session{maxFrame: frameSize, peer: hello{maxPayload: 1 << 30}}, func(bool) {})
		if err != nil {
			t.Fatal(err)
		}
		out.lender = l
		b := newBorrower(back, 1<<30)
		send := func(data []byte) *Payload {
			t.Helper()
			p, err := l.encode(context.Background(), Bytes(data), 1<<30)
			if err != nil || p.block == nil {
				t.Fatalf("a payload of %d bytes: %v", len(data), err)
			}
			l.lend(p.out, p.blocks)
			synctest.Wait() // for new segments to be written
			for ; len(wire.bodies) > 0; wire.bodies = wire.bodies[1:] {
				if err := b.onSegment(wire.bodies[0], wire); err != nil {
					t.Fatal(err)
				}
			}
			got := newPayload(0)
			if err := b.borrow(got, p.out, true); err != nil {
				t.Fatal(err)
			}
			if err := got.load(); err != nil {
				t.Fatal(err)
			}
			p.Release()
			return got
		}
		sizes := []int{20 << 10, 100 << 10, 600 << 10}
		var held []*Payload
		for i, n := range sizes {
			held = append(held, send(bytes.Repeat([]byte{byte(i + 1)}, n)))
		}
		for _, pause := range []time.Duration{6 * time.Second, time.Minute, time.Hour, 24 * time.Hour} {
			time.Sleep(pause)
			for _, n := range sizes {
				for range coolBlocks + 2 {
					other := send(bytes.Repeat([]byte{9}, n))
					if err := l.onFree(appendFree(nil, other.in.refs[0].segment, other.in.refs[0].offset)); err != nil {
						t.Fatal(err)
					}
					other.Release()
				}
			}
			for i, p := range held {
				if !bytes.Equal(p.Bytes(), bytes.Repeat([]byte{byte(i + 1)}, sizes[i])) {
					t.Errorf("after %v, what is held of %d bytes has changed", pause, sizes[i])
				}
			}
			if s := memory.Stats(); s.LentBlocks != len(held) {
				t.Errorf("after %v the owner has lent %d blocks, want %d", pause, s.LentBlocks, len(held))
			}
		}
		for _, p := range held {
			p.Release()
		}
		out.fail(net.ErrClosed)
		back.fail(net.ErrClosed)
		b.close()
		l.close()
	})
}
