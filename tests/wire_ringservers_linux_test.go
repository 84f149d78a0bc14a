package tests

import (
	"context"
	"errors"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// What a server can do to a client by its rings: fail its calls, and nothing else.

// wireServer is a server of one connection at a time, as docs/wire.md has it.
type wireServer struct {
	testing.TB
	*net.UnixListener
}

func listenWire(t *testing.T) *wireServer {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/server.sock", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.SetDeadline(time.Now().Add(20 * time.Second))
	return &wireServer{t, l}
}

func (s *wireServer) address() string { return "ipc://" + s.Addr().String() }

// accept takes a connection, and reads its hello.
func (s *wireServer) accept() (m *wireMemory, hello []byte) {
	s.Helper()
	conn, err := s.AcceptUnix()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	m = &wireMemory{wireClient: &wireClient{TB: s.TB, conn: conn, out: conn}}
	s.Cleanup(m.unmap)
	m.in = m
	hello = m.read(64)
	m.extensions = m.read(int(littleEndian.Uint32(hello[12:])))
	return m, hello
}

// serverHello answers a client's hello.
func serverHello(hello []byte, extensions ...byte) []byte {
	hello = slices.Clone(hello)
	littleEndian.PutUint32(hello[12:], uint32(len(extensions)))
	littleEndian.PutUint32(hello[52:], 16) // calls; the rest will do as it is
	return append(hello, extensions...)
}

// acceptSocket takes a connection, and shakes hands without rings.
func (s *wireServer) acceptSocket() *wireMemory {
	s.Helper()
	m, hello := s.accept()
	m.write(serverHello(hello))
	return m
}

// acceptRings takes a connection, and shakes hands.
func (s *wireServer) acceptRings() *wireMemory {
	s.Helper()
	m, hello := s.accept()
	peer := m.answeredHalf()
	m.alarm = m.descriptor()
	m.Cleanup(m.hangUp)
	fd, own := memfd(s, wireHalfSize(wireRingSize), wireSeals)
	defer unix.Close(fd)
	m.writeWith(serverHello(hello, ringsExtension(wireRingSize)...), fd)
	m.useRings(own, peer)
	return m
}

// wireCalls makes calls of n bytes by a client of c2's, which ends with the test.
func wireCalls(t *testing.T, address string, config ipc.MemoryConfig) (call func(ctx context.Context, n int) <-chan error) {
	t.Helper()
	config.Inline = 1 << 20
	client := ipc.NewClient(address, ipc.Config{Memory: ipc.NewMemory(config)})
	t.Cleanup(client.Close)
	return func(ctx context.Context, n int) <-chan error {
		end := make(chan error, 1)
		go func() {
			p, err := client.Call(ctx, ipc.Request{Args: ipc.Bytes(make([]byte, n))})
			if err == nil {
				p.Release()
			}
			end <- err
		}()
		return end
	}
}

// TestWireServerRingOffers answers with what is no half, or was not asked for: connecting fails at once.
func TestWireServerRingOffers(t *testing.T) {
	const n = wireRingSize
	good, size := ringsExtension(n), wireHalfSize(n)
	for what, offer := range map[string]struct {
		config     ipc.MemoryConfig
		extensions []byte
		behind     []byte
		half       func(*testing.T) []int
	}{
		"not asked for":       {config: ipc.MemoryConfig{Off: true}, extensions: good},
		"twice":               {extensions: slices.Concat(good, good)},
		"no size":             {extensions: []byte{1, 0, 0, 0}},
		"too large":           {extensions: ringsExtension(8 << 20)},
		"more than announced": {extensions: ringsExtension(n / 2)},
		"without descriptor":  {extensions: good, half: func(*testing.T) []int { return nil }},
		"can shrink":          {extensions: good, half: func(t *testing.T) []int { return memfds(t, size, wireSeals&^unix.F_SEAL_SHRINK) }},
		"a device":            {extensions: good, half: func(t *testing.T) []int { return opened(t, "/dev/zero") }},
		"bytes behind":        {extensions: good, behind: []byte{0}},
	} {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			s := listenWire(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			end := wireCalls(t, s.address(), offer.config)(ctx, 1)
			m, hello := s.accept()
			fds := memfds(t, size, wireSeals)
			if offer.half != nil {
				fds = offer.half(t)
			}
			if reply := append(serverHello(hello, offer.extensions...), offer.behind...); len(fds) > 0 {
				m.writeWith(reply, fds...)
			} else {
				m.write(reply)
			}
			if err := <-end; err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "shaking hands") {
				t.Errorf("the call gives %v", err)
			}
		})
	}
}

