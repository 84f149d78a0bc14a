package ipc_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/ipc"
)

// TestBadClients sends a server what no client should. Each time the client is told what was wrong and its connection
// ends, the server says so in one line, and goes on.
func TestBadClients(t *testing.T) {
	big := le.AppendUint32(nil, 1<<31)
	tests := []struct {
		name  string
		bytes []byte // after the handshake, where there is one
		raw   bool   // no handshake: bytes are all that is sent
		says  string // part of the server's line and of the goodbye
	}{
		{"garbage instead of a hello", bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 8), true, "no c2 hello"},
		{"hello of another version", rawHello(2), true, "version 2"},
		{"hello with reserved bytes set", patched(rawHello(1), 60, 1), true, "reserved bytes"},
		{"hello with too small a frame", patched(rawHello(1), 48, 1, 0, 0, 0), true, "frames of 1 bytes"},
		{"hello with too many extensions", patched(rawHello(1), 12, 0, 0, 1, 0), true, "65536 bytes of extensions"},
		{"hello with an extension that must be understood", append(patched(rawHello(1), 12, 4, 0, 0, 0), 1, 0x80, 0, 0), true, "must be understood"},
		{"hello with a cut extension", append(patched(rawHello(1), 12, 4, 0, 0, 0), 1, 0, 9, 0), true, "cut"},
		{"garbage instead of a frame", pattern(4096), false, "peer sent"},
		{"frame of 2 GiB", append(big, kCall, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0), false, "2147483648 bytes"},
		{"frame of kind 0", rawFrame(0, 0, 1, nil), false, "kind 0"},
		{"unknown kind", rawFrame(99, 0, 1, nil), false, "unknown kind 99"},
		{"unknown flag", rawFrame(kCancel, 0x40, 1, nil), false, "reserved bits"},
		{"flag for servers to set", rawFrame(kCancel, 4, 1, nil), false, "only answers have"},
		{"flag for cancels to have", rawFrame(kCall, 16, 1, make([]byte, 32)), false, "only cancels have"},
		{"frame for servers to send", rawFrame(kAnswer, 0, 1, make([]byte, 16)), false, "for servers to send"},
		{"call that is too short", rawFrame(kCall, 0, 1, make([]byte, 31)), false, "at least 32"},
		{"call that ends early", rawCall(1, 0, methodEcho, 10, []byte("five!")), false, "ends after 5"},
		{"call that says more and is complete", rawCall(1, fMore, methodEcho, 5, []byte("five!")), false, "goes on after 5"},
		{"payload beyond its announcement", append(rawCall(1, fMore, methodEcho, 10, []byte("five!")), rawFrame(kChunk, 0, 1, make([]byte, 6))...), false, "ends after 11"},
		{"chunk out of nowhere", rawFrame(kChunk, 0, 7, []byte("x")), false, "chunk for call 7"},
		{"chunk for a call that is complete", append(rawCall(1, 0, methodBlock, 0, nil), rawFrame(kChunk, 0, 1, []byte("x"))...), false, "chunk for call 1"},
		{"call id twice", append(rawCall(1, 0, methodBlock, 0, nil), rawCall(1, 0, methodBlock, 0, nil)...), false, "call id 1 twice"},
		{"cancel with a body", rawFrame(kCancel, 0, 1, []byte("x")), false, "kind 4 with 1 bytes"},
		{"abort of nothing in particular", rawFrame(kCall, fAbort, 1, nil), false, "abort"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaktest.Check(t)
			f := serve(t, ipc.Config{})
			var c net.Conn
			if tt.raw {
				c = f.raw()
			} else {
				c = f.greeted()
			}
			mustWrite(t, c, tt.bytes)
			said, _ := readAll(c)
			if !strings.Contains(string(said), tt.says) {
				t.Errorf("the client is told %q, want %q in it", said, tt.says)
			}
			if err := f.lostOne(); !strings.Contains(err.Error(), tt.says) {
				t.Errorf("the server says %q, want %q in it", err, tt.says)
			}
			f.works()
		})
	}
}

