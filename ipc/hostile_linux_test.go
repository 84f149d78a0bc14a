package ipc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// rawPeer is a client of which every byte is the test's.
type rawPeer struct {
	*testing.T
	conn   *net.UnixConn
	reader *frameReader
	socket *socket
}

func dialRaw(t *testing.T, path string) *rawPeer {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	return greetRaw(t, c, 0)
}

// greetRaw shakes hands, as a client or as a server that takes so many calls at once.
func greetRaw(t *testing.T, c *net.UnixConn, maxCalls uint32) *rawPeer {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	s, err := newSocket(c, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.closeFiles)
	p := &rawPeer{T: t, conn: c, socket: s, reader: newFrameReader(s)}
	p.send(appendHello(nil, hello{major: 1, caps: capChunks | capMemory, maxPayload: 1 << 40, maxFrame: frameSize, maxCalls: maxCalls}))
	if _, err := readHello(p.reader); err != nil {
		t.Fatal(err)
	}
	return p
}

// tooLarge expects an answer with that code.
func (p *rawPeer) tooLarge(body []byte) {
	p.Helper()
	answer, err := parseAnswerPrefix(body[:answerPrefixSize])
	if err != nil || answer.code != CodeTooLarge {
		p.Fatalf("answered %+v, %v", answer, err)
	}
}

func (p *rawPeer) send(b []byte) {
	p.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.Fatal(err)
	}
}

// pass sends a segment frame with these descriptors.
func (p *rawPeer) pass(info segmentInfo, fds ...int) {
	p.Helper()
	if _, _, err := p.conn.WriteMsgUnix(appendSegment(nil, info), unix.UnixRights(fds...), nil); err != nil {
		p.Fatal(err)
	}
}

// segment passes a good segment of a page.
func (p *rawPeer) segment(id uint32) {
	p.Helper()
	s, err := buddy.Create(int64(os.Getpagesize()))
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { s.Close() })
	p.pass(segmentInfo{id: id, what: segmentMemory, size: uint64(s.Size())}, int(s.File().Fd()))
}

// call sends a call whose payload is the first of the references.
func (p *rawPeer) call(id uint64, total uint64, refs ...reference) {
	p.Helper()
	p.send(callByBlock(id, total, refs...))
}

func callByBlock(id uint64, total uint64, refs ...reference) []byte {
	b := appendHeader(nil, header{length: uint32(callPrefixSize + len(refs)*referenceSize), kind: kindCall, flags: flagBlock, call: id})
	b = appendCallPrefix(b, callPrefix{total: total, refs: uint16(len(refs))})
	for _, r := range refs {
		b = appendReference(b, r)
	}
	return b
}

// next reads a frame.
func (p *rawPeer) next() (header, []byte) {
	p.Helper()
	h, fixed, err := p.reader.header()
	if err != nil {
		p.Fatal(err)
	}
	fixed = bytes.Clone(fixed)
	rest := newPayload(p.reader.rest)
	p.reader.keep(rest, uint64(p.reader.rest))
	if err := p.reader.part(); err != nil {
		p.Fatal(err)
	}
	return h, append(fixed, rest.Bytes()...)
}

// refused expects the connection to end with a reason that has want in it.
func (p *rawPeer) refused(want string) {
	p.Helper()
	for {
		h, body := p.next()
		if h.kind != kindGoAway {
			continue
		}
		e, err := parseGoAway(body)
		if err != nil || e.Code != CodeInvalid || !strings.Contains(e.Message, want) {
			p.Errorf("the connection ended with %v (%v), want %q", e, err, want)
		}
		break
	}
	if _, _, err := p.reader.header(); !errors.Is(err, io.EOF) {
		p.Errorf("after its goodbye the server said more, or did not close: %v", err)
	}
	p.conn.Close()
}

// sizeHandler answers with as many bytes as the arguments have.
type sizeHandler struct{}

func (sizeHandler) ServeCall(_ context.Context, call *Call) (*Payload, error) {
	args := call.Take()
	defer args.Release()
	return call.Encode(Bytes(bytes.Repeat([]byte{1}, len(args.Bytes()))))
}

