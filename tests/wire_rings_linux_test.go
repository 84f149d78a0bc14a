package tests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// A client whose frames go through rings, as docs/wire.md has it. It knows sockets, bytes, system calls and words only.

const (
	wireState, wireHead, wireWant, wireRing = 0, 128, 256, 4096 // offsets in a half

	wireRingSize = 16 << 10 // of the client's ring; the node's has another
)

var _ = addWireTransport("rings", func(t testing.TB, node *c2.Node) *wireClient {
	t.Helper()
	m := greetRings(t, node.Address(), wireChunks, wireMaxFrame)
	m.take, m.borrow = nil, nil
	return m.wireClient
})

func addWireTransport(name string, dial wireDial) bool {
	wireTransports[name] = dial
	return true
}

// wireRings is the two rings of a connection. It is used by one goroutine, which reads the socket when it waits.
type wireRings struct {
	own, peer []byte // halves
	conn      *net.UnixConn
	alarm     int       // a descriptor
	socket    io.Reader // takes in descriptors, too
	urges     bool      // as clients do
	polls     bool      // instead of sleeping

	in, out     uint64 // positions of the next records
	taken       uint64 // how much of the record at in has been read
	looked      uint64 // in when the peer's want was looked at last
	rung, asked uint64 // the state, and the want, for which the peer was woken last
	urged       uint64 // one more than the head for which it was urged last
	sleeps      bool
}

// greetRings is a wireGreet.
func greetRings(t testing.TB, address string, capabilities uint64, maxFrame uint32) *wireMemory {
	t.Helper()
	m := connectMemory(t, address)
	m.greetRings(capabilities, maxFrame, wireRingSize)
	return m
}

// greetRings shakes hands, with a ring of n bytes.
func (m *wireMemory) greetRings(capabilities uint64, maxFrame uint32, n int) {
	m.Helper()
	own := m.offer(wireHello(capabilities, maxFrame, ringsExtension(uint32(n))...), n)
	m.checkCapabilities()
	m.useRings(own, m.answeredHalf())
	m.rings.urges = true
}

func ringsExtension(n uint32) []byte {
	return littleEndian.AppendUint32([]byte{1, 0, 4, 0}, n)
}

// offer sends a hello with a half and an alarm, and reads the answer.
func (m *wireMemory) offer(hello []byte, n int) (own []byte) {
	m.Helper()
	fd, own := memfd(m, wireHalfSize(n), wireSeals)
	defer unix.Close(fd)
	theirs := m.newAlarm()
	defer unix.Close(theirs)
	m.writeWith(hello, fd, theirs)
	m.extensions = m.welcome(hello)
	return own
}

// newAlarm makes a pair of sockets, keeps one end, and gives the other, which is to be closed once it was sent.
func (m *wireMemory) newAlarm() int {
	m.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		m.Fatal(err)
	}
	m.alarm = ends[0]
	m.Cleanup(m.hangUp)
	return ends[1]
}

// hangUp ends the connection.
func (m *wireMemory) hangUp() {
	m.conn.Close()
	if m.alarm > 0 {
		unix.Close(m.alarm)
		m.alarm = 0
	}
}

// answeredHalf is the one that came with the node's hello.
func (m *wireMemory) answeredHalf() []byte {
	m.Helper()
	if e := m.extensions; len(e) != 8 || string(e[:4]) != "\x01\x00\x04\x00" {
		m.Fatalf("the server's hello has the extensions %x", e)
	}
	n := littleEndian.Uint32(m.extensions[4:])
	mem := m.mapMemory(m.descriptor(), uint64(wireHalfSize(int(n))))
	m.Cleanup(func() { unix.Munmap(mem) })
	return mem[:wireRing+n]
}

// wireHalfSize is how many bytes a half takes whose ring has n.
func wireHalfSize(n int) int {
	page := os.Getpagesize()
	return (wireRing + n + page - 1) / page * page
}

