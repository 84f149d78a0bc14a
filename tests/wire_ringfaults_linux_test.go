package tests

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// What a client can do to a node by its rings. Each costs the client its connection, or nothing, and nobody else anything.

// labForRings is a node that hosts the suite, for clients that have yet to shake hands.
func labForRings(t *testing.T) *c2.Node {
	t.Helper()
	leaktest.Check(t)
	node := newNode(t)
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	return node
}

// TestWireRingOffers offers what is no half. The node says so, and has nothing left of it.
func TestWireRingOffers(t *testing.T) {
	node := labForRings(t)
	const n = wireRingSize
	good, size := ringsExtension(n), wireHalfSize(n)
	sealed := func(size int) func(*testing.T) []int {
		return func(t *testing.T) []int { return memfds(t, size, wireSeals) }
	}
	for what, offer := range map[string]struct {
		extensions []byte
		half       func(*testing.T) []int
	}{
		"twice":               {slices.Concat(good, good), sealed(size)},
		"no size":             {[]byte{1, 0, 0, 0}, sealed(size)},
		"half a size":         {[]byte{1, 0, 2, 0, 0, 64}, sealed(size)},
		"a size and more":     {append([]byte{1, 0, 8, 0}, make([]byte, 8)...), sealed(size)},
		"a ring of nothing":   {ringsExtension(0), sealed(4096)},
		"no power of two":     {ringsExtension(n + 4096), sealed(size + 4096)},
		"too small":           {ringsExtension(2048), sealed(8192)},
		"too large":           {ringsExtension(8 << 20), sealed(wireHalfSize(8 << 20))},
		"without descriptor":  {good, func(*testing.T) []int { return nil }},
		"less than announced": {good, sealed(size - 4096)},
		"more than announced": {good, sealed(size + 4096)},
		"can shrink":          {good, func(t *testing.T) []int { return memfds(t, size, wireSeals&^unix.F_SEAL_SHRINK) }},
		"can be written to":   {good, func(t *testing.T) []int { return memfds(t, size, wireSeals&^unix.F_SEAL_FUTURE_WRITE) }},
		"can be unsealed":     {good, func(t *testing.T) []int { return memfds(t, size, wireSeals&^unix.F_SEAL_SEAL) }},
		"not there":           {good, func(t *testing.T) []int { return sealedHollow(t, size) }},
		"a file":              {good, func(t *testing.T) []int { return opened(t, fileOf(t, size)) }},
		"a device":            {good, func(t *testing.T) []int { return opened(t, "/dev/zero") }},
		"a directory":         {good, func(t *testing.T) []int { return opened(t, t.TempDir()) }},
	} {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			m := connectMemory(t, node.Address())
			hello := wireHello(wireChunks|wireShared, wireMaxFrame, offer.extensions...)
			if fds := offer.half(t); len(fds) > 0 {
				theirs := m.newAlarm()
				defer unix.Close(theirs)
				m.writeWith(hello, append(fds, theirs)...)
			} else {
				m.write(hello)
			}
			if reply := m.read(64); littleEndian.Uint32(reply[12:]) != 0 || littleEndian.Uint32(reply[52:]) != 0 {
				t.Errorf("the server's hello is %x, want one that refuses", reply)
			}
			m.expectBreach()
		})
	}
}

// memfds is the descriptor of memory with these seals.
func memfds(t *testing.T, size, seals int) []int {
	fd, _ := memfd(t, size, seals)
	t.Cleanup(func() { unix.Close(fd) })
	return []int{fd}
}

// sealedHollow is sealed memory of which nothing is there.
func sealedHollow(t *testing.T, size int) []int {
	fd, err := unix.MemfdCreate("wire", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	_, sealed := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, wireSeals&^unix.F_SEAL_GROW)
	if err := errors.Join(unix.Ftruncate(fd, int64(size)), sealed); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_GROW); err != nil && !errors.Is(err, unix.EPERM) {
		t.Fatal(err)
	}
	return []int{fd}
}

