package ipc_test

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// What follows builds frames from docs/wire.md alone, as a client in another language would.

var le = binary.LittleEndian

const (
	kCall, kAnswer, kChunk, kCancel, kGoAway = 1, 2, 3, 4, 5
	fMore, fAbort                            = 1, 2
)

// rawHello is a client's; a server's takes calls.
func rawHello(major uint16) []byte {
	b := []byte("\x89c2ipc\r\n")
	b = le.AppendUint16(b, major)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, 0)            // extensions
	b = le.AppendUint64(b, 1)            // capabilities: chunks
	b = append(b, "0123456789abcdef"...) // instance
	b = le.AppendUint64(b, 1<<40)        // largest payload
	b = le.AppendUint32(b, 256<<10)      // largest frame body
	b = le.AppendUint32(b, 0)            // calls taken
	b = le.AppendUint32(b, 4711)         // pid
	return le.AppendUint32(b, 0)
}

func rawFrame(kind, flags byte, id uint64, body []byte) []byte {
	b := le.AppendUint32(nil, uint32(len(body)))
	b = append(b, kind, flags, 0, 0)
	b = le.AppendUint64(b, id)
	return append(b, body...)
}

func rawCall(id uint64, flags byte, method uint32, total uint64, part []byte) []byte {
	b := le.AppendUint64(nil, 0)  // resource
	b = le.AppendUint64(b, 0)     // timeout
	b = le.AppendUint64(b, total) // whole payload
	b = le.AppendUint32(b, method)
	b = le.AppendUint32(b, 0)
	return rawFrame(kCall, flags, id, append(b, part...))
}

// rawAnswer is what a server under test is seen to send.
type rawAnswer struct {
	kind, flags byte
	id          uint64
	body        []byte
}

func (a rawAnswer) code() uint16 { return le.Uint16(a.body) }

func readFrame(c io.Reader) (rawAnswer, error) {
	head := make([]byte, 16)
	if _, err := io.ReadFull(c, head); err != nil {
		return rawAnswer{}, err
	}
	a := rawAnswer{kind: head[4], flags: head[5], id: le.Uint64(head[8:]), body: make([]byte, le.Uint32(head))}
	_, err := io.ReadFull(c, a.body)
	return a, err
}

// readHello reads a client's hello, and what extends it.
func readHello(c io.Reader) {
	hello := make([]byte, 64)
	if _, err := io.ReadFull(c, hello); err == nil {
		io.CopyN(io.Discard, c, int64(le.Uint32(hello[12:])))
	}
}

// greeted connects and shakes hands.
func (f *fixture) greeted() net.Conn {
	f.Helper()
	c := f.raw()
	mustWrite(f, c, rawHello(1))
	hello := make([]byte, 64)
	if _, err := io.ReadFull(c, hello); err != nil {
		f.Fatal(err)
	}
	if string(hello[:8]) != "\x89c2ipc\r\n" || le.Uint16(hello[8:]) != 1 {
		f.Fatalf("the server's hello is %x", hello)
	}
	return c
}

func mustWrite(t testing.TB, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t testing.TB, c net.Conn) rawAnswer {
	t.Helper()
	a, err := readFrame(c)
	if err != nil {
		t.Fatalf("waiting for a frame: %v", err)
	}
	return a
}
