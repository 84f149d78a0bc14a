package tests

import (
	"errors"
	"io"
	"math"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// testWireMemoryBreaches sends what must not be sent. Each ends the connection, and nothing else.
func testWireMemoryBreaches(t *testing.T, greet wireGreet) {
	node, _, lab := labInMemory(t, greet)
	const size = 8192
	none := lab.request(t, "Nothing")
	for what, breach := range map[string]func(t *testing.T, m *wireMemory){
		"a block without a reference": func(t *testing.T, m *wireMemory) {
			m.send(wireCall, wireBlock, 1, append(none.prefix(), none.args...))
		},
		"a block and bytes": func(t *testing.T, m *wireMemory) {
			r := none.inBlock(m.share(size).put(0, none.args))
			m.send(wireCall, wireBlock, 1, append(r.prefix(), 0))
		},
		"a block of another length": func(t *testing.T, m *wireMemory) {
			b := none.inBlock(m.share(size).put(0, none.args)).prefix()
			b[16]++
			m.send(wireCall, wireBlock, 1, b)
		},
		"a block and more": func(t *testing.T, m *wireMemory) {
			m.send(wireCall, wireBlock|wireMore, 1, none.inBlock(m.share(size).put(0, none.args)).prefix())
		},
		"a chunk by reference": func(t *testing.T, m *wireMemory) {
			id, _ := m.begin(lab.request(m, "Any", cborText("in two")), 3)
			m.send(wireChunk, wireBlock, id, nil)
		},
		"a segment that is not there": func(t *testing.T, m *wireMemory) {
			m.begin(none.inBlock(wireReference{9, 0, 1}), 0)
		},
		"bytes that are not there": func(t *testing.T, m *wireMemory) {
			m.begin(none.inBlock(wireReference{m.share(size).id, size - 1, 2}), 0)
		},
		"an overflow": func(t *testing.T, m *wireMemory) {
			m.begin(none.inBlock(wireReference{m.share(size).id, 4096, math.MaxUint64 - 4095}), 0)
		},
		"no bytes": func(t *testing.T, m *wireMemory) {
			m.begin(none.inBlock(wireReference{m.share(size).id, 0, 0}), 0)
		},
		"too many references": func(t *testing.T, m *wireMemory) {
			r := none
			for block := m.share(size).put(0, none.args); len(r.refs) < 257; {
				r.refs = append(r.refs, block)
			}
			m.begin(r, wireMaxFrame)
		},
		"more references than there is room": func(t *testing.T, m *wireMemory) {
			b := none.prefix()
			b[28] = 2
			m.send(wireCall, 0, 1, append(b, make([]byte, wireReferenceSize)...))
		},
		"a dropped segment": func(t *testing.T, m *wireMemory) {
			s := m.share(size)
			m.drop(s.id)
			m.begin(none.inBlock(s.put(0, none.args)), 0)
		},
		"the end of no segment": func(t *testing.T, m *wireMemory) { m.drop(5) },
		"a segment twice": func(t *testing.T, m *wireMemory) {
			m.share(size)
			m.lastOwn--
			m.share(size)
		},
		"segment 0": func(t *testing.T, m *wireMemory) {
			m.lastOwn--
			m.share(size)
		},
		"a segment without a descriptor": func(t *testing.T, m *wireMemory) {
			body := littleEndian.AppendUint64(nil, 1|wireMemoryKind<<32)
			m.send(wireSegment, 0, 0, littleEndian.AppendUint64(body, size))
		},
		"a segment of no kind": func(t *testing.T, m *wireMemory) {
			fd, _ := memfd(t, size, wireSeals)
			defer unix.Close(fd)
			m.pass(1, 3, size, fd)
		},
		"another size": func(t *testing.T, m *wireMemory) {
			fd, _ := memfd(t, size, wireSeals)
			defer unix.Close(fd)
			m.pass(1, wireMemoryKind, 2*size, fd)
		},
		"more than can be mapped": func(t *testing.T, m *wireMemory) {
			fd, _ := memfd(t, size, wireSeals)
			defer unix.Close(fd)
			m.pass(1, wireMemoryKind, 1<<41, fd)
		},
		"memory that can shrink": func(t *testing.T, m *wireMemory) {
			fd, _ := memfd(t, size, wireSeals&^unix.F_SEAL_SHRINK)
			defer unix.Close(fd)
			m.pass(1, wireMemoryKind, size, fd)
		},
		"memory that others can write to": func(t *testing.T, m *wireMemory) {
			fd, _ := memfd(t, size, wireSeals&^unix.F_SEAL_FUTURE_WRITE)
			defer unix.Close(fd)
			m.pass(1, wireMemoryKind, size, fd)
		},
		"memory that is not there": func(t *testing.T, m *wireMemory) {
			fd, err := unix.MemfdCreate("wire", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if err := unix.Ftruncate(fd, size); err != nil {
				t.Fatal(err)
			}
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, wireSeals); err != nil {
				t.Fatal(err)
			}
			m.pass(1, wireMemoryKind, size, fd)
		},
		"a file as memory": func(t *testing.T, m *wireMemory) {
			file, err := os.CreateTemp(t.TempDir(), "")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := file.Truncate(size); err != nil {
				t.Fatal(err)
			}
			m.pass(1, wireMemoryKind, size, int(file.Fd()))
		},
		"a device as a file": func(t *testing.T, m *wireMemory) {
			file, err := os.Open("/dev/zero")
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			m.pass(1, wireFileKind, size, int(file.Fd()))
		},
		"a block that was not lent": func(t *testing.T, m *wireMemory) { m.giveBack(wireReference{segment: 1}) },
		"a block twice": func(t *testing.T, m *wireMemory) {
			end := m.call(lab.request(m, "Bytes", cborHead(0, 1<<20)))
			m.giveBack(end.refs[0], end.refs[0])
		},
		"another offset": func(t *testing.T, m *wireMemory) {
			end := m.call(lab.request(m, "Bytes", cborHead(0, 1<<20)))
			end.refs[0].offset += 64
			m.giveBack(end.refs[0])
		},
		"an empty free":   func(t *testing.T, m *wireMemory) { m.send(wireFree, 0, 0, nil) },
		"half a free":     func(t *testing.T, m *wireMemory) { m.send(wireFree, 0, 0, make([]byte, 24)) },
		"too many frees":  func(t *testing.T, m *wireMemory) { m.send(wireFree, 0, 0, make([]byte, 1025*16)) },
		"a long refuse":   func(t *testing.T, m *wireMemory) { m.send(wireRefuse, 0, 0, []byte{1}) },
		"a segment, more": func(t *testing.T, m *wireMemory) { m.send(wireSegment, wireMore, 0, make([]byte, 16)) },
	} {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			m := greet.dial(t, node)
			breach(t, m)
			m.expectBreach()
		})
	}
	for kind, size := range map[byte]int{wireSegment: 16, wireDrop: 8, wireFree: 16, wireRefuse: 0} {
		c := dialWire(t, node)
		c.send(kind, 0, 0, make([]byte, size))
		c.expectBreach()
	}
	c := dialWire(t, node)
	c.begin(none.inBlock(wireReference{1, 0, 1}), 0)
	c.expectBreach()
}

// expectBreach reads until the node has said that the protocol was broken, and has closed.
func (c *wireClient) expectBreach() {
	c.Helper()
	for f := (wireFrame{}); f.kind != wireGoAway; {
		f = c.next()
		c.goAway = f.body
	}
	if code := littleEndian.Uint16(c.goAway); code != 10 {
		c.Errorf("the goaway has code %d, %q, want 10", code, c.goAway[2:])
	}
	if n, err := c.in.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		c.Errorf("after the goaway: %d bytes, %v", n, err)
	}
}
