package relay_test

import (
	"context"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
	"github.com/ctwo-go/c2/relay"
)

func TestMoreConnectionsThanMaxConns(t *testing.T) {
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{MaxConns: 3})
	h.http.CloseIdleConnections()
	await.True(t, "those of the set-up are closed", func() bool { h.http.CloseIdleConnections(); return h.takesAnother(3) })
}

// takesAnother fills the relay with max connections and tells whether that worked; if so it checks that one more is refused.
func (h *host) takesAnother(max int) bool {
	h.t.Helper()
	var conns []*rawConn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range max {
		c := h.dial()
		conns = append(conns, c)
		c.send(post("Echo", "Content-Length: 8\r\n", `["aGk="]`))
		if a, err := c.next(); err != nil || a.status != 200 {
			return false
		}
	}
	h.one("one too many", "", false, 429, "busy")
	conns[0].Close()
	await.True(h.t, "there is room again", func() bool {
		c := h.dial()
		defer c.Close()
		if _, err := c.Write([]byte(post("Echo", "Content-Length: 8\r\n", `["aGk="]`))); err != nil {
			return false
		}
		a, err := c.next()
		return err == nil && a.status == 200
	})
	return true
}

func TestMoreCallsThanMaxCalls(t *testing.T) {
	leaktest.Check(t)
	h, _, value := served(t, relay.Config{MaxCalls: 2})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	for range 2 {
		go func() {
			resp, err := h.http.Do(h.request("POST", "/v1/resources/t/Wait", "application/json", nil).WithContext(ctx))
			if err == nil {
				resp.Body.Close()
			}
			done <- err
		}()
		<-value.waiting
	}
	h.expectProblem2(t, "Echo", `["aGk="]`, 429, "busy")
	if status, body := h.get("/v1/resources"); status != 200 {
		t.Errorf("what is no call: %d %s", status, body)
	}
	cancel()
	<-done
	<-done
	await.True(t, "there is room again", func() bool { status, _ := h.call("Echo", `["aGk="]`); return status == 200 })
}

// shortListener fails now and then as one does whose process is out of descriptors.
type shortListener struct {
	net.Listener
	failures atomic.Int32
}

func (l *shortListener) Accept() (net.Conn, error) {
	if l.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestServesOnAfterWantOfDescriptors(t *testing.T) {
	leaktest.Check(t)
	r, err := relay.New(relay.Config{SocketDirs: []string{t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &shortListener{Listener: inner}
	ln.failures.Store(3)
	served := make(chan error, 1)
	go func() { served <- r.Serve(ln) }()
	h := &host{t: t, url: "http://" + inner.Addr().String()}
	if a := h.talk("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false); len(a) != 1 || a[0].status != 200 {
		t.Errorf("%+v", a)
	}
	if err := r.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func TestManyIdleConnections(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("opens as many connections as it can")
	}
	leaktest.Check(t)
	h, _, _ := served(t, relay.Config{HeaderTimeout: time.Hour, IdleTimeout: time.Hour}) // none ends before all are there
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10000, (int(limit.Cur)-500)/2) // both ends are here
	if race.Enabled {
		n = min(n, 1000)
	}
	before := heap()
	conns := make([]net.Conn, 0, n)
	for range n {
		c, err := net.Dial("tcp", h.url[len("http://"):])
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	await.True(t, "the relay has them all", func() bool { return h.metric("c2_relay_connections") > float64(n) })
	t.Logf("%d idle connections: %d bytes of heap and stacks each, both ends", n, (heap()-before)/int64(n))
	h.servesOn()
	for _, c := range conns {
		c.Close()
	}
	await.True(t, "they are gone", func() bool { return h.metric("c2_relay_connections") < 10 })
}

// heap is what the process uses of its heap and stacks.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
