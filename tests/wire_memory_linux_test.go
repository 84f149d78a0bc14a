package tests

import (
	"errors"
	"io"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// A client that shares memory, as docs/wire.md has it. It knows sockets, bytes and system calls only.

const (
	wireMemoryKind, wireFileKind = 1, 2 // of segments

	// wireSeals are those that shared memory must have.
	wireSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL | unix.F_SEAL_FUTURE_WRITE

	tagAttachment = 0x63320002
	tagFloat64    = 86
)

// wireMemory is one connection. It is used by one goroutine.
type wireMemory struct {
	*wireClient
	came       []int                      // descriptors, oldest first, whose frames have not been read
	theirs     map[uint32]*wireSegmentMem // what the node has passed
	lastOwn    uint32
	refused    bool
	rings      *wireRings // nil if frames go over the socket
	alarm      int        // a descriptor, zero if there is none
	extensions []byte     // of the node's hello
}

// wireSegmentMem is a segment that is mapped.
type wireSegmentMem struct {
	id   uint32
	kind byte
	mem  []byte
	fd   int // of a file of the node's, which is read rather than touched
}

// wireGreet connects to an address and shakes hands.
type wireGreet func(t testing.TB, address string, capabilities uint64, maxFrame uint32) *wireMemory

func (greet wireGreet) dial(t testing.TB, node *c2.Node) *wireMemory {
	t.Helper()
	return greet(t, node.Address(), wireChunks|wireShared, wireMaxFrame)
}

// greetMemory is a wireGreet. All that it does not share goes over the socket.
func greetMemory(t testing.TB, address string, capabilities uint64, maxFrame uint32) *wireMemory {
	t.Helper()
	m := connectMemory(t, address)
	m.greet(capabilities, maxFrame)
	m.checkCapabilities()
	return m
}

func connectMemory(t testing.TB, address string) *wireMemory {
	t.Helper()
	m := &wireMemory{wireClient: connectWire(t, address), theirs: make(map[uint32]*wireSegmentMem)}
	t.Cleanup(m.unmap)
	m.wireClient.in, m.take, m.borrow = m, m.onFrame, m.bytes
	return m
}

func (m *wireMemory) checkCapabilities() {
	m.Helper()
	if caps := littleEndian.Uint64(m.hellos[1][16:]); caps&wireShared == 0 {
		m.Fatalf("the server has capabilities %#x", caps)
	}
}

func (m *wireMemory) unmap() {
	for _, s := range m.theirs {
		m.forget(s)
	}
	for _, fd := range m.came {
		unix.Close(fd)
	}
}

func (m *wireMemory) forget(s *wireSegmentMem) {
	if delete(m.theirs, s.id); s.kind == wireFileKind {
		unix.Close(s.fd)
		return
	}
	if err := unix.Munmap(s.mem); err != nil {
		m.Errorf("munmap: %v", err)
	}
}

// Read implements [io.Reader] for the socket, and takes in what descriptors come along.
func (m *wireMemory) Read(p []byte) (int, error) {
	space := make([]byte, unix.CmsgSpace(4*4))
	n, used, flags, _, err := m.conn.ReadMsgUnix(p, space)
	if err != nil {
		return n, err
	}
	if flags&unix.MSG_CTRUNC != 0 {
		return n, errors.New("descriptors were lost")
	}
	messages, err := unix.ParseSocketControlMessage(space[:used])
	if err != nil {
		return n, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return n, err
		}
		m.came = append(m.came, fds...)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// onFrame takes frames of shared memory.
func (m *wireMemory) onFrame(f wireFrame) {
	m.Helper()
	if f.call != 0 || f.flags != 0 {
		m.Fatalf("a frame of kind %d with call %d and flags %d", f.kind, f.call, f.flags)
	}
	switch b := f.body; f.kind {
	case wireSegment:
		m.onSegment(littleEndian.Uint32(b), b[4], littleEndian.Uint64(b[8:]))
	case wireDrop:
		s := m.theirs[littleEndian.Uint32(b)]
		if s == nil {
			m.Fatalf("the end of an unknown segment: %x", b)
		}
		m.forget(s)
	case wireFree:
		for ; len(b) > 0; b = b[16:] {
			m.onFree(wirePlace{littleEndian.Uint32(b), littleEndian.Uint64(b[8:])})
		}
	case wireRefuse:
		m.refused = true
	default:
		m.Fatalf("a frame of kind %d", f.kind)
	}
}

// onSegment checks and maps a segment of the node's.
func (m *wireMemory) onSegment(id uint32, kind byte, size uint64) {
	m.Helper()
	fd := m.descriptor()
	if id == 0 || m.theirs[id] != nil {
		m.Fatalf("segment %d, which is none or there already", id)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		m.Fatal(err)
	}
	if uint64(stat.Size) != size || stat.Mode&unix.S_IFMT != unix.S_IFREG {
		m.Fatalf("segment %d has mode %o and %d bytes, %d were announced", id, stat.Mode, stat.Size, size)
	}
	s := &wireSegmentMem{id: id, kind: kind, fd: fd}
	m.theirs[id] = s
	if kind == wireFileKind {
		return
	}
	s.mem = m.mapMemory(fd, size)
}

// descriptor is the oldest that no frame has spoken of yet.
func (m *wireMemory) descriptor() int {
	m.Helper()
	for len(m.came) == 0 {
		if m.rings == nil {
			m.Fatal("a frame without a descriptor")
		}
		if err := m.rings.wait(); err != nil { // it is in the socket
			m.Fatalf("a frame without a descriptor: %v", err)
		}
	}
	fd := m.came[0]
	m.came = m.came[1:]
	return fd
}

// mapMemory checks and maps memory of the node's, and closes its descriptor.
func (m *wireMemory) mapMemory(fd int, size uint64) []byte {
	m.Helper()
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		m.Fatal(err)
	}
	if seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0); err != nil || seals&wireSeals != wireSeals {
		m.Errorf("memory with the seals %#x, %v", seals, err)
	}
	if uint64(stat.Size) != size || uint64(stat.Blocks)*512 < size {
		m.Errorf("memory of %d bytes, of which %d are there; %d were announced", stat.Size, stat.Blocks*512, size)
	}
	mem, err := unix.Mmap(fd, 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		m.Fatal(err)
	}
	return mem
}

