package ipc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

func FuzzHeader(f *testing.F) {
	for _, frame := range goldenFrames() {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newFrameReader(bytes.NewReader(data))
		read := 0
		for {
			h, fixed, err := r.header()
			if err != nil {
				return
			}
			if h.kind == 0 || h.length > frameSize || len(fixed) > int(h.length) {
				t.Fatalf("took header %+v with a fixed part of %d bytes", h, len(fixed))
			}
			if err := r.part(); err != nil {
				return
			}
			if read += headerSize + int(h.length); read > len(data) {
				t.Fatalf("read %d bytes of %d", read, len(data))
			}
		}
	})
}

func FuzzHello(f *testing.F) {
	f.Add(goldenFrames()["hello-client"])
	f.Add(append(bytes.Clone(goldenFrames()["hello-client"][:12]), 4, 0, 0, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHello(bytes.NewReader(data))
		if err == nil && (h.major != wireMajor || h.maxFrame < minFrame) {
			t.Fatalf("took hello %+v", h)
		}
	})
}

func FuzzError(f *testing.F) {
	f.Add(uint16(CodeResource), appendError(nil, &Error{Message: "m", Names: []string{"a", "b"}}, 1000))
	f.Fuzz(func(t *testing.T, code uint16, data []byte) {
		e := parseError(Code(code), data)
		again := parseError(Code(code), appendError(nil, e, 1<<20))
		if e.Message != again.Message && len(e.Message) <= maxErrorMessage {
			t.Fatalf("message %q became %q", e.Message, again.Message)
		}
	})
}

// FuzzServer feeds a server a conversation after the handshake. It must end it, or answer, and be in order afterwards.
func FuzzServer(f *testing.F) {
	frames := goldenFrames()
	f.Add(bytes.Join([][]byte{frames["call"], frames["cancel"], frames["call"]}, nil))
	f.Add(bytes.Join([][]byte{frames["chunk-more"], frames["chunk-last"]}, nil))
	start := appendCallPrefix(appendHeader(nil, header{length: callPrefixSize, kind: kindCall, flags: flagMore, call: 1}), callPrefix{total: 4})
	f.Add(bytes.Join([][]byte{start, frames["chunk-more"], frames["chunk-last"]}, nil))
	f.Add(bytes.Join([][]byte{start, frames["chunk-abort"], start, frames["cancel"]}, nil))
	s, err := Listen(Scheme+f.TempDir()+"/s.sock", echoHandler{}, Config{MaxPayload: 1 << 20, MaxCalls: 4})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := net.Dial("unix", s.socket.path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		c.Write(goldenFrames()["hello-client"])
		c.Write(data)
		c.(*net.UnixConn).CloseWrite()
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server did not end the conversation")
		}
	})
}

// FuzzClient lets a server say anything after the handshake. The call must end.
func FuzzClient(f *testing.F) {
	frames := goldenFrames()
	f.Add(frames["answer"])
	f.Add(frames["answer-failed"])
	f.Add(bytes.Join([][]byte{frames["answer"], frames["goaway"]}, nil))
	f.Add(frames["goaway-busy"])
	f.Add(frames["chunk-abort"])
	long := appendAnswerPrefix(appendHeader(nil, header{length: answerPrefixSize, kind: kindAnswer, flags: flagMore, call: 1}), answerPrefix{total: 4})
	f.Add(bytes.Join([][]byte{long, frames["chunk-more"], frames["chunk-last"]}, nil))
	path := f.TempDir() + "/s.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			io.ReadFull(c, make([]byte, helloSize))
			c.Write(goldenFrames()["hello-server"])
			io.ReadFull(c, make([]byte, headerSize+callPrefixSize))
			c.Write(data)
		}()
		client := NewClient(Scheme+path, Config{MaxPayload: 1 << 20})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		p, err := client.Call(ctx, Request{Args: Bytes(nil)})
		if err == nil {
			p.Release()
		}
		if ctx.Err() != nil {
			t.Fatal("the call did not end with the connection")
		}
		client.Close()
		<-done
	})
}

type echoHandler struct{}

func (echoHandler) ServeCall(_ context.Context, call *Call) (*Payload, error) {
	args := call.Take()
	defer args.Release()
	return call.Encode(Bytes(args.Bytes()))
}
