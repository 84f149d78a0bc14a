package ipc

import (
	"encoding/binary"
	"fmt"
)

// A frame is a 16-byte header and a body. All integers are little-endian.
//
//	offset size
//	     0    4  length of the body
//	     4    1  kind
//	     5    1  flags
//	     6    2  zero
//	     8    8  call id
type header struct {
	length uint32
	kind   kind
	flags  flags
	call   uint64
}

const headerSize = 16

type kind uint8

// The kinds of frame. Zero is none of them, so that zeroed memory is never a frame. A kind with kindOptional set
// may be skipped by who does not know it; any other unknown kind ends the connection.
const (
	kindCall     kind = 1 // client to server: a call begins
	kindAnswer   kind = 2 // server to client: its one end
	kindChunk    kind = 3 // more of the payload of a call or an answer
	kindCancel   kind = 4 // client to server: the answer is no longer wanted
	kindGoAway   kind = 5 // no more calls on this connection, and why
	kindSegment  kind = 6 // memory that the receiver may map; its descriptor comes along
	kindDrop     kind = 7 // no block of that segment will be named again
	kindFree     kind = 8 // blocks that the receiver lent are done with
	kindRefuse   kind = 9 // segments can't be mapped: send payloads in frames
	kindOptional kind = 0x80
)

type flags uint8

const (
	flagMore  flags = 1 << 0 // the payload goes on in chunk frames
	flagAbort flags = 1 << 1 // of a chunk: the rest of the payload will not come
	flagRan   flags = 1 << 2 // of a failed answer: the resource may have run the call all the same
	flagBlock flags = 1 << 3 // the payload is the first reference
	flagLate  flags = 1 << 4 // of a cancel: the call's time is over

	knownFlags = flagMore | flagAbort | flagRan | flagBlock | flagLate
)

// fixed is the size of the part of the frame's body that is neither references nor payload.
func (h header) fixed() int {
	switch h.kind {
	case kindCall:
		return callPrefixSize
	case kindAnswer:
		return answerPrefixSize
	case kindGoAway, kindSegment, kindDrop, kindFree, kindRefuse:
		return int(h.length)
	}
	return 0
}

// references is the size of the references that follow the fixed part.
func (h header) references(fixed []byte) int {
	switch h.kind {
	case kindCall:
		return referenceSize * int(binary.LittleEndian.Uint16(fixed[28:]))
	case kindAnswer:
		return referenceSize * int(binary.LittleEndian.Uint16(fixed[2:]))
	}
	return 0
}

func appendHeader(dst []byte, h header) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = append(dst, byte(h.kind), byte(h.flags), 0, 0)
	return binary.LittleEndian.AppendUint64(dst, h.call)
}

// parseHeader reads a header from the first headerSize bytes of src, of which there must be as many. The body may be
// no longer than limit.
func parseHeader(src []byte, limit uint32) (header, error) {
	_ = src[headerSize-1]
	h := header{
		length: binary.LittleEndian.Uint32(src),
		kind:   kind(src[4]),
		flags:  flags(src[5]),
		call:   binary.LittleEndian.Uint64(src[8:]),
	}
	switch {
	case h.length > limit:
		return h, protocolErrorf("a frame of %d bytes, at most %d are taken", h.length, limit)
	case h.kind == 0:
		return h, protocolErrorf("a frame of kind 0")
	case h.kind&kindOptional != 0:
		return h, nil
	case h.kind > kindRefuse:
		return h, protocolErrorf("a frame of unknown kind %d", h.kind)
	case h.flags&^knownFlags != 0 || src[6] != 0 || src[7] != 0:
		return h, protocolErrorf("reserved bits are set in a frame of kind %d", h.kind)
	case h.flags&flagAbort != 0 && (h.kind != kindChunk || h.flags&flagMore != 0 || h.length != 0):
		return h, protocolErrorf("a frame of kind %d with an abort flag that has no meaning there", h.kind)
	case h.flags&flagRan != 0 && h.kind != kindAnswer:
		return h, protocolErrorf("a frame of kind %d with a flag that only answers have", h.kind)
	case h.flags&flagLate != 0 && h.kind != kindCancel:
		return h, protocolErrorf("a frame of kind %d with a flag that only cancels have", h.kind)
	case h.flags&flagMore != 0 && (h.kind == kindCancel || h.kind >= kindGoAway):
		return h, protocolErrorf("a frame of kind %d that says more will follow", h.kind)
	case h.flags&flagBlock != 0 && (h.kind != kindCall && h.kind != kindAnswer || h.flags&flagMore != 0):
		return h, protocolErrorf("a frame of kind %d with a block flag that has no meaning there", h.kind)
	case !h.fits():
		return h, protocolErrorf("a frame of kind %d with %d bytes", h.kind, h.length)
	}
	return h, nil
}

