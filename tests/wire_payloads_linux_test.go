package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestWireMemory holds the page to what nodes do with memory, over each transport.
func TestWireMemory(t *testing.T) {
	for transport, greet := range map[string]wireGreet{"socket": greetMemory, "rings": greetRings} {
		for what, test := range map[string]func(*testing.T, wireGreet){
			"answer":            testWireMemoryAnswer,
			"outlives node":     testWireMemoryOutlivesNode,
			"argument":          testWireMemoryArgument,
			"file":              testWireMemoryFile,
			"comes home":        testWireMemoryComesHome,
			"chunks":            testWireMemoryChunks,
			"attachments":       testWireMemoryAttachments,
			"attached results":  testWireMemoryAttachedResults,
			"refuse":            testWireMemoryRefuse,
			"busy":              testWireMemoryBusy,
			"breaches":          testWireMemoryBreaches,
			"stray descriptors": testWireMemoryStrayDescriptors,
			"half borrowed":     testWireMemoryHalfBorrowed,
			"small frames":      testWireMemorySmallFrames,
		} {
			t.Run(what+"/"+transport, func(t *testing.T) { test(t, greet) })
		}
	}
}

// testWireMemoryAnswer reads large answers where they lie, and gives them back.
func testWireMemoryAnswer(t *testing.T, greet wireGreet) {
	node, m, lab := labInMemory(t, greet)
	const size = 1 << 20
	for range 3 {
		end := m.call(lab.request(t, "Bytes", cborHead(0, size)))
		if end.code != 0 || !end.block || len(end.refs) != 1 || end.refs[0].offset%64 != 0 {
			t.Fatalf("the answer has code %d, by reference: %v, %+v", end.code, end.block, end.refs)
		}
		if out := parseCBOR(t, end.payload).([]any); !bytes.Equal(out[0].([]byte), make([]byte, size)) {
			t.Error("other bytes came")
		}
		if lent := node.MemoryStats().Lent; lent != 2*size {
			t.Errorf("the node has %d bytes lent, want a block of %d", lent, 2*size)
		}
		m.giveBack(end.refs...)
		await.True(t, "the block is home", func() bool { return node.MemoryStats().LentBlocks == 0 })
	}
	if end := m.call(lab.request(t, "Nothing")); end.block || len(end.refs) > 0 {
		t.Error("a small answer came by reference")
	}
}

// testWireMemoryOutlivesNode reads an answer when the node is gone.
func testWireMemoryOutlivesNode(t *testing.T, greet wireGreet) {
	node, m, lab := labInMemory(t, greet)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	end := m.call(lab.request(t, "Any").inBlock(m.share(2<<20).put(0, cborList(cborBytes(data)))))
	if err := node.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !end.block {
		t.Error("the answer came in frames")
	}
	end.echoes(t, data)
}

// testWireMemoryArgument sends large arguments in a memfd, and gets its blocks back.
func testWireMemoryArgument(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	s := m.share(2 << 20)
	r := lab.request(t, "Any").inBlock(s.put(64<<10, cborList(cborBytes(data))))
	m.call(r).echoes(t, data)
	m.home()
	// The block may be used again, and be lent several times at once.
	var ids []uint64
	for range 3 {
		id, _ := m.begin(r, 0)
		ids = append(ids, id)
	}
	for _, id := range ids {
		m.await(id).echoes(t, data)
	}
	m.home()
	m.drop(s.id)
	m.results(lab.request(t, "Nothing"))
}

// echoes fails t if the answer is not a list of data alone.
func (e *wireEnd) echoes(t *testing.T, data []byte) {
	t.Helper()
	if e.code != 0 {
		t.Fatalf("code %d", e.code)
	}
	if out := parseCBOR(t, e.payload).([]any); len(out) != 1 || !bytes.Equal(out[0].([]byte), data) {
		t.Error("other bytes came back")
	}
}

// testWireMemoryFile sends large arguments in a file, and gets a file back where the node has too little memory.
func testWireMemoryFile(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet, c2.SharedMemory(c2.MemoryConfig{ConnBytes: 1 << 20, Dedicated: 64 << 10, SpillDir: t.TempDir()}))
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const size = 4 << 20
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17)
	args := cborList(cborBytes(data))
	if _, err := file.WriteAt(args, 4096); err != nil {
		t.Fatal(err)
	}
	m.pass(7, wireFileKind, size, int(file.Fd()))
	end := m.call(lab.request(t, "Any").inBlock(wireReference{7, 4096, uint64(len(args))}))
	end.echoes(t, data)
	if !end.block || m.theirs[end.refs[0].segment].kind != wireFileKind {
		t.Error("the answer came in no file")
	}
	m.home()
}