// TestHostileMemory has clients break each rule of shared memory. The server ends their connections, says why, serves
// others, and has nothing left of them.
func TestHostileMemory(t *testing.T) {
	page := uint64(os.Getpagesize())
	memfd := func(p *rawPeer, size int64, flags int, seal int) int {
		fd, err := unix.MemfdCreate("hostile", flags)
		if err != nil {
			p.Fatal(err)
		}
		p.Cleanup(func() { unix.Close(fd) })
		if err := unix.Ftruncate(fd, size); err != nil {
			p.Fatal(err)
		}
		if seal != 0 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seal); err != nil {
				p.Fatal(err)
			}
		}
		return fd
	}
	of := func(segment uint32, offset, length uint64) reference { return reference{segment, offset, length} }
	for _, test := range []struct {
		name, want string
		do         func(*rawPeer)
	}{
		{"a reference to no segment", "there is none of", func(p *rawPeer) { p.call(1, 10, of(7, 0, 10)) }},
		{"a reference past the end", "not within", func(p *rawPeer) { p.segment(1); p.call(1, 2, of(1, page-1, 2)) }},
		{"a reference from past the end", "not within", func(p *rawPeer) { p.segment(1); p.call(1, 1, of(1, page+1, 1)) }},
		{"a length that overflows", "not within", func(p *rawPeer) { p.segment(1); p.call(1, math.MaxUint64, of(1, 8, math.MaxUint64)) }},
		{"an offset that overflows", "not within", func(p *rawPeer) { p.segment(1); p.call(1, 16, of(1, math.MaxUint64-7, 16)) }},
		{"a length of zero", "reference to 0 bytes", func(p *rawPeer) { p.segment(1); p.call(1, 0, of(1, 0, 0)) }},
		{"another length than announced", "by a reference to 20", func(p *rawPeer) { p.segment(1); p.call(1, 10, of(1, 0, 20)) }},
		{"a block, and no reference", "with 0 references", func(p *rawPeer) { p.call(1, 10) }},
		{"an attachment that is nowhere", "there is none of", func(p *rawPeer) { p.segment(1); p.call(1, 10, of(1, 0, 10), of(2, 0, 10)) }},
		{"too many references", "at most 256", func(p *rawPeer) {
			p.segment(1)
			refs := make([]reference, maxRefs+1)
			for i := range refs {
				refs[i] = of(1, 0, 10)
			}
			p.call(1, 10, refs...)
		}},
		{"more references than there is frame for", "fixed and references", func(p *rawPeer) {
			b := appendHeader(nil, header{length: callPrefixSize, kind: kindCall, call: 1})
			p.send(appendCallPrefix(b, callPrefix{refs: 9}))
		}},
		{"a dropped segment", "there is none of", func(p *rawPeer) {
			p.segment(1)
			p.send(appendDrop(nil, 1))
			p.call(1, 10, of(1, 0, 10))
		}},
		{"a drop of nothing", "there is none of", func(p *rawPeer) { p.send(appendDrop(nil, 3)) }},
		{"a segment twice", "twice", func(p *rawPeer) { p.segment(1); p.segment(1) }},
		{"a segment without a descriptor", "without a descriptor", func(p *rawPeer) {
			p.send(appendSegment(nil, segmentInfo{id: 1, what: segmentMemory, size: page}))
		}},
		{"too many descriptors", "descriptors", func(p *rawPeer) {
			fd := memfd(p, int64(page), 0, 0)
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: page}, fd, fd, fd, fd, fd)
		}},
		{"memory without seals", "can't be used", func(p *rawPeer) {
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: page}, memfd(p, int64(page), unix.MFD_ALLOW_SEALING, 0))
		}},
		{"memory that may be cut", "can't be used", func(p *rawPeer) {
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: page}, memfd(p, int64(page), unix.MFD_ALLOW_SEALING, unix.F_SEAL_GROW|unix.F_SEAL_FUTURE_WRITE))
		}},
		{"memory of another size", "can't be used", func(p *rawPeer) {
			s, err := buddy.Create(int64(page))
			if err != nil {
				p.Fatal(err)
			}
			defer s.Close()
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: 2 * page}, int(s.File().Fd()))
		}},
		{"a descriptor of something else", "can't be used", func(p *rawPeer) {
			r, w, err := os.Pipe()
			if err != nil {
				p.Fatal(err)
			}
			defer r.Close()
			defer w.Close()
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: page}, int(r.Fd()))
		}},
		{"more than may be mapped", "are taken", func(p *rawPeer) {
			p.pass(segmentInfo{id: 1, what: segmentMemory, size: maxMapped + 1}, memfd(p, 0, 0, 0))
		}},
		{"a segment of no kind", "of kind 9", func(p *rawPeer) { p.send(appendSegment(nil, segmentInfo{id: 1, what: 9, size: page})) }},
		{"segment zero", "segment 0", func(p *rawPeer) { p.send(appendSegment(nil, segmentInfo{what: segmentMemory, size: page})) }},
		{"a block that was never lent", "does not have", func(p *rawPeer) { p.send(appendFrees(1, 0)) }},
		{"a block twice", "does not have", func(p *rawPeer) {
			p.send(largeCall(1))
			ref := p.answerByBlock()
			p.send(appendFrees(ref.segment, ref.offset))
			p.send(appendFrees(ref.segment, ref.offset))
		}},
		{"a part of a block", "does not have", func(p *rawPeer) {
			p.send(largeCall(1))
			ref := p.answerByBlock()
			p.send(appendFrees(ref.segment, ref.offset+64))
		}},
		{"a block flag that has no meaning", "block flag", func(p *rawPeer) {
			p.send(appendHeader(nil, header{kind: kindChunk, flags: flagBlock, call: 1}))
		}},
		{"a free frame of half a block", "with 8 bytes", func(p *rawPeer) {
			p.send(append(appendHeader(nil, header{length: 8, kind: kindFree}), make([]byte, 8)...))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			leaktest.Check(t)
			memory := NewMemory(MemoryConfig{})
			s, err := Listen(Scheme+t.TempDir()+"/s.sock", sizeHandler{}, Config{Memory: memory, ConnLost: func(error) {}})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			p := dialRaw(t, s.socket.path)
			test.do(p)
			p.refused(test.want)
			c := NewClient(s.Address(), Config{})
			defer c.Close()
			answer, err := c.Call(t.Context(), Request{Args: Bytes(make([]byte, 100<<10))})
			if err != nil {
				t.Fatalf("another client: %v", err)
			}
			answer.Release()
			c.Close()
			await.True(t, "the server keeps no memory of connections that have ended", func() bool { return memory.Stats().Connections == 0 })
		})
	}
}

