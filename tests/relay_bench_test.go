package tests

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/relay"
)

// The programs that these benchmarks compare.
var _ = addRoles(child.Roles{
	"relay":       relayServer,
	"bare server": bareServer,
	"streamer":    bareStreamer,
	"bare proxy":  bareProxy,
	"freight":     freightServer,
})

// Freight is what goes through the relay.
type Freight interface {
	Echo(ctx context.Context, b []byte) ([]byte, error)
	Take(ctx context.Context, b []byte) (int, error)
	Get(ctx context.Context, n int) ([]byte, error)    // from memory of its own
	Pinned(ctx context.Context, n int) ([]byte, error) // from memory that callers see
}

type freight struct {
	_      c2.Policy `read:"Echo,Take"`
	store  []byte
	node   *c2.Node
	pinned *c2.Pinned[byte]
}

func (f *freight) Echo(_ context.Context, b []byte) ([]byte, error) { return b, nil }
func (f *freight) Take(_ context.Context, b []byte) (int, error)    { return len(b), nil }
func (f *freight) Get(_ context.Context, n int) ([]byte, error) {
	if len(f.store) < n {
		f.store = freightOf(n)
	}
	return f.store[:n], nil
}
func (f *freight) Pinned(_ context.Context, n int) (_ []byte, err error) {
	if f.pinned == nil {
		if f.pinned, err = c2.Pin[byte](n, c2.On(f.node)); err != nil {
			return nil, err
		}
		copy(f.pinned.Slice(), freightOf(n))
	}
	return f.pinned.Slice()[:n], nil
}

// freightOf is n bytes that were written: memory that was not is one page of zeros, which is read faster than any other.
func freightOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>12)
	}
	return b
}

// freightServer serves a freight at the address args[0] and announces it to the relay at the URL args[1].
func freightServer(args []string) error {
	node, err := c2.NewNode(c2.Address(args[0]), c2.RelayURL(args[1]), c2.Logger(zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)))
	if err != nil {
		return err
	}
	f := &freight{node: node}
	defer func() { f.pinned.Release() }()
	if err := c2.Register[Freight]("freight", f, c2.On(node), c2.HoldInput("Take")); err != nil {
		return err
	}
	<-child.UntilInputEnds().Done()
	return node.Shutdown(context.Background())
}

// relayServer is a relay at the address args[0], for sockets in the directory args[1].
func relayServer(args []string) error {
	r, err := relay.New(relay.Config{ID: "r", SocketDirs: args[1:2], Logger: zerolog.New(os.Stderr).Level(zerolog.ErrorLevel)})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	go r.Serve(ln)
	<-child.UntilInputEnds().Done()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return r.Shutdown(ctx)
}

// bareServer is a fasthttp server that sends back what it gets.
func bareServer(args []string) error {
	return serveBare(&fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/cbor")
		ctx.SetBody(ctx.PostBody())
	}}, args[0])
}

// bareStreamer is a fasthttp server that takes bodies of any size, and gives as many bytes as its query says.
func bareStreamer(args []string) error {
	store := freightOf(256 << 20)
	return serveBare(&fasthttp.Server{StreamRequestBody: true, Handler: func(ctx *fasthttp.RequestCtx) {
		if n, _ := strconv.Atoi(string(ctx.QueryArgs().Peek("n"))); n > 0 {
			ctx.SetBodyStream(bytes.NewReader(store[:n]), n)
			return
		}
		io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{ctx.RequestBodyStream()}, make([]byte, 256<<10))
	}}, args[0])
}

// bareProxy passes requests on to the server at args[1], as a fasthttp reverse proxy does.
func bareProxy(args []string) error {
	client := &fasthttp.HostClient{Addr: args[1], MaxConns: 4096}
	s := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Request.Header.Del("Connection")
		if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
			ctx.Error(err.Error(), 502)
		}
		ctx.Response.Header.Del("Connection")
	}}
	return serveBare(s, args[0])
}

func serveBare(s *fasthttp.Server, address string) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	go s.Serve(ln)
	<-child.UntilInputEnds().Done()
	return nil
}

// httpBench is the programs, each a process of its own.
type httpBench struct{ relay, proxy, server, streamer, ipc string }