// testWireMemoryComesHome lends blocks to calls that fail in every way.
func testWireMemoryComesHome(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet, c2.MaxPayload(1<<20))
	s := m.share(2 << 20)
	none := s.put(0, cborList())
	text := s.put(4096, cborList(cborText("6"), cborUint(7)))
	piece := wireReference{s.id, 8192, 4096}
	for what, tt := range map[string]struct {
		r    wireRequest
		code uint16
	}{
		"no such resource": {wireRequest{resource: 4711}.inBlock(none), 14},
		"no such method":   {wireRequest{resource: lab.id, method: 999}.inBlock(none, piece, piece), 1},
		"wrong arguments":  {lab.request(t, "Plain").inBlock(text), 10},
		"garbage":          {lab.request(t, "Plain").inBlock(piece, none), 10},
		"an error":         {lab.request(t, "Panic").inBlock(none, piece), 8},
		"too large":        {lab.request(t, "Any").inBlock(wireReference{s.id, 0, 1<<20 + 1}, none), 6},
		"a result":         {lab.request(t, "Nothing").inBlock(none), 0},
	} {
		if end := m.call(tt.r); end.code != tt.code || len(end.refs) > 0 {
			t.Errorf("%s: code %d with %d references, want %d with none", what, end.code, len(end.refs), tt.code)
		}
		m.home()
	}

	id, _ := m.begin(lab.request(t, "Block").inBlock(none, piece), 0)
	m.waiting(lab, 1)
	m.send(wireCancel, 0, id, nil)
	if m.await(id); m.ended[id].code == 0 {
		t.Error("a cancelled call that never returns was answered with a result")
	}
	m.home()

	half := lab.request(t, "Any", cborBytes(make([]byte, 1000)))
	half.refs = []wireReference{piece, piece, none}
	id, _ = m.begin(half, 100)
	m.send(wireCancel, 0, id, nil)
	m.await(id)
	m.home()
	id, _ = m.begin(half, 100)
	m.send(wireChunk, wireAbort, id, nil)
	m.home()
}

// testWireMemoryChunks attaches memory to a payload that comes in pieces.
func testWireMemoryChunks(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet)
	s := m.share(1 << 20)
	r := lab.request(t, "Sum", cborTagged(tagFloat64, attachedBytes(0, 8, 24)))
	r.refs = []wireReference{s.put(4096, floats(1, 2, 3, 4, 5))}
	id, left := m.begin(r, 3)
	m.send(wireChunk, 0, id, left)
	if end := m.await(id); end.code != 0 || !bytes.Equal(end.payload[2:], binary.BigEndian.AppendUint64(nil, math.Float64bits(9))) {
		t.Errorf("Sum(2, 3, 4): code %d, %x", end.code, end.payload)
	}
	m.home()
}

// testWireMemoryAttachments refers to byte strings and numbers beside the arguments.
func testWireMemoryAttachments(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet)
	s := m.share(1 << 20)
	refs := []wireReference{s.put(0, []byte("0123456789")), s.put(4096, floats(1, 2, 3, 4, 5))}
	item := cborList(
		attachedBytes(0, 2, 3),
		cborTagged(tagFloat64, attachedBytes(1, 16, 16)),
		attachedBytes(0, 10, 0),
	)
	want := cborList(
		cborBytes([]byte("234")),
		cborTagged(tagFloat64, cborBytes(floats(3, 4))),
		cborBytes(nil),
	)
	inFrame := lab.request(t, "Any", item)
	inFrame.refs = refs
	inBlock := lab.request(t, "Any").inBlock(s.put(8192, cborList(item)), refs...)
	for what, r := range map[string]wireRequest{"in the frame": inFrame, "in a block": inBlock} {
		end := m.call(r)
		if end.code != 0 || !bytes.Equal(end.payload, cborList(want)) {
			t.Errorf("%s: code %d, %x", what, end.code, end.payload)
		}
		m.home()
	}
	for what, item := range map[string][]byte{
		"no such attachment": attachedBytes(2, 0, 1),
		"beyond its end":     attachedBytes(0, 8, 3),
		"an overflow":        attachedBytes(0, 8, math.MaxUint64),
		"two numbers":        cborTagged(tagAttachment, cborList(cborUint(0), cborUint(1))),
		"text":               cborTagged(tagAttachment, cborText("0")),
	} {
		r := lab.request(t, "Any", item)
		r.refs = refs
		if end := m.call(r); end.code != 10 {
			t.Errorf("%s: code %d, want 10", what, end.code)
		}
		m.home()
	}
}

// Gallery is the contract of a resource that lends what it has.
type Gallery interface {
	// Ramp returns 0, 1, 2, … in a list of pieces.
	Ramp(ctx context.Context, n int) ([]float64, [][]byte, error)
}

type gallery struct{}

func (gallery) Ramp(ctx context.Context, n int) ([]float64, [][]byte, error) {
	xs, b := c2.Alloc[float64](ctx, n), c2.Alloc[byte](ctx, n)
	for i := range xs {
		xs[i], b[i] = float64(i), byte(i)
	}
	return xs, [][]byte{b[:n/2], b[n/2:]}, nil
}

