package ipc

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/ctwo-go/c2/internal/ring"
)

// The version of the wire protocol. Peers of another major version do not understand each other; of two minor
// versions the lower one holds.
const (
	wireMajor = 1
	wireMinor = 0
)

// magic begins every hello. Like PNG's it has a byte above 127 and a line end, so that what mangles text shows.
const magic = "\x89c2ipc\r\n"

// capability is a set of optional abilities. Those that both hellos name are in use.
type capability uint64

const (
	// capChunks: payloads may come in several frames. To a peer without it no payload goes that does not fit a frame.
	capChunks capability = 1 << 0
	// capMemory: payloads may be references to memory whose descriptor was passed before.
	capMemory capability = 1 << 1
)

// hello is what each side says first, the client before the server.
//
//	offset size
//	     0    8  magic: 89 63 32 69 70 63 0d 0a
//	     8    2  wire version, major
//	    10    2  wire version, minor
//	    12    4  length of the extensions that follow the hello, at most 4096
//	    16    8  capabilities
//	    24   16  instance: random, another one for each endpoint that is made
//	    40    8  largest payload accepted, attachments included
//	    48    4  largest frame body accepted
//	    52    4  most calls accepted at once; zero from a client, and from a server that refuses
//	             the connection, which says why in a goaway frame
//	    56    4  process id, for people to read
//	    60    4  zero
//
// An extension is a 2-byte type, a 2-byte length and as many bytes. One with the top bit of its type set must be
// understood; others may be skipped. There is one: rings, whose 4 bytes are the size of the ring in a half (see package
// ring); the half's descriptor comes with the hello's first byte, and behind a client's that of an alarm. A server has it in its
// hello only if the client had it in its own, and then all that follows the hellos goes through the rings.
type hello struct {
	major, minor uint16
	caps         capability
	instance     [16]byte
	maxPayload   uint64
	maxFrame     uint32
	maxCalls     uint32
	pid          uint32
	ring         uint32 // bytes of the ring, zero for none
}

const (
	helloSize       = 64
	maxExtensions   = 4096
	extensionNeeded = 0x8000
	extensionRings  = 1

	// minFrame is the smallest maxFrame that a peer may ask for: room for every fixed-size body and an error.
	minFrame = 1024
)

func appendHello(dst []byte, h hello) []byte {
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint16(dst, h.major)
	dst = binary.LittleEndian.AppendUint16(dst, h.minor)
	var extensions []byte
	if h.ring > 0 {
		extensions = binary.LittleEndian.AppendUint16(extensions, extensionRings)
		extensions = binary.LittleEndian.AppendUint16(extensions, 4)
		extensions = binary.LittleEndian.AppendUint32(extensions, h.ring)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(extensions)))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.caps))
	dst = append(dst, h.instance[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, h.maxPayload)
	dst = binary.LittleEndian.AppendUint32(dst, h.maxFrame)
	dst = binary.LittleEndian.AppendUint32(dst, h.maxCalls)
	dst = binary.LittleEndian.AppendUint32(dst, h.pid)
	dst = binary.LittleEndian.AppendUint32(dst, 0)
	return append(dst, extensions...)
}

// parseHello reads the first helloSize bytes of src, of which there must be as many, and tells how many bytes of
// extensions follow. Of another major version only the version is read: the rest may mean anything.
func parseHello(src []byte) (h hello, extensions int, err error) {
	_ = src[helloSize-1]
	if string(src[:8]) != magic {
		return h, 0, protocolErrorf("%q, which is no c2 hello", src[:8])
	}
	h.major = binary.LittleEndian.Uint16(src[8:])
	h.minor = binary.LittleEndian.Uint16(src[10:])
	if h.major != wireMajor {
		return h, 0, nil
	}
	ext := binary.LittleEndian.Uint32(src[12:])
	h.caps = capability(binary.LittleEndian.Uint64(src[16:]))
	copy(h.instance[:], src[24:])
	h.maxPayload = binary.LittleEndian.Uint64(src[40:])
	h.maxFrame = binary.LittleEndian.Uint32(src[48:])
	h.maxCalls = binary.LittleEndian.Uint32(src[52:])
	h.pid = binary.LittleEndian.Uint32(src[56:])
	switch {
	case ext > maxExtensions:
		return h, 0, protocolErrorf("a hello with %d bytes of extensions, at most %d are taken", ext, maxExtensions)
	case binary.LittleEndian.Uint32(src[60:]) != 0:
		return h, 0, protocolErrorf("a hello whose reserved bytes are set")
	case h.maxFrame < minFrame:
		return h, 0, protocolErrorf("a hello that takes frames of %d bytes only, at least %d are needed", h.maxFrame, minFrame)
	}
	return h, int(ext), nil
}

// parseExtensions reads what follows the fixed part of a hello.
func (h *hello) parseExtensions(src []byte) error {
	for len(src) > 0 {
		if len(src) < 4 {
			return protocolErrorf("a hello whose extensions are cut")
		}
		typ, n := binary.LittleEndian.Uint16(src), int(binary.LittleEndian.Uint16(src[2:]))
		if len(src) < 4+n {
			return protocolErrorf("a hello whose extensions are cut")
		}
		if typ&extensionNeeded != 0 {
			return protocolErrorf("a hello with extension %#x, which must be understood and is not", typ)
		}
		if body := src[4 : 4+n]; typ == extensionRings {
			if n != 4 || h.ring != 0 || !isRing(binary.LittleEndian.Uint32(body)) {
				return protocolErrorf("a hello whose rings are %x; a power of two from %d to %d is taken, once", body, ring.MinSize, maxRing)
			}
			h.ring = binary.LittleEndian.Uint32(body)
		}
		src = src[4+n:]
	}
	return nil
}

// readHello reads the peer's hello. A hello of another major version is returned together with an *Error.
func readHello(r io.Reader) (hello, error) {
	var fixed [helloSize]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return hello{}, fmt.Errorf("waiting for the peer's hello: %w", err)
	}
	h, n, err := parseHello(fixed[:])
	if err != nil {
		return h, err
	}
	if h.major != wireMajor {
		return h, errorf(CodeMismatch, "the peer speaks version %d of the wire protocol, this side version %d; "+
			"use releases of c2 with the same one", h.major, wireMajor)
	}
	ext := make([]byte, n)
	if _, err := io.ReadFull(r, ext); err != nil {
		return h, fmt.Errorf("reading the extensions of the peer's hello: %w", err)
	}
	return h, h.parseExtensions(ext)
}

func isRing(n uint32) bool { return n >= ring.MinSize && n <= maxRing && n&(n-1) == 0 }