func startHTTP(b *testing.B) httpBench {
	b.Helper()
	dir := b.TempDir()
	at := httpBench{ipc: "ipc://" + filepath.Join(dir, "freight.sock"), relay: child.FreeAddress(b), proxy: child.FreeAddress(b), server: child.FreeAddress(b), streamer: child.FreeAddress(b)}
	child.Start(b, "relay", at.relay, dir)
	child.Start(b, "freight", at.ipc, "http://"+at.relay)
	child.Start(b, "bare server", at.server)
	child.Start(b, "bare proxy", at.proxy, at.server)
	child.Start(b, "streamer", at.streamer)
	await.True(b, "the freight is announced", func() bool {
		resp, err := http.Get("http://" + at.relay + "/v1/resolve/freight")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
	http.DefaultClient.CloseIdleConnections()
	return at
}

// freeAddress is a port of the loopback that was free just now.
const freightPath = "/v1/resources/freight/"

// BenchmarkRelaySmall compares one caller's small call through the relay with one through a reverse proxy to a server that
// does nothing. The floor is that server alone.
func BenchmarkRelaySmall(b *testing.B) {
	at := startHTTP(b)
	args, err := codec.Marshal([]any{make([]byte, 64)})
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct{ name, address string }{{"relay", at.relay}, {"proxy", at.proxy}, {"server", at.server}} {
		b.Run(bm.name, func(b *testing.B) {
			c := dialKept(b, bm.address, freightPath+"Echo", args)
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				c.exchange(b)
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
			b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
		})
	}
}

// keptConn makes the same request again and again.
type keptConn struct {
	net.Conn
	request []byte
	r       *bufio.Reader
}

func dialKept(b *testing.B, address, path string, body []byte) *keptConn {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/cbor\r\nContent-Length: %d\r\n\r\n", path, len(body))
	return &keptConn{c, append([]byte(head), body...), bufio.NewReader(c)}
}

func (c *keptConn) exchange(b *testing.B) {
	if _, err := c.Write(c.request); err != nil {
		b.Fatal(err)
	}
	length := -1
	for first := true; ; first = false {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			b.Fatalf("%s", line)
		}
		if len(line) == 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
	}
	if _, err := c.r.Discard(length); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRelayLarge compares a large body each way through the relay with what one fasthttp server alone takes and gives.
func BenchmarkRelayLarge(b *testing.B) {
	const size = 256 << 20
	at := startHTTP(b)
	body, err := codec.Marshal([]any{freightOf(size)})
	if err != nil {
		b.Fatal(err)
	}
	ask, err := codec.Marshal([]any{size})
	if err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct {
		name, url string
		body      []byte
	}{
		{"to/relay", "http://" + at.relay + freightPath + "Take", body},
		{"to/server", "http://" + at.streamer + "/", body},
		{"from/relay", "http://" + at.relay + freightPath + "Get", ask},
		{"from/relay pinned", "http://" + at.relay + freightPath + "Pinned", ask},
		{"from/server", "http://" + at.streamer + "/?n=" + strconv.Itoa(size), ask},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.SetBytes(size)
			client := &http.Client{Transport: &http.Transport{WriteBufferSize: 256 << 10, ReadBufferSize: 256 << 10}}
			defer client.CloseIdleConnections()
			for b.Loop() {
				resp, err := client.Post(bm.url, "application/cbor", bytes.NewReader(bm.body))
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 256<<10))
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || strings.HasPrefix(bm.name, "from") && n < size {
					b.Fatalf("%d, %d bytes, %v", resp.StatusCode, n, err)
				}
			}
		})
	}
}

// BenchmarkRelayDirect compares a typed client's small call at an ipc address with one that a relay led there.
func BenchmarkRelayDirect(b *testing.B) {
	at := startHTTP(b)
	for _, bm := range []struct {
		name string
		opt  c2.ConnectOption
	}{{"at", c2.At(at.ipc)}, {"resolved", c2.Relay("http://" + at.relay)}} {
		b.Run(bm.name, func(b *testing.B) {
			f, err := c2.Connect[Freight](b.Context(), "freight", c2.On(newNode(b)), bm.opt)
			if err != nil {
				b.Fatal(err)
			}
			defer c2.Close(f)
			body := make([]byte, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Echo(b.Context(), body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRelayConnections has wrk (a Debian package) call on 64 connections for three seconds, and reports the calls per
// second. Without it there is no such benchmark.
func BenchmarkRelayConnections(b *testing.B) {
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		b.Skip("wrk is not installed")
	}
	at := startHTTP(b)
	args, err := codec.Marshal([]any{make([]byte, 64)})
	if err != nil {
		b.Fatal(err)
	}
	script := filepath.Join(b.TempDir(), "call.lua")
	lua := fmt.Sprintf("wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/cbor'\nwrk.body = %s\n", luaString(args))
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, bm := range []struct{ name, address string }{{"relay", at.relay}, {"proxy", at.proxy}, {"server", at.server}} {
		b.Run(bm.name, func(b *testing.B) {
			rate := 0.0
			for b.Loop() {
				rate = runWrk(b, wrk, "-t1", "-c64", "-d3s", "-s", script, "http://"+bm.address+freightPath+"Echo")
			}
			b.ReportMetric(rate, "calls/s")
		})
	}
}

func runWrk(b *testing.B, wrk string, args ...string) float64 {
	out, err := exec.Command(wrk, args...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("Non-2xx")) {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(line, "Requests/sec:"); ok {
			rate, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
			return rate
		}
	}
	b.Fatalf("wrk said %s", out)
	return 0
}

// luaString writes bytes as Lua does.
func luaString(b []byte) string {
	var s strings.Builder
	s.WriteByte('"')
	for _, x := range b {
		fmt.Fprintf(&s, "\\%03d", x)
	}
	s.WriteByte('"')
	return s.String()
}