// testWireMemoryAttachedResults reads results that the answer only refers to.
func testWireMemoryAttachedResults(t *testing.T, greet wireGreet) {
	leaktest.Check(t)
	node := newNode(t)
	if err := c2.Register[Gallery]("gallery", gallery{}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	m := greet.dial(t, node)
	const n = 64 << 10
	end := m.call(m.resolve("gallery").request(t, "Ramp", cborHead(0, n)))
	if end.code != 0 || end.block || len(end.attachments) != 2 {
		t.Fatalf("code %d, by reference: %v, %d attachments", end.code, end.block, len(end.attachments))
	}
	content := func(item any) []byte {
		tag := item.(cborTag)
		at := tag.content.([]any)
		if tag.number != tagAttachment {
			t.Fatalf("tag %#x", tag.number)
		}
		return end.attachments[at[0].(uint64)][at[1].(uint64):][:at[2].(uint64)]
	}
	out := parseCBOR(t, end.payload).([]any)
	for i, xs := 0, content(out[0].(cborTag).content); i < n; i++ {
		if x := math.Float64frombits(littleEndian.Uint64(xs[8*i:])); x != float64(i) {
			t.Fatalf("number %d is %v", i, x)
		}
	}
	halves := out[1].([]any)
	if b := append(bytes.Clone(content(halves[0])), content(halves[1])...); len(b) != n || b[255] != 255 || b[n-1] != (n-1)&255 {
		t.Errorf("other bytes came: %d", len(b))
	}
	m.giveBack(end.refs...)
	await.True(t, "the loans are home", func() bool { return node.MemoryStats().LentBlocks == 0 })
}

// testWireMemoryRefuse tells the node that its memory can't be mapped.
func testWireMemoryRefuse(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet)
	m.send(wireRefuse, 0, 0, nil)
	end := m.call(lab.request(t, "Bytes", cborHead(0, 1<<20)))
	if end.code != 0 || end.block || len(end.refs) > 0 || len(m.theirs) > 0 {
		t.Errorf("code %d, by reference: %v; segments: %d", end.code, end.block, len(m.theirs))
	}
	// The other direction goes on.
	s := m.share(4096)
	if end := m.call(lab.request(t, "Nothing").inBlock(s.put(0, cborList()))); end.code != 0 {
		t.Errorf("code %d", end.code)
	}
	m.home()
}

// testWireMemoryBusy keeps what the node has, until it has no more.
func testWireMemoryBusy(t *testing.T, greet wireGreet) {
	_, m, lab := labInMemory(t, greet, c2.SharedMemory(c2.MemoryConfig{ConnBytes: 1 << 20, SpillBytes: -1, Wait: time.Millisecond}))
	half := lab.request(t, "Bytes", cborHead(0, 400<<10))
	first, second := m.call(half), m.call(half)
	third := m.call(half)
	if first.code != 0 || second.code != 0 || third.code != 3 || !third.ran || len(third.refs) > 0 {
		t.Errorf("codes %d, %d, %d (ran: %v), want 0, 0, 3 (ran)", first.code, second.code, third.code, third.ran)
	}
	m.giveBack(first.refs...)
	if end := m.call(half); end.code != 0 || !end.block {
		t.Errorf("when a block is home again: code %d", end.code)
	}
}

// wireStore is the resource of the page's second example.
type wireStore struct{}

func (wireStore) Get(_ context.Context, n int) ([]byte, error) {
	return bytes.Repeat([]byte{7}, n), nil
}
func (wireStore) Put(_ context.Context, b []byte) (int, error) { return len(b), nil }

// TestWireMemoryExample has the page's second example once more, and compares.
func TestWireMemoryExample(t *testing.T) {
	type Store interface {
		Get(ctx context.Context, n int) ([]byte, error)
		Put(ctx context.Context, b []byte) (int, error)
	}
	leaktest.Check(t)
	node := newNode(t)
	if err := c2.Register[Store]("store", wireStore{}, c2.On(node)); err != nil {
		t.Fatal(err)
	}
	m := wireGreet(greetMemory).dial(t, node)
	store := m.resolve("store")
	described := len(m.traffic)
	end := m.call(store.request(t, "Get", cborHead(0, 16<<10)))
	end.echoes(t, bytes.Repeat([]byte{7}, 16<<10))
	result := bytes.Clone(end.payload[:16])
	m.giveBack(end.refs...)
	args := cborList(cborBytes(bytes.Repeat([]byte{8}, 16<<10)))
	if end = m.call(store.request(t, "Put").inBlock(m.share(64<<10).put(4<<10, args))); end.code != 0 {
		t.Fatalf("code %d", end.code)
	}

	var b strings.Builder
	for i, f := range withFixedID(m.traffic[described:], store.id) {
		if i > 0 {
			b.WriteString("\n")
		}
		if m.writeFrame(&b, f); f.flags&wireBlock != 0 {
			begins := result
			if f.mine {
				begins = args[:16]
			}
			fmt.Fprintf(&b, "  @ %x…\n", begins)
		}
	}
	comparePage(t, "```conversation-memory\n", b.String())
}