func fileOf(t *testing.T, size int) (path string) {
	path = t.TempDir() + "/half"
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func opened(t *testing.T, path string) []int {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return []int{int(file.Fd())}
}

// TestWireRingBreaches breaks the rules of rings that were agreed on.
func TestWireRingBreaches(t *testing.T) {
	node := labForRings(t)
	n := uint64(wireRingSize)
	for what, breach := range map[string]func(t *testing.T, m *wireMemory){
		"a record longer than a quarter": func(_ *testing.T, m *wireMemory) { m.rings.record(n/4 + 1) },
		"a record longer than the ring":  func(_ *testing.T, m *wireMemory) { m.rings.record(n + 8) },
		"a record beyond all numbers":    func(_ *testing.T, m *wireMemory) { m.rings.record(math.MaxUint64) },
		"a record of garbage": func(_ *testing.T, m *wireMemory) {
			copy(m.rings.own[wireRing+8:], bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 8))
			m.rings.record(100)
		},
		"a record of what was there": func(_ *testing.T, m *wireMemory) {
			m.results(m.resolve("lab").request(m, "Nothing"))
			m.rings.record(n / 4)
		},
	} {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			m := wireGreet(greetRings).dial(t, node)
			breach(t, m)
			m.expectBreach()
		})
	}
	for what, head := range map[string]func(m *wireMemory) uint64{
		"ahead":             func(m *wireMemory) uint64 { return m.rings.in + 2*m.rings.size(m.rings.peer) },
		"far ahead":         func(m *wireMemory) uint64 { return math.MaxUint64 - 7 },
		"between two words": func(m *wireMemory) uint64 { return m.rings.in - 4 },
		"back":              func(m *wireMemory) uint64 { return m.rings.in - m.rings.size(m.rings.peer) },
		"at the beginning":  func(*wireMemory) uint64 { return 0 },
	} {
		t.Run("a head "+what, func(t *testing.T) {
			leaktest.Check(t)
			m := wireGreet(greetRings).dial(t, node)
			lab := m.resolve("lab")
			fetch := lab.request(t, "Bytes", cborUint(7000))
			size := m.rings.size(m.rings.peer)
			for m.rings.in < 2*size { // until the node has looked at the head
				m.results(fetch)
			}
			wireWord(m.rings.own, wireHead).Store(head(m))
			for range size / 7000 {
				m.begin(fetch, wireMaxFrame)
			}
			m.untilEnd()
		})
	}
}

// record says that there is one of so many bytes.
func (r *wireRings) record(length uint64) {
	wireWord(r.own, r.word(r.own, r.out)).Store(length)
	r.wake()
}

// untilEnd waits for the socket's end, whatever is in it, or in the rings.
func (m *wireMemory) untilEnd() {
	m.Helper()
	for {
		if _, err := m.Read(make([]byte, 512)); err != nil {
			if ended(err) != io.EOF {
				m.Errorf("the connection does not end: %v", err)
			}
			return
		}
	}
}

// TestWireRingsBehindTheHello sends something before the node can have answered.
func TestWireRingsBehindTheHello(t *testing.T) {
	node := labForRings(t)
	m := connectMemory(t, node.Address())
	m.offer(append(wireHello(wireChunks, wireMaxFrame, ringsExtension(wireRingSize)...), 0), wireRingSize)
	if n, err := m.Read(make([]byte, 1)); n != 0 || ended(err) != io.EOF {
		t.Errorf("after the hello: %d bytes, %v", n, err)
	}
}

// TestWireRingsRestless has a client whose words change all the time, and whose socket is full of wake bytes. It costs the
// node what the client does, and calls go on: the client's own, and those of others.
func TestWireRingsRestless(t *testing.T) {
	for what, unrest := range map[string]func(m *wireMemory){
		"state": func(m *wireMemory) { m.rings.change(wireState) },
		"want":  func(m *wireMemory) { m.rings.change(wireWant) },
		"wakes": func(m *wireMemory) { m.conn.Write(make([]byte, 512)) },
	} {
		t.Run(what, func(t *testing.T) {
			node := labForRings(t)
			m := wireGreet(greetRings).dial(t, node)
			m.rings.polls = true // what wakes it comes at random
			other := dialWire(t, node)
			stop := make(chan struct{})
			var wg sync.WaitGroup
			defer wg.Wait()
			defer close(stop)
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						unrest(m)
					}
				}
			})
			data := bytes.Repeat([]byte("x"), 7000)
			mine, others := m.resolve("lab"), other.resolve("lab")
			for range 50 {
				m.call(mine.request(t, "Any", cborBytes(data))).echoes(t, data)
				other.call(others.request(t, "Any", cborBytes(data))).echoes(t, data)
			}
		})
	}
}