func patched(b []byte, at int, with ...byte) []byte {
	copy(b[at:], with)
	return b
}

func TestClientThatIsCutOff(t *testing.T) {
	whole := rawCall(1, 0, methodEcho, 1000, pattern(1000))
	for _, n := range []int{1, 15, 16, 40, 500, len(whole) - 1} {
		leaktest.Check(t)
		f := serve(t, ipc.Config{})
		c := f.greeted()
		mustWrite(t, c, whole[:n])
		c.Close()
		if err := f.lostOne(); !strings.Contains(err.Error(), "inside a frame") {
			t.Errorf("cut after %d bytes: the server says %q", n, err)
		}
		f.works()
	}
}

// TestProbesAreNotLogged: connecting and leaving is what health checks do.
func TestProbesAreNotLogged(t *testing.T) {
	f := serve(t, ipc.Config{})
	f.raw().Close()
	f.greeted().Close()
	f.works()
	f.server.Close()
	if l := f.lost.all(); len(l) > 0 {
		t.Errorf("the server says %v", l)
	}
}

func TestClientThatVanishesMidCall(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{})
	c := f.greeted()
	mustWrite(t, c, rawCall(1, 0, methodBlock, 0, nil))
	mustWrite(t, c, rawCall(2, fMore, methodEcho, 1<<30, make([]byte, 1000)))
	<-f.handler.entered
	c.Close()
	if err := f.lostOne(); !strings.Contains(err.Error(), "1 calls in flight") {
		t.Errorf("the server says %q", err)
	}
	await.True(t, "the call's context ends", func() bool { return len(f.handler.endings()) == 1 })
	f.works()
}

func TestClientThatStopsReading(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{StallTimeout: 50 * time.Millisecond})
	c := f.greeted()
	var calls []byte // all at once, as the connection ends soon
	for id := uint64(1); id <= 20; id++ {
		calls = append(calls, rawCall(id, 0, methodSize, 8, []byte("16777216"))...)
	}
	mustWrite(t, c, calls)
	if err := f.lostOne(); !strings.Contains(err.Error(), "has not read") {
		t.Errorf("the server says %q", err)
	}
	f.works()
}

func TestClientThatNeverFinishesItsHello(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{HandshakeTimeout: time.Second}) // long enough for those that finish theirs
	c := f.raw()
	mustWrite(t, c, rawHello(1)[:20])
	if err := f.lostOne(); !strings.Contains(err.Error(), "hello") {
		t.Errorf("the server says %q", err)
	}
	f.works()
}

// TestAnnouncedMemoryIsNotCommitted: a client announces payloads of 4 GiB and sends a few bytes of each.
func TestAnnouncedMemoryIsNotCommitted(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.greeted()
	mustWrite(t, c, rawCall(1, fMore, methodEcho, 4<<30, make([]byte, 1000)))
	mustWrite(t, c, rawCall(2, fMore, methodEcho, 4<<30, make([]byte, 1000)))
	if a := mustRead(t, c); a.id != 2 || a.code() != uint16(ipc.CodeBusy) {
		t.Errorf("the second is answered %+v, want busy", a)
	}
	mustWrite(t, c, rawCall(3, fMore, methodEcho, 4<<30+1, make([]byte, 1000)))
	if a := mustRead(t, c); a.id != 3 || a.code() != uint16(ipc.CodeTooLarge) {
		t.Errorf("one of more than the limit is answered %+v, want too large", a)
	}
	// What goes on of a refused call is skipped; what is given up leaves room again.
	mustWrite(t, c, rawFrame(kChunk, fMore, 2, make([]byte, 100)))
	mustWrite(t, c, rawFrame(kChunk, fAbort, 2, nil))
	mustWrite(t, c, rawFrame(kCancel, 0, 3, nil))
	mustWrite(t, c, rawFrame(kCancel, 0, 1, nil))
	if a := mustRead(t, c); a.id != 1 || a.code() != uint16(ipc.CodeCanceled) {
		t.Errorf("the cancelled call is answered %+v", a)
	}
	mustWrite(t, c, rawCall(4, fMore, methodEcho, 6, []byte("abc")))
	mustWrite(t, c, rawFrame(kChunk, 0, 4, []byte("def")))
	if a := mustRead(t, c); a.id != 4 || a.code() != 0 || string(a.body[16:]) != "abcdef" {
		t.Errorf("a good call is answered %+v", a)
	}
}

