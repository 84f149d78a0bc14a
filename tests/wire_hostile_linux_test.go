package tests

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// What a peer that shares memory can do beyond frames that are wrong in themselves, and what a server can do to a client.

// testWireMemoryStrayDescriptors sends descriptors of which no frame speaks: a node must not pile them up.
func testWireMemoryStrayDescriptors(t *testing.T, greet wireGreet) {
	_, m, _ := labInMemory(t, greet)
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	before := openDescriptors(t)
	var fds []int
	for range 10 {
		fds = append(fds, int(file.Fd()))
	}
	for range 5 {
		m.sendWith(wireFrame{kind: wireCancel, call: 4711}, fds...)
	}
	m.expectBreach()
	await.True(t, "the node has closed them", func() bool { return openDescriptors(t) <= before })
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// testWireMemoryHalfBorrowed has a call that refers to memory, and to what is not there: the connection ends, and nothing
// stays mapped.
func testWireMemoryHalfBorrowed(t *testing.T, greet wireGreet) {
	node, _, lab := labInMemory(t, greet)
	leaktest.Check(t)
	m := greet.dial(t, node)
	block := m.share(8192).put(0, cborList())
	m.begin(lab.request(t, "Nothing").inBlock(block, wireReference{block.segment, 8192, 1}), 0)
	m.expectBreach()
}

// Keeper is the contract of a resource that keeps what it is given.
type Keeper interface {
	Keep(ctx context.Context, b []byte) error
	Forget(ctx context.Context) error
}

type keeper struct {
	mu   sync.Mutex
	kept []*c2.Held
}

func (k *keeper) Keep(ctx context.Context, _ []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept = append(k.kept, c2.KeepInput(ctx))
	return nil
}

func (k *keeper) Forget(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, held := range k.kept {
		held.Release()
	}
	k.kept = nil
	return nil
}

// testWireMemorySmallFrames gives many blocks back at once to a client that takes small frames only.
func testWireMemorySmallFrames(t *testing.T, greet wireGreet) {
	leaktest.Check(t)
	node := newNode(t)
	if err := c2.Register[Keeper]("keeper", &keeper{}, c2.On(node), c2.HoldInput("Keep")); err != nil {
		t.Fatal(err)
	}
	const maxFrame, blocks = 1024, 200
	m := greet(t, node.Address(), wireChunks|wireShared, maxFrame)
	k := m.resolve("keeper")
	s := m.share(blocks << 10)
	for i := range uint64(blocks) {
		r := k.request(t, "Keep").inBlock(s.put(i<<10, cborList(cborBytes(bytes.Repeat([]byte("c"), 500)))))
		if end := m.call(r); end.code != 0 {
			t.Fatalf("code %d", end.code)
		}
	}
	if len(m.lent) != blocks {
		t.Fatalf("%d blocks are kept, want %d", len(m.lent), blocks)
	}
	m.call(k.request(t, "Forget"))
	m.home()
	for _, f := range m.traffic {
		if len(f.body) > maxFrame {
			t.Errorf("a frame of kind %d with %d bytes, at most %d were agreed on", f.kind, len(f.body), maxFrame)
		}
	}
}

// TestWireMemoryHugeFile passes a file of which next to nothing is there, and has the node read it. What it reads counts
// against a bound of the node's own, not against what a peer says.
func TestWireMemoryHugeFile(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/node.sock"
	node := child.Start(t, "suite", address)
	m := greetMemory(t, address, wireChunks|wireShared, wireMaxFrame)
	lab := m.resolve("lab")
	fd, err := unix.MemfdCreate("wire", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const size = 1 << 40
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	m.pass(1, wireFileKind, size, fd)
	r := lab.request(t, "Nothing")
	r.refs = []wireReference{{1, 0, size}}
	m.begin(r, wireMaxFrame)
	if f := m.next(); f.kind != wireAnswer && f.kind != wireGoAway {
		t.Errorf("got a frame of kind %d", f.kind)
	}
	other := connectWire(t, address)
	other.greet(wireChunks, wireMaxFrame)
	other.results(other.resolve("lab").request(t, "Nothing"))
	node.Stop(t)
}

// TestWireMemoryManySegments holds so many results that with a segment for each there would be more than a peer takes: who
// has passed that many must send the next in another way.
func TestWireMemoryManySegments(t *testing.T) {
	leaktest.Check(t)
	server := newNode(t, c2.SharedMemory(c2.MemoryConfig{Inline: 1 << 10, Dedicated: 4 << 10}))
	if err := hostSuite(server); err != nil {
		t.Fatal(err)
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	lab, err := c2.Connect[Lab](ctx, "lab", c2.At(server.Address()), c2.On(newNode(t)))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if _, err := lab.Bytes(ctx, 4<<10); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
}

// TestWireMemoryAttachedAgain refers to the same megabyte as each of the attachments, and asks for 100 copies: that costs
// the client nothing, and the node no more than if there were one attachment.
func TestWireMemoryAttachedAgain(t *testing.T) {
	_, m, lab := labInMemory(t, greetMemory)
	const size = 1 << 20
	s := m.share(2 * size)
	var items [][]byte
	for i := range uint64(100) {
		items = append(items, attachedBytes(i, 0, size))
	}
	r := lab.request(t, "Any").inBlock(s.put(size, cborList(cborList(items...))), slices.Repeat([]wireReference{{s.id, 0, size}}, 255)...)
	if end := m.call(r); end.code != 10 {
		t.Errorf("code %d, want 10", end.code)
	}
	m.home()
}

// TestWireMemoryManyPins passes so many pieces of pinned memory that one connection can't have a segment for each: what is
// beyond goes as any other slice does.
func TestWireMemoryManyPins(t *testing.T) {
	leaktest.Check(t)
	server, client := newNode(t), newNode(t)
	if err := hostSuite(server); err != nil {
		t.Fatal(err)
	}
	lab, err := c2.Connect[Lab](t.Context(), "lab", c2.At(server.Address()), c2.On(client))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4200 {
		pin, err := c2.Pin[float64](64, c2.On(client))
		if err != nil {
			t.Fatal(err)
		}
		defer pin.Release()
		pin.Slice()[63] = float64(i)
		if sum, err := lab.Sum(t.Context(), pin.Slice()...); err != nil || sum != float64(i) {
			t.Fatalf("the sum of slice %d is %v, %v", i, sum, err)
		}
	}
}

// TestWireServerBreaches has a server send what must not be sent to a client that shares memory. Each ends the connection,
// and the call with it.
func TestWireServerBreaches(t *testing.T) {
	answer := func(flags byte, code uint16, total uint64, refs []wireReference, part ...byte) []byte {
		b := littleEndian.AppendUint16(nil, code)
		b = littleEndian.AppendUint16(b, uint16(len(refs)))
		b = littleEndian.AppendUint64(append(b, 0, 0, 0, 0), total)
		for _, r := range refs {
			b = r.append(b)
		}
		return wireFrame{wireAnswer, flags, 1, append(b, part...), false}.bytes()
	}
	nowhere := []wireReference{{1, 0, 2}}
	for what, frame := range map[string][]byte{
		"a block without a reference":    answer(wireBlock, 0, 2, nil, 0x81, 0x09),
		"a segment that is not there":    answer(wireBlock, 0, 2, nowhere),
		"an attachment that is not":      answer(0, 0, 2, nowhere, 0x81, 0x09),
		"a block and bytes":              answer(wireBlock, 0, 2, nowhere, 0x81, 0x09),
		"a block and more":               answer(wireBlock|wireMore, 0, 2, nowhere),
		"a failure by reference":         answer(wireBlock, 13, 2, nowhere),
		"a failure with an attachment":   answer(0, 13, 2, nowhere, 0, 0),
		"a chunk by reference":           append(answer(wireMore, 0, 2, nil, 0x81), wireFrame{wireChunk, wireBlock, 1, []byte{9}, false}.bytes()...),
		"too many references":            answer(0, 0, 2, make([]wireReference, 257), 0x81, 0x09),
		"a segment without a descriptor": wireFrame{kind: wireSegment, body: []byte{1, 0, 0, 0, 1, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0}}.bytes(),
		"the end of no segment":          wireFrame{kind: wireDrop, body: []byte{1, 0, 0, 0, 0, 0, 0, 0}}.bytes(),
		"a block that was not lent":      wireFrame{kind: wireFree, body: append([]byte{1}, make([]byte, 15)...)}.bytes(),
		"a refuse with bytes":            wireFrame{kind: wireRefuse, body: []byte{0}}.bytes(),
	} {
		for transport, accept := range map[string]func(*wireServer) *wireMemory{
			"socket": (*wireServer).acceptSocket,
			"rings":  (*wireServer).acceptRings,
		} {
			t.Run(what+"/"+transport, func(t *testing.T) {
				leaktest.Check(t)
				s := listenWire(t)
				end := wireCalls(t, s.address(), ipc.MemoryConfig{})(t.Context(), 1)
				m := accept(s)
				m.read(16 + 32 + 1)
				m.write(frame)
				var wire *ipc.Error
				if err := <-end; !errors.As(err, &wire) || wire.Code != ipc.CodeInternal || !strings.Contains(wire.Message, "peer sent") {
					t.Errorf("the call gives %v, want a breach", err)
				}
				m.untilEnd()
			})
		}
	}
}