// TestWireRingsStrayDescriptors sends descriptors of which no frame speaks, and goes. However many they are, the node notices
// that the client is gone, and has none left.
func TestWireRingsStrayDescriptors(t *testing.T) {
	node := labForRings(t)
	file := opened(t, os.DevNull)
	before := openDescriptors(t)
	for n := range 10 {
		m := wireGreet(greetRings).dial(t, node)
		m.resolve("lab")
		for range n {
			m.writeWith([]byte{0}, file...)
		}
		m.hangUp()
		await.True(t, "the node has noticed the end", func() bool {
			return node.MemoryStats().Connections == 0 && openDescriptors(t) <= before
		})
	}
}

// TestWireRingsVanish has clients that make a call which only ends with its context, and go at once: the context ends,
// wherever the node just was.
func TestWireRingsVanish(t *testing.T) {
	node := labForRings(t)
	for range 300 {
		m := wireGreet(greetRings).dial(t, node)
		m.begin(m.resolve("lab").request(t, "Block"), wireMaxFrame)
		m.hangUp()
	}
	await.True(t, "the node has noticed all ends", func() bool { return node.MemoryStats().Connections == 0 })
}

// fetchServer is a server that answers each call by n bytes, in frames, and gives up a client that does not read for so long.
func fetchServer(t *testing.T, n int, stall time.Duration) (address string, lost <-chan error) {
	t.Helper()
	leaktest.Check(t)
	errs := make(chan error, 10)
	s, err := ipc.Listen("ipc://"+t.TempDir()+"/server.sock", fetcher(n), ipc.Config{
		Memory: ipc.NewMemory(ipc.MemoryConfig{Inline: n}), StallTimeout: stall, ConnLost: func(err error) { errs <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Address(), errs
}

type fetcher int

func (n fetcher) ServeCall(_ context.Context, call *ipc.Call) (*ipc.Payload, error) {
	call.Take().Release()
	return call.Encode(ipc.Bytes(make([]byte, n)))
}

// TestWireRingsNeverRead has a client that reads nothing. The server waits as long as it says, and no longer if the client
// wakes it meanwhile.
func TestWireRingsNeverRead(t *testing.T) {
	for what, meanwhile := range map[string]func(m *wireMemory){
		"silent": func(*wireMemory) {},
		"waking": func(m *wireMemory) {
			for deadline := time.Now().Add(5 * time.Second); m.rings.wake() == nil; {
				if time.Now().After(deadline) {
					m.Fatal("the server waits still")
				}
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			address, lost := fetchServer(t, 100<<10, 200*time.Millisecond)
			m := greetRings(t, address, wireChunks, wireMaxFrame)
			m.begin(wireRequest{args: cborList()}, wireMaxFrame)
			meanwhile(m)
			if err := <-lost; !strings.Contains(err.Error(), "has not read") {
				t.Errorf("the server says %v", err)
			}
		})
	}
}

// TestWireRingsReadSlowly has a client that reads a little now and then: the server waits for it.
func TestWireRingsReadSlowly(t *testing.T) {
	const n, stall, tick, part = 600 << 10, 1500 * time.Millisecond, 15 * time.Millisecond, 4000
	address, _ := fetchServer(t, n, stall)
	m := greetRings(t, address, wireChunks, wireMaxFrame)
	id, _ := m.begin(wireRequest{args: cborList()}, wireMaxFrame)
	slow := time.NewTicker(tick) // in all, longer than the server waits
	defer slow.Stop()
	m.in = readerFunc(func(p []byte) (int, error) {
		<-slow.C
		return m.rings.Read(p[:min(len(p), part)])
	})
	begun := time.Now()
	if end := m.await(id); len(end.payload) != n {
		t.Errorf("%d bytes came", len(end.payload))
	}
	if took := time.Since(begun); took < stall {
		t.Errorf("all was read after %v, so this test shows nothing", took)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
