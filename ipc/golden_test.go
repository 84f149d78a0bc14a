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
	p := newPayload(16)
	p.buf = append(p.buf, 0x82, 0x0a, 0x20) // the list [10, -1]
	defer p.Release()
	callHead := appendCallPrefix(
		appendHeader(nil, header{length: callPrefixSize + 3, kind: kindCall, call: 1}),
		callPrefix{resource: 0x1122334455667788, method: 2, timeout: 1_500_000_000, total: 3})
	answerHead := func(code Code, n int) []byte {
		return appendAnswerPrefix(appendHeader(nil, header{length: uint32(answerPrefixSize + n), kind: kindAnswer, call: 1}),
			answerPrefix{code: code, total: uint64(n)})
	}
	failure := appendError(nil, &Error{Message: "overdrawn", Names: []string{"bank.overdrawn"}}, 1000)
	return map[string][]byte{
		"hello-client":  appendHello(nil, hello{major: 1, caps: capChunks, instance: instance, maxPayload: 4 << 30, maxFrame: 256 << 10, pid: 4711}),
		"hello-server":  appendHello(nil, hello{major: 1, caps: capChunks, instance: instance, maxPayload: 4 << 30, maxFrame: 256 << 10, maxCalls: 4096, pid: 4712}),
		"call":          append(callHead, p.Bytes()...),
		"answer":        append(answerHead(CodeOK, 2), 0x81, 0x09),
		"answer-failed": append(answerHead(CodeResource, len(failure)), failure...),
		"chunk-more":    append(appendHeader(nil, header{length: 3, kind: kindChunk, flags: flagMore, call: 1}), 'a', 'b', 'c'),
		"chunk-last":    append(appendHeader(nil, header{length: 1, kind: kindChunk, call: 1}), 'd'),
		"chunk-abort":   appendHeader(nil, header{kind: kindChunk, flags: flagAbort, call: 1}),
		"cancel":        appendHeader(nil, header{kind: kindCancel, call: 1}),
		"goaway":        appendGoAway(nil, &Error{Code: CodeOK, Message: "shutting down"}),
		"goaway-busy":   appendGoAway(nil, &Error{Code: CodeBusy, Message: "too many connections"}),
	}
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
			h, n, err := parseHello(frame)
			if err != nil || n != 0 || !bytes.Equal(appendHello(nil, h), frame) {
				t.Errorf("%s: %+v, %d, %v", name, h, n, err)
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