// TestWireServerRingBreaches has a server write into its half what must not be there: the call fails.
func TestWireServerRingBreaches(t *testing.T) {
	for what, breach := range map[string]struct {
		size int
		do   func(m *wireMemory)
		code ipc.Code
	}{
		"a record longer than a quarter": {1, func(m *wireMemory) { m.rings.record(wireRingSize/4 + 1) }, ipc.CodeInternal},
		"a record beyond all numbers":    {1, func(m *wireMemory) { m.rings.record(math.MaxUint64) }, ipc.CodeInternal},
		"a record of garbage": {1, func(m *wireMemory) {
			copy(m.rings.own[wireRing+8:], "HTTP/1.1 400 Bad Request\r\n\r\n")
			m.rings.record(28)
		}, ipc.CodeInternal},
		"a head ahead": {100 << 10, func(m *wireMemory) {
			wireWord(m.rings.own, wireHead).Store(1 << 30)
			m.rings.wake()
		}, ipc.CodeUnavailable},
		"a head that is no position": {100 << 10, func(m *wireMemory) {
			wireWord(m.rings.own, wireHead).Store(1<<30 + 4)
			m.rings.wake()
		}, ipc.CodeUnavailable},
		"descriptors of no frame": {1, func(m *wireMemory) {
			for range 20 {
				m.writeWith([]byte{0}, opened(m.TB.(*testing.T), os.DevNull)...)
			}
			m.hangUp()
		}, ipc.CodeInternal},
	} {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			s := listenWire(t)
			end := wireCalls(t, s.address(), ipc.MemoryConfig{})(t.Context(), breach.size)
			m := s.acceptRings()
			m.read(16 + 32)
			breach.do(m)
			var failed *ipc.Error
			if err := <-end; !errors.As(err, &failed) || failed.Code != breach.code || !failed.MayHaveRun {
				t.Errorf("the call gives %v, want one of code %v that may have run", err, breach.code)
			}
		})
	}
}

// TestWireServerNeverReads has a server that takes nothing out of its ring: calls end with their contexts, and the client by
// being closed.
func TestWireServerNeverReads(t *testing.T) {
	leaktest.Check(t)
	s := listenWire(t)
	call := wireCalls(t, s.address(), ipc.MemoryConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	large := call(ctx, 500<<10)
	s.acceptRings()
	small := call(ctx, 1)
	for _, end := range []<-chan error{large, small} {
		var failed *ipc.Error
		if err := <-end; !errors.As(err, &failed) || failed.Code != ipc.CodeDeadline {
			t.Errorf("the call gives %v", err)
		}
	}
}

// TestWireServerAnswersAndEnds has a server that closes the socket as soon as its answer is in the ring: that is read.
func TestWireServerAnswersAndEnds(t *testing.T) {
	leaktest.Check(t)
	for range 20 {
		s := listenWire(t)
		end := wireCalls(t, s.address(), ipc.MemoryConfig{})(t.Context(), 1)
		s.answerOne(s.acceptRings())
		if err := <-end; err != nil {
			t.Fatalf("the call gives %v", err)
		}
	}
}

// answerOne reads a call of one byte, answers it, and ends the connection.
func (s *wireServer) answerOne(m *wireMemory) {
	s.Helper()
	call := m.read(16 + 32 + 1)
	m.send(wireAnswer, 0, littleEndian.Uint64(call[8:]), make([]byte, 16))
	m.hangUp()
}

// TestWireServerEnds has a server that is gone before it has read a call, or after: what was not read is sent to the next one,
// and what was is not.
func TestWireServerEnds(t *testing.T) {
	leaktest.Check(t)
	s := listenWire(t)
	call := wireCalls(t, s.address(), ipc.MemoryConfig{})
	end := call(t.Context(), 1)
	m := s.acceptRings()
	await.True(t, "the call is in the ring", m.rings.ready)
	m.hangUp()
	s.answerOne(s.acceptRings())
	if err := <-end; err != nil {
		t.Errorf("a call that no server had read gives %v", err)
	}
	end = call(t.Context(), 1)
	m = s.acceptRings()
	m.read(16 + 32 + 1)
	m.hangUp()
	var failed *ipc.Error
	if err := <-end; !errors.As(err, &failed) || failed.Code != ipc.CodeUnavailable || !failed.MayHaveRun {
		t.Errorf("a call that a server had read gives %v", err)
	}
}