func (m *wireMemory) useRings(own, peer []byte) {
	m.rings = &wireRings{own: own, peer: peer, conn: m.conn, alarm: m.alarm, socket: m}
	m.in, m.out = m.rings, m.rings
}

func padded(n uint64) uint64 { return (n + 7) &^ 7 }

// size is how many bytes a half's ring has.
func (r *wireRings) size(half []byte) uint64 { return uint64(len(half) - wireRing) }

// word is the one at a position of a half's ring.
func (r *wireRings) word(half []byte, at uint64) uint64 { return wireRing + at%r.size(half) }

// Write implements [io.Writer].
func (r *wireRings) Write(b []byte) (n int, err error) {
	for n < len(b) {
		k, err := r.put(b[n:])
		if err != nil {
			return n, err
		}
		if n += k; k == 0 {
			if err := r.awaitRoom(); err != nil {
				return n, err
			}
		} else if err := r.tell(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// put writes a record, and gives how much of b it carries: nothing if there is no room.
func (r *wireRings) put(b []byte) (n int, err error) {
	size, head := r.size(r.own), wireWord(r.peer, wireHead).Load()
	if head > r.out || r.out-head > size || head%8 != 0 {
		return 0, fmt.Errorf("the peer has read up to %d of %d bytes", head, r.out)
	}
	room := size - (r.out - head)
	if room <= 16 {
		return 0, nil
	}
	length := min(uint64(len(b)), room-16, size/4)
	ring := r.own[wireRing:]
	k := copy(ring[(r.out+8)%size:], b[:length])
	copy(ring, b[k:length])
	next := r.out + 8 + padded(length)
	wireWord(r.own, r.word(r.own, next)).Store(0)
	wireWord(r.own, r.word(r.own, r.out)).Store(length)
	r.out = next
	return int(length), nil
}

// tell wakes a reader that sleeps or dozes.
func (r *wireRings) tell() error {
	state := wireWord(r.peer, wireState).Load()
	switch {
	case state%2 == 1 && state != r.rung:
		if r.rung = state; state%4 == wireDozes {
			return r.ring()
		}
		return r.wake()
	case r.sleeps:
		return r.urge()
	}
	return nil
}

// urge sounds the alarm if the peer has not read all, and does not sleep.
func (r *wireRings) urge() error {
	state, head := wireWord(r.peer, wireState).Load(), wireWord(r.peer, wireHead).Load()
	if !r.urges || state%2 == 1 || head == r.out || head+1 == r.urged {
		return nil
	}
	r.urged = head + 1
	return r.ring()
}

// ring sounds the alarm.
func (r *wireRings) ring() error {
	if err := unix.Send(r.alarm, []byte{'!'}, unix.MSG_DONTWAIT); err != unix.EAGAIN {
		return err
	}
	return nil
}

// wake does not wait: if the socket is full, there is something in it that will wake the peer.
func (r *wireRings) wake() error {
	raw, err := r.conn.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { _, failed = unix.Write(int(fd), []byte{'!'}) })
	if errors.Is(failed, unix.EAGAIN) {
		failed = nil
	}
	return errors.Join(err, failed)
}

// change adds one to a word of the own half's.
func (r *wireRings) change(offset uint64) { wireWord(r.own, offset).Add(1) }

// nap changes the own state.
func (r *wireRings) nap(how uint64) {
	state := wireWord(r.own, wireState)
	state.Store(state.Load()&^3 + 4 + how)
}

const wireAwake, wireAsleep, wireDozes = 0, 1, 3

func (r *wireRings) awaitRoom() error {
	if r.polls {
		runtime.Gosched()
		return nil
	}
	r.change(wireWant)
	defer r.change(wireWant)
	if head := wireWord(r.peer, wireHead).Load(); r.size(r.own)-(r.out-head) > 16 {
		return nil
	}
	return r.wait()
}

// wait reads what there is on the socket, at least a byte, and takes in the descriptors that come along.
func (r *wireRings) wait() error {
	var bytes [16]byte
	_, err := r.socket.Read(bytes[:])
	return err
}

// Read implements [io.Reader].
func (r *wireRings) Read(p []byte) (int, error) {
	for {
		n, err := r.get(p)
		if n > 0 || err != nil {
			return n, err
		}
		if err := r.sleep(); err != nil && !r.ready() {
			return 0, ended(err)
		}
	}
}

// ended is io.EOF if that is what the error of a socket means. A peer that has gone leaves wake bytes unread.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) {
		return io.EOF
	}
	return err
}

