package ipc

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// goldenFrames are frames as they must be on the wire, by the names under which testdata/frames.txt has their bytes.
func goldenFrames() map[string][]byte {
	instance := [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	call := func(total int, f flags, refs []reference, part ...byte) []byte {
		size := callPrefixSize + len(refs)*referenceSize + len(part)
		frame := appendCallPrefix(
			appendHeader(nil, header{length: uint32(size), kind: kindCall, flags: f, call: 1}),
			callPrefix{resource: 0x1122334455667788, method: 2, timeout: 1_500_000_000, total: uint64(total), refs: uint16(len(refs))})
		return append(appendReferences(frame, refs), part...)
	}
	answer := func(code Code, total int, f flags, refs []reference, part ...byte) []byte {
		size := answerPrefixSize + len(refs)*referenceSize + len(part)
		frame := appendAnswerPrefix(
			appendHeader(nil, header{length: uint32(size), kind: kindAnswer, flags: f, call: 1}),
			answerPrefix{code: code, total: uint64(total), refs: uint16(len(refs))})
		return append(appendReferences(frame, refs), part...)
	}
	greeting := func(caps capability, maxCalls, pid uint32) []byte {
		return appendHello(nil, hello{
			major: 1, caps: caps, instance: instance, maxPayload: 4 << 30, maxFrame: 256 << 10, maxCalls: maxCalls, pid: pid,
		})
	}
	ringed := func(maxCalls, pid uint32) []byte {
		h, _, _ := parseHello(greeting(capChunks|capMemory, maxCalls, pid))
		h.ring = 64 << 10
		return appendHello(nil, h)
	}
	failure := appendError(nil, &Error{Message: "overdrawn", Names: []string{"bank.overdrawn"}}, 1000)
	block, piece := reference{1, 0x40000, 1 << 20}, reference{2, 0x1000, 128}
	attached := []byte{ // the list of 16 float64, which are attachment 0
		0x81, 0xd8, 0x56, 0xda, 0x63, 0x32, 0x00, 0x02, 0x83, 0x00, 0x00, 0x18, 0x80,
	}
	free := appendHeader(nil, header{length: 2 * freeSize, kind: kindFree})
	return map[string][]byte{
		"hello-client":       greeting(capChunks|capMemory, 0, 4711),
		"hello-server":       greeting(capChunks|capMemory, 4096, 4712),
		"hello-client-plain": greeting(capChunks, 0, 4711),
		"hello-server-plain": greeting(capChunks, 4096, 4712),
		"hello-client-rings": ringed(0, 4711),
		"hello-server-rings": ringed(4096, 4712),
		"call":               call(3, 0, nil, 0x82, 0x0a, 0x20), // the list [10, -1]
		"call-block":         call(1<<20, flagBlock, []reference{block}),
		"call-attached":      call(len(attached), 0, []reference{piece}, attached...),
		"answer":             answer(CodeOK, 2, 0, nil, 0x81, 0x09),
		"answer-failed":      answer(CodeResource, len(failure), 0, nil, failure...),
		"answer-block":       answer(CodeOK, 1<<20, flagBlock, []reference{block, piece}),
		"chunk-more":         append(appendHeader(nil, header{length: 3, kind: kindChunk, flags: flagMore, call: 1}), 'a', 'b', 'c'),
		"chunk-last":         append(appendHeader(nil, header{length: 1, kind: kindChunk, call: 1}), 'd'),
		"chunk-abort":        appendHeader(nil, header{kind: kindChunk, flags: flagAbort, call: 1}),
		"cancel":             appendHeader(nil, header{kind: kindCancel, call: 1}),
		"cancel-late":        appendHeader(nil, header{kind: kindCancel, flags: flagLate, call: 1}),
		"goaway":             appendGoAway(nil, &Error{Code: CodeOK, Message: "shutting down"}),
		"goaway-busy":        appendGoAway(nil, &Error{Code: CodeBusy, Message: "too many connections"}),
		"segment":            appendSegment(nil, segmentInfo{id: 1, what: segmentMemory, size: 2 << 20}),
		"segment-file":       appendSegment(nil, segmentInfo{id: 3, what: segmentFile, size: 1 << 30}),
		"drop":               appendDrop(nil, 3),
		"free":               appendFree(appendFree(free, block.segment, block.offset), piece.segment, piece.offset),
		"refuse":             appendHeader(nil, header{kind: kindRefuse}),
	}
}

func appendReferences(dst []byte, refs []reference) []byte {
	for _, r := range refs {
		dst = appendReference(dst, r)
	}
	return dst
}

func TestGoldenFrames(t *testing.T) {
	golden := readGolden(t)
	for name, frame := range goldenFrames() {
		if want := golden[name]; hex.EncodeToString(frame) != want {
			t.Errorf("%s:\n got %x\nwant %s", name, frame, want)
		}
	}
	if len(golden) != len(goldenFrames()) {
		t.Errorf("testdata/frames.txt has %d frames, the test %d", len(golden), len(goldenFrames()))
	}
}

// readGolden reads testdata/frames.txt: on each line a name and the frame in hexadecimal.
func readGolden(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/frames.txt")
	if err != nil {
		t.Fatal(err)
	}
	golden := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		if name, frame, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			golden[name] = strings.TrimSpace(frame)
		}
	}
	return golden
}

// TestGoldenFramesParse reads back what was written.
func TestGoldenFramesParse(t *testing.T) {
	for name, frame := range goldenFrames() {
		if strings.HasPrefix(name, "hello") {
			h, err := readHello(bytes.NewReader(frame))
			if err != nil || !bytes.Equal(appendHello(nil, h), frame) {
				t.Errorf("%s: %+v, %v", name, h, err)
			}
			continue
		}
		r := newFrameReader(bytes.NewReader(frame))
		h, fixed, err := r.header()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		back := append(appendHeader(nil, h), fixed...)
		p := newPayload(0)
		r.keep(p, uint64(h.length))
		if err := r.part(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if back = append(back, p.Bytes()...); !bytes.Equal(back, frame) {
			t.Errorf("%s was read as %x", name, back)
		}
		p.Release()
	}
}
