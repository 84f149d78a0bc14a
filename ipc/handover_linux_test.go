package ipc

import (
	"context"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// largeHandler answers every call with so many bytes.
type largeHandler int

func (n largeHandler) ServeCall(_ context.Context, call *Call) (*Payload, error) {
	return call.Encode(Bytes(make([]byte, n)))
}

// TestWhoWaitsForMemoryHandsReadingOver has the goroutine that reads run a call whose result waits for memory: somebody
// else has to read that the memory comes home, and nobody but the call itself can know.
func TestWhoWaitsForMemoryHandsReadingOver(t *testing.T) {
	leaktest.Check(t)
	memory := NewMemory(MemoryConfig{ConnBytes: 1 << 20, Dedicated: 64 << 10, SpillBytes: -1, Wait: time.Hour})
	s, err := Listen(Scheme+t.TempDir()+"/s.sock", largeHandler(600<<10), Config{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.watchdog.awake.Store(true) // so that it is not started: it would help in the end
	p := dialRaw(t, s.socket.path)
	defer p.conn.Close()
	small := func(id uint64) []byte {
		return appendCallPrefix(appendHeader(nil, header{length: callPrefixSize, kind: kindCall, call: id}), callPrefix{})
	}
	p.send(small(1))
	ref := p.answerByBlock()
	p.send(small(2))
	c := s.snapshot()[0]
	await.True(t, "the second result waits for the memory of the first", func() bool { return c.lender.parking.bytes.Load() > 0 })
	p.send(appendFrees(ref.segment, ref.offset))
	p.answerByBlock()
	if turn := c.inline.turn.Load(); turn < 3 {
		t.Errorf("the second call was not run by the goroutine that reads: turn %d", turn)
	}
}