func (r *wireRings) ready() bool { return wireWord(r.peer, r.word(r.peer, r.in)).Load() != 0 }

// get reads from a record, nothing if there is none.
func (r *wireRings) get(p []byte) (n int, err error) {
	size := r.size(r.peer)
	length := wireWord(r.peer, r.word(r.peer, r.in)).Load()
	if length > size/4 {
		return 0, fmt.Errorf("a record of %d bytes in a ring of %d", length, size)
	}
	if length == 0 {
		return 0, r.giveRoom()
	}
	ring, from := r.peer[wireRing:], (r.in+8+r.taken)%size
	p = p[:min(uint64(len(p)), length-r.taken)]
	k := copy(p, ring[from:])
	copy(p[k:], ring)
	if r.taken += uint64(len(p)); r.taken == length {
		r.in, r.taken = r.in+8+padded(length), 0
		wireWord(r.own, wireHead).Store(r.in)
		if r.in-r.looked >= size/4 {
			err = r.giveRoom()
		}
	}
	return len(p), err
}

// giveRoom wakes a writer that waits for what has been read.
func (r *wireRings) giveRoom() error {
	r.looked = r.in
	if want := wireWord(r.peer, wireWant).Load(); want%2 == 1 && want != r.asked {
		r.asked = want
		return r.wake()
	}
	return nil
}

// sleep waits for something to read.
func (r *wireRings) sleep() error {
	if r.polls {
		runtime.Gosched()
		return nil
	}
	r.nap(wireAsleep)
	defer r.nap(wireAwake)
	if r.ready() {
		return nil
	}
	r.sleeps = true
	defer func() { r.sleeps = false }()
	if err := r.urge(); err != nil {
		return err
	}
	return r.wait()
}

// TestWireRingSizes has rings of each size, and sends more than goes into most of them, so that records go round and both
// sides wait for room.
func TestWireRingSizes(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t, c2.SharedMemory(c2.MemoryConfig{Inline: 1 << 20}))
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	for n := 4 << 10; n <= 4<<20; n *= 2 {
		m := connectMemory(t, node.Address())
		m.greetRings(wireChunks, wireMaxFrame, n)
		lab := m.resolve("lab")
		for size := 1; size < 200_000; size = 3*size + 1 {
			data := bytes.Repeat([]byte{byte(size)}, size)
			m.call(lab.request(t, "Any", cborBytes(data))).echoes(t, data)
		}
		if at := wireWord(m.rings.peer, wireHead).Load(); at != m.rings.out {
			t.Errorf("a ring of %d bytes: the node's head is %d, and %d bytes were written", n, at, m.rings.out)
		}
		m.hangUp()
	}
}

// TestWireRingsDeclined offers rings to a node that wants no shared memory: it answers over the socket.
func TestWireRingsDeclined(t *testing.T) {
	leaktest.Check(t)
	node := newNode(t, c2.SharedMemory(c2.MemoryConfig{Off: true}))
	if err := hostSuite(node); err != nil {
		t.Fatal(err)
	}
	m := connectMemory(t, node.Address())
	m.offer(wireHello(wireChunks|wireShared, wireMaxFrame, ringsExtension(wireRingSize)...), wireRingSize)
	if len(m.extensions) > 0 || len(m.came) > 0 {
		t.Fatalf("the server's hello has the extensions %x and %d descriptors", m.extensions, len(m.came))
	}
	m.results(m.resolve("lab").request(t, "Nothing"))
}