func (m *wireMemory) onFree(at wirePlace) {
	m.Helper()
	if m.lent[at] == 0 {
		m.Fatalf("block %+v came back, which the node does not have", at)
	}
	if m.lent[at]--; m.lent[at] == 0 {
		delete(m.lent, at)
	}
}

// bytes is what a reference of the node's leads to.
func (m *wireMemory) bytes(r wireReference) []byte {
	m.Helper()
	s := m.theirs[r.segment]
	if s == nil || r.length == 0 {
		m.Fatalf("a reference to nothing: %+v", r)
	}
	if s.kind == wireFileKind {
		b := make([]byte, r.length)
		if _, err := unix.Pread(s.fd, b, int64(r.offset)); err != nil {
			m.Fatal(err)
		}
		return b
	}
	return s.mem[r.offset:][:r.length]
}

// giveBack tells the node that blocks of its are done with.
func (m *wireMemory) giveBack(refs ...wireReference) {
	m.Helper()
	var body []byte
	for _, r := range refs {
		body = littleEndian.AppendUint32(body, r.segment)
		body = littleEndian.AppendUint32(body, 0)
		body = littleEndian.AppendUint64(body, r.offset)
	}
	m.send(wireFree, 0, 0, body)
}

// home reads frames until the node has given back all that it was lent.
func (m *wireMemory) home() {
	m.Helper()
	for len(m.lent) > 0 {
		m.next()
	}
}

// share makes memory that the node can read, and tells it. The client's own mapping goes with the test.
func (m *wireMemory) share(size int) *wireSegmentMem {
	m.Helper()
	fd, mem := memfd(m, size, wireSeals)
	defer unix.Close(fd)
	m.lastOwn++
	m.pass(m.lastOwn, wireMemoryKind, uint64(size), fd)
	return &wireSegmentMem{id: m.lastOwn, mem: mem}
}

// pass sends a segment frame, and the descriptor with it.
func (m *wireMemory) pass(id uint32, kind byte, size uint64, fd int) {
	m.Helper()
	body := littleEndian.AppendUint32(nil, id)
	body = append(body, kind, 0, 0, 0)
	m.sendWith(wireFrame{kind: wireSegment, body: littleEndian.AppendUint64(body, size)}, fd)
}

// sendWith sends a frame with descriptors: its first byte brings them, or, where frames go through rings, a wake byte before it.
func (m *wireMemory) sendWith(f wireFrame, fds ...int) {
	m.Helper()
	f.mine = true
	m.traffic = append(m.traffic, f)
	if m.rings == nil {
		m.writeWith(f.bytes(), fds...)
		return
	}
	m.writeWith([]byte{0}, fds...)
	m.write(f.bytes())
}

// writeWith writes to the socket, with descriptors.
func (m *wireMemory) writeWith(b []byte, fds ...int) {
	m.Helper()
	if n, _, err := m.conn.WriteMsgUnix(b, unix.UnixRights(fds...), nil); err != nil || n != len(b) {
		m.Fatalf("%d of %d bytes were sent with descriptors: %v", n, len(b), err)
	}
}

func (m *wireMemory) drop(id uint32) {
	m.Helper()
	m.send(wireDrop, 0, 0, littleEndian.AppendUint64(nil, uint64(id)))
}

// memfd makes memory with the given seals, all of it allocated.
func memfd(t testing.TB, size, seals int) (fd int, mem []byte) {
	t.Helper()
	fd, err := unix.MemfdCreate("wire", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Fallocate(fd, 0, 0, int64(size)); err != nil {
		t.Fatal(err)
	}
	if mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
	return fd, mem
}

// put copies b into a segment, and gives the reference to it.
func (s *wireSegmentMem) put(offset uint64, b []byte) wireReference {
	return wireReference{s.id, offset, uint64(copy(s.mem[offset:], b))}
}

// inBlock is the request with its arguments, and attachments, by reference.
func (r wireRequest) inBlock(args wireReference, attached ...wireReference) wireRequest {
	r.args, r.block, r.refs = nil, true, append([]wireReference{args}, attached...)
	return r
}

// attachedBytes stands for a byte string that is a piece of an attachment.
func attachedBytes(index, offset, length uint64) []byte {
	return cborTagged(tagAttachment, cborList(cborUint(index), cborUint(offset), cborUint(length)))
}

func floats(xs ...float64) (b []byte) {
	for _, x := range xs {
		b = littleEndian.AppendUint64(b, math.Float64bits(x))
	}
	return b
}

// labInMemory is a node that hosts the suite, and a client of it that shares memory.
func labInMemory(t *testing.T, greet wireGreet, opts ...c2.NodeOption) (*c2.Node, *wireMemory, wireResource) {
	t.Helper()
	leaktest.Check(t)
	node := newNode(t, opts...)
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	m := greet.dial(t, node)
	return node, m, m.resolve("lab")
}