func TestRefusedCallsAreBounded(t *testing.T) {
	f := serve(t, ipc.Config{MaxCalls: 2})
	c := f.greeted()
	go io.Copy(io.Discard, c)
	for id := uint64(1); id <= 10; id++ {
		if _, err := c.Write(rawCall(id, fMore, methodEcho, 1000, nil)); err != nil {
			break
		}
	}
	if err := f.lostOne(); !strings.Contains(err.Error(), "beyond 2 were refused") {
		t.Errorf("the server says %q", err)
	}
	f.works()
}

func TestUnknownOptionalFramesAreSkipped(t *testing.T) {
	f := serve(t, ipc.Config{})
	c := f.greeted()
	mustWrite(t, c, rawFrame(0x80|77, 0xff, 9, pattern(100_000)))
	mustWrite(t, c, rawCall(1, 0, methodEcho, 2, []byte("hi")))
	if a := mustRead(t, c); a.kind != kAnswer || a.id != 1 || string(a.body[16:]) != "hi" {
		t.Errorf("got %+v", a)
	}
}

func TestMaxConns(t *testing.T) {
	leaktest.Check(t)
	f := serve(t, ipc.Config{MaxConns: 2})
	a, b, c := f.client(ipc.Config{}), f.client(ipc.Config{}), f.client(ipc.Config{})
	for _, c := range []*ipc.Client{a, b} {
		if err := echo(t.Context(), c, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if e := wantCode(t, echo(t.Context(), c, []byte("x")), ipc.CodeBusy); e.MayHaveRun {
		t.Error("the call is said to have been sent")
	}
	b.Close()
	await.True(t, "there is room again", func() bool { return echo(t.Context(), c, []byte("x")) == nil })
}

// badServer accepts one connection after the other and hands it to serve, after the handshake if greet is set.
func badServer(t *testing.T, greet bool, serve func(net.Conn)) string {
	t.Helper()
	path := t.TempDir() + "/bad.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if greet {
				readHello(c)
				c.Write(patched(rawHello(1), 52, 0, 16)) // takes 4096 calls
			}
			serve(c)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "ipc://" + path
}

// TestBadServers: a client gets a clear error from whatever answers, and no call hangs.
func TestBadServers(t *testing.T) {
	answer := func(total uint64, flags byte, part []byte) []byte {
		return rawFrame(kAnswer, flags, 1, append(le.AppendUint64(le.AppendUint64(nil, 0), total), part...))
	}
	tests := []struct {
		name  string
		greet bool
		send  []byte
		code  ipc.Code
		says  string
	}{
		{"no hello", false, nil, ipc.CodeUnavailable, "hello"},
		{"garbage instead of a hello", false, pattern(200), ipc.CodeUnavailable, "no c2 hello"},
		{"another version", false, rawHello(9), ipc.CodeMismatch, "version 9"},
		{"garbage instead of frames", true, pattern(5000), ipc.CodeInternal, "peer sent"},
		{"ends without an answer", true, nil, ipc.CodeUnavailable, "ended"},
		{"ends inside an answer", true, answer(100, 0, make([]byte, 100))[:50], ipc.CodeUnavailable, "ended"},
		{"answer to another call", true, rawFrame(kAnswer, 0, 5, make([]byte, 16)), ipc.CodeInternal, "call 5"},
		{"answer that is too large", true, answer(5<<30, fMore, nil), ipc.CodeInternal, "5368709120"},
		{"answer that is too short", true, answer(100, 0, make([]byte, 99)), ipc.CodeInternal, "ends after 99"},
		{"answer twice", true, append(answer(9, fMore, []byte("1")), answer(9, fMore, []byte("1"))...), ipc.CodeInternal, "expects none"},
		{"chunk before an answer", true, rawFrame(kChunk, 0, 1, nil), ipc.CodeInternal, "expects none"},
		{"a call", true, rawCall(1, 0, 0, 0, nil), ipc.CodeInternal, "for clients to send"},
		{"goaway that is too short", true, rawFrame(kGoAway, 0, 0, []byte("x")), ipc.CodeInternal, "goaway"},
		{"goaway with a reason", true, rawFrame(kGoAway, 0, 0, []byte("\x07\x00not you")), ipc.CodeDenied, "not you"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaktest.Check(t)
			address := badServer(t, tt.greet, func(c net.Conn) {
				c.SetDeadline(time.Now().Add(10 * time.Second))
				if tt.greet {
					readFrame(c)
				}
				c.Write(tt.send)
				c.(*net.UnixConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			c := ipc.NewClient(address, ipc.Config{})
			defer c.Close()
			e := wantCode(t, call(t.Context(), c, methodEcho), tt.code)
			if !strings.Contains(e.Message, tt.says) {
				t.Errorf("the error is %q, want %q in it", e.Message, tt.says)
			}
			if e.MayHaveRun != tt.greet {
				t.Errorf("MayHaveRun is %v", e.MayHaveRun)
			}
		})
	}
}

// TestServerThatStopsMidFrame: the calls end with their contexts, one that reads for itself and others alike.
func TestServerThatStopsMidFrame(t *testing.T) {
	leaktest.Check(t)
	stop := make(chan struct{})
	address := badServer(t, true, func(c net.Conn) {
		readFrame(c)
		whole := rawFrame(kAnswer, 0, 1, append(le.AppendUint64(make([]byte, 8), 5000), make([]byte, 5000)...))
		c.Write(whole[:100])
		<-stop
	})
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	defer close(stop)
	ends := make(chan error)
	for range 4 {
		ctx, cancel := contextWithTimeout(t, 50*time.Millisecond)
		defer cancel()
		go func() { ends <- call(ctx, c, methodEcho) }()
	}
	for range 4 {
		wantCode(t, <-ends, ipc.CodeDeadline)
	}
}

// TestServerThatStopsReading: a caller whose payload finds no room leaves with its context.
func TestServerThatStopsReading(t *testing.T) {
	leaktest.Check(t)
	stop := make(chan struct{})
	address := badServer(t, true, func(net.Conn) { <-stop })
	c := ipc.NewClient(address, ipc.Config{})
	defer c.Close()
	defer close(stop)
	for range 3 {
		ctx, cancel := contextWithTimeout(t, 30*time.Millisecond)
		_, err := c.Call(ctx, ipc.Request{Args: ipc.Bytes(pattern(32 << 20))})
		wantCode(t, err, ipc.CodeDeadline)
		cancel()
	}
	// Small ones, too, once the queue is full of what nobody reads.
	for range 200 {
		ctx, cancel := contextWithTimeout(t, time.Millisecond)
		_, err := c.Call(ctx, ipc.Request{Args: ipc.Bytes(pattern(60 << 10))})
		wantCode(t, err, ipc.CodeDeadline)
		cancel()
	}
}

// TestRandomBytes throws random and randomly damaged conversations at a server.
func TestRandomBytes(t *testing.T) {
	f := serve(t, ipc.Config{HandshakeTimeout: time.Second})
	rnd := rand.New(rand.NewPCG(7, 7))
	good := append(rawHello(1), rawCall(1, 0, methodEcho, 500, pattern(500))...)
	good = append(good, rawCall(2, fMore, methodEcho, 900, pattern(500))...)
	good = append(good, rawFrame(kChunk, 0, 2, pattern(400))...)
	for range 200 {
		b := bytes.Clone(good)
		for range 1 + rnd.IntN(4) {
			b[rnd.IntN(len(b))] ^= byte(1 << rnd.IntN(8))
		}
		c := f.raw()
		c.Write(b[:rnd.IntN(len(b)+1)])
		c.(*net.UnixConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
			t.Fatal("the server neither answered nor hung up")
		}
		c.Close()
	}
	f.works()
}