// fits tells whether the body may be as long as it is.
func (h header) fits() bool {
	switch h.kind {
	case kindCancel, kindRefuse:
		return h.length == 0
	case kindGoAway:
		return h.length <= maxGoAway
	case kindSegment:
		return h.length == segmentSize
	case kindDrop:
		return h.length == dropSize
	case kindFree:
		return h.length > 0 && h.length <= maxFree*freeSize && h.length%freeSize == 0
	}
	return true
}

// callPrefix begins the body of a call frame; the first part of the payload follows it.
//
//	offset size
//	     0    8  resource id
//	     8    8  timeout in nanoseconds, zero for none
//	    16    8  length of the whole payload
//	    24    4  method
//	    28    2  number of references, which follow
//	    30    2  zero
type callPrefix struct {
	resource uint64
	timeout  uint64
	total    uint64
	method   uint32
	refs     uint16
}

const callPrefixSize = 32

func appendCallPrefix(dst []byte, p callPrefix) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, p.resource)
	dst = binary.LittleEndian.AppendUint64(dst, p.timeout)
	dst = binary.LittleEndian.AppendUint64(dst, p.total)
	return binary.LittleEndian.AppendUint64(dst, uint64(p.method)|uint64(p.refs)<<32)
}

func parseCallPrefix(src []byte) (callPrefix, error) {
	_ = src[callPrefixSize-1]
	p := callPrefix{
		resource: binary.LittleEndian.Uint64(src),
		timeout:  binary.LittleEndian.Uint64(src[8:]),
		total:    binary.LittleEndian.Uint64(src[16:]),
		method:   binary.LittleEndian.Uint32(src[24:]),
		refs:     binary.LittleEndian.Uint16(src[28:]),
	}
	if binary.LittleEndian.Uint16(src[30:]) != 0 {
		return p, protocolErrorf("reserved bytes of a call are set")
	}
	return p, nil
}

// answerPrefix begins the body of an answer frame; the first part of the payload follows it.
//
//	offset size
//	     0    2  code
//	     2    2  number of references, which follow
//	     4    4  zero
//	     8    8  length of the whole payload
type answerPrefix struct {
	code  Code
	refs  uint16
	total uint64
}

const answerPrefixSize = 16

func appendAnswerPrefix(dst []byte, p answerPrefix) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.code)|uint64(p.refs)<<16)
	return binary.LittleEndian.AppendUint64(dst, p.total)
}

func parseAnswerPrefix(src []byte) (answerPrefix, error) {
	_ = src[answerPrefixSize-1]
	p := answerPrefix{
		code:  Code(binary.LittleEndian.Uint16(src)),
		refs:  binary.LittleEndian.Uint16(src[2:]),
		total: binary.LittleEndian.Uint64(src[8:]),
	}
	if binary.LittleEndian.Uint32(src[4:]) != 0 {
		return p, protocolErrorf("reserved bytes of an answer are set")
	}
	return p, nil
}

// checkPart tells whether a frame may carry part bytes of a payload of which got have come before: the last frame
// must complete it, and no other may.
func checkPart(h header, part, got, total uint64) error {
	left := total - got // got never exceeds total
	switch {
	case h.flags&flagMore == 0 && part != left:
		return protocolErrorf("a payload of %d bytes ends after %d", total, got+part)
	case h.flags&flagMore != 0 && part >= left:
		return protocolErrorf("a payload of %d bytes goes on after %d", total, got+part)
	}
	return nil
}

// maxGoAway bounds the body of a goaway frame, the message in it to two bytes less: any peer takes as much.
const maxGoAway = minFrame

// appendGoAway appends a whole goaway frame. Its body is a 2-byte code and a message.
func appendGoAway(dst []byte, e *Error) []byte {
	msg := cutMessage(e.Message, maxGoAway-2)
	dst = appendHeader(dst, header{length: uint32(2 + len(msg)), kind: kindGoAway})
	dst = binary.LittleEndian.AppendUint16(dst, uint16(e.Code))
	return append(dst, msg...)
}

func parseGoAway(body []byte) (*Error, error) {
	if len(body) < 2 {
		return nil, protocolErrorf("a goaway frame of %d bytes", len(body))
	}
	return &Error{Code: Code(binary.LittleEndian.Uint16(body)), Message: string(body[2:])}, nil
}

// protocolError tells that the peer broke the protocol. The connection can't go on.
type protocolError struct{ msg string }

func (e *protocolError) Error() string { return "peer sent " + e.msg }

func protocolErrorf(format string, args ...any) error {
	return &protocolError{msg: fmt.Sprintf(format, args...)}
}