func appendFrees(segment uint32, offset uint64) []byte {
	return appendFree(appendHeader(nil, header{length: freeSize, kind: kindFree}), segment, offset)
}

// largeCall is a call whose answer does not fit into a frame, as sizeHandler has it.
func largeCall(id uint64) []byte {
	const n = 20 << 10
	b := appendHeader(nil, header{length: callPrefixSize + n, kind: kindCall, call: id})
	return append(appendCallPrefix(b, callPrefix{total: n}), make([]byte, n)...)
}

// answerByBlock reads up to an answer that is a reference, and returns that.
func (p *rawPeer) answerByBlock() reference {
	p.Helper()
	for {
		h, body := p.next()
		if h.kind != kindAnswer {
			continue
		}
		refs, err := parseReferences(nil, body[answerPrefixSize:])
		if err != nil || h.flags&flagBlock == 0 || len(refs) != 1 {
			p.Fatalf("an answer %+v with references %v (%v)", h, refs, err)
		}
		return refs[0]
	}
}

// TestTooMuchAttached has peers attach more than is taken in a payload, which goes home all the same: a call is
// refused, and an answer ends the connection.
func TestTooMuchAttached(t *testing.T) {
	page := uint64(os.Getpagesize())
	config := Config{MaxPayload: int64(page), ConnLost: func(error) {}}
	t.Run("call", func(t *testing.T) {
		leaktest.Check(t)
		s, err := Listen(Scheme+t.TempDir()+"/s.sock", sizeHandler{}, config)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		p := dialRaw(t, s.socket.path)
		defer p.conn.Close()
		p.segment(1)
		p.call(1, 8, reference{1, 0, 8}, reference{1, 64, page / 2}, reference{1, 64, page / 2})
		answered, home := false, 0
		for !answered || home < 3 {
			switch h, body := p.next(); h.kind {
			case kindAnswer:
				p.tooLarge(body)
				answered = true
			case kindFree:
				home += len(body) / freeSize
			}
		}
		p.call(2, 8, reference{1, 0, 8}, reference{1, 64, page - 8 - 64})
		p.answers(2, CodeOK)
	})
	t.Run("answer", func(t *testing.T) {
		leaktest.Check(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/s.sock", Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := NewClient(Scheme+l.Addr().String(), config)
		defer c.Close()
		ended := make(chan error, 1)
		go func() {
			_, err := c.Call(context.Background(), Request{Args: Bytes(nil)})
			ended <- err
		}()
		conn, err := l.AcceptUnix()
		if err != nil {
			t.Fatal(err)
		}
		p := greetRaw(t, conn, 1)
		defer p.conn.Close()
		p.segment(1)
		answer := appendHeader(nil, header{length: uint32(answerPrefixSize + referenceSize + 1), kind: kindAnswer, call: 1})
		answer = appendAnswerPrefix(answer, answerPrefix{refs: 1, total: 1})
		p.send(append(appendReference(answer, reference{1, 0, page}), 0))
		if err := <-ended; err == nil || asError(err).Code != CodeInternal || !strings.Contains(err.Error(), "attachments included") {
			t.Errorf("the call ended with %v", err)
		}
	})
}

// answers reads up to the answer to a call, which is to have this code.
func (p *rawPeer) answers(id uint64, code Code) {
	p.Helper()
	for {
		h, body := p.next()
		if h.kind != kindAnswer {
			continue
		}
		if answer, err := parseAnswerPrefix(body[:answerPrefixSize]); err != nil || h.call != id || answer.code != code {
			p.Fatalf("call %d is answered %+v (%v), want call %d with code %v", h.call, answer, err, id, code)
		}
		return
	}
}

// keeper keeps the arguments of each call.
type keeper chan *Payload

func (k keeper) ServeCall(_ context.Context, call *Call) (*Payload, error) {
	k <- call.Take()
	return call.Encode(Bytes(nil))
}

// TestCopiesOfFilesAreBounded has a client send payloads in a file, which costs it nothing: the server copies them, but
// no more than MaxPayload at a time.
func TestCopiesOfFilesAreBounded(t *testing.T) {
	leaktest.Check(t)
	const most, n = 1 << 20, 600 << 10
	kept := make(keeper, 2)
	s, err := Listen(Scheme+t.TempDir()+"/s.sock", kept, Config{MaxPayload: most, ConnLost: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := dialRaw(t, s.socket.path)
	defer p.conn.Close()
	fd, err := unix.MemfdCreate("file", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, most); err != nil {
		t.Fatal(err)
	}
	p.pass(segmentInfo{id: 1, what: segmentFile, size: most}, fd)
	inFile := reference{1, 0, n}
	p.call(1, n, inFile)
	p.answers(1, CodeOK)
	p.call(2, n, inFile)
	p.answers(2, CodeBusy)
	p.call(3, most-n, reference{1, 0, most - n})
	p.answers(3, CodeOK)
	(<-kept).Release()
	(<-kept).Release()
	p.call(4, n, inFile)
	p.answers(4, CodeOK)
	(<-kept).Release()
}

// TestRefusal has a client say that it can't map anything: it gets answers in frames from then on.
func TestRefusal(t *testing.T) {
	s, err := Listen(Scheme+t.TempDir()+"/s.sock", sizeHandler{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := dialRaw(t, s.socket.path)
	p.send(appendHeader(nil, header{kind: kindRefuse}))
	p.send(largeCall(1))
	if h, body := p.next(); h.kind != kindAnswer || h.flags != 0 || len(body) != answerPrefixSize+20<<10 {
		t.Errorf("the answer is a frame of kind %d with flags %d and %d bytes", h.kind, h.flags, len(body))
	}
}

// TestRefusedCallsGiveBack expects the blocks of calls that are refused to come home, too.
func TestRefusedCallsGiveBack(t *testing.T) {
	s, err := Listen(Scheme+t.TempDir()+"/s.sock", sizeHandler{}, Config{MaxPayload: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := dialRaw(t, s.socket.path)
	p.segment(1)
	p.call(1, 2<<10, reference{1, 64, 2 << 10})
	var answered, freed bool
	for !answered || !freed {
		switch h, body := p.next(); h.kind {
		case kindAnswer:
			p.tooLarge(body)
			answered = true
		case kindFree:
			segment, offset, err := parseFree(body)
			if err != nil || segment != 1 || offset != 64 {
				t.Fatalf("freed %d at %d, %v", segment, offset, err)
			}
			freed = true
		default:
			t.Fatalf("a frame of kind %d", h.kind)
		}
	}
}

// TestNoRoomForDescriptors lets the descriptor of a segment get lost, as it does in a process that may have no more of
// them: the call fails, and the next one is answered through the socket.
func TestNoRoomForDescriptors(t *testing.T) {
	s, err := Listen(Scheme+t.TempDir()+"/s.sock", sizeHandler{}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	memory := NewMemory(MemoryConfig{})
	c := NewClient(s.Address(), Config{Memory: memory})
	defer c.Close()
	if _, err := c.Instance(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn := current(c)
	sock := conn.conn.(*rings).socket
	sock.mu.Lock()
	sock.rights.add(nil, unix.MSG_CTRUNC) // before the segment comes, so that its place is taken
	sock.mu.Unlock()
	args := Bytes(make([]byte, 100<<10))
	_, err = c.Call(t.Context(), Request{Args: args})
	if e := asError(err); e.Code != CodeUnavailable || !e.MayHaveRun {
		t.Fatalf("the call ended with %v, want unavailable", err)
	}
	for range 3 {
		p, err := c.Call(t.Context(), Request{Args: args})
		if err != nil {
			t.Fatalf("the next call: %v", err)
		}
		if len(p.Bytes()) != len(args) || p.Kept() < len(args) || len(p.in.refs) > 0 {
			t.Errorf("%d bytes, by reference: %v", len(p.Bytes()), len(p.in.refs) > 0)
		}
		p.Release()
	}
}
