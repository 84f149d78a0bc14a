package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/race"
	"github.com/ctwo-go/c2/relay"
)

// giant is a body as large as a relay's own memory must not be.
const giant = 1 << 30

// runRelay is a relay for a directory of sockets. It prints its URL.
func runRelay(args []string) error {
	r, err := relay.New(relay.Config{SocketDirs: args, MaxBody: giant + 1<<20})
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() { _ = r.Serve(ln) }()
	ended := child.UntilInputEnds()
	fmt.Println("http://" + ln.Addr().String())
	<-ended.Done()
	return r.Shutdown(context.Background())
}

// status is a figure of a process's, in bytes.
func status(t testing.TB, pid int, key string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no %s in %s", key, text)
	return 0
}

// peak finds how far a process's memory rises while do runs.
func peak(t testing.TB, pid int, do func()) (rss, anon int64) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(10 * time.Millisecond); ; {
			rss, anon = max(rss, status(t, pid, "VmRSS")), max(anon, status(t, pid, "RssAnon"))
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(stop)
	<-done
	return rss, anon
}

// available is how much memory the machine has left, in bytes.
func available(t testing.TB) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "MemAvailable:")
	var n int64
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// startRelay starts a relay in a process of its own.
func startRelay(t testing.TB, dir string) (url string, pid int) {
	t.Helper()
	p := child.Start(t, "relay", dir)
	return p.Line(t), p.Process.Pid
}

// The relay's memory does not grow with the bodies that it passes on.
func TestMemoryOfGiantBodies(t *testing.T) {
	if testing.Short() || race.Enabled || runtime.GOOS != "linux" {
		t.Skip("passes gigabytes on, and reads /proc")
	}
	if has := available(t); has < 2*giant {
		t.Skipf("%d MiB of memory are left, it takes %d", has>>20, 2*giant>>20)
	}
	leaktest.Check(t)
	for _, shm := range []string{"on", "off"} {
		dir := t.TempDir()
		url, pid := startRelay(t, dir)
		h := &host{t: t, dir: dir, url: url, http: &http.Client{Transport: &http.Transport{}}}
		c := startServer(t, "ipc://"+filepath.Join(dir, "s.sock"), "C2_IPC_SHM="+shm, "C2_MAX_PAYLOAD=4294967296")
		body, err := json.Marshal(c.said)
		if err != nil {
			t.Fatal(err)
		}
		if status, _, answer := h.do(h.request("POST", "/v1/routes", "application/json", body)); status != 200 {
			t.Fatalf("%d %s", status, answer)
		}
		h.servesOn()
		for what, do := range map[string]func(){"to the server": func() { h.giveGiant() }, "from the server": func() { h.takeGiant() }} {
			idle, idleAnon := status(t, pid, "VmRSS"), status(t, pid, "RssAnon")
			began := time.Now()
			rss, anon := peak(t, pid, do)
			t.Logf("shared memory %s, %d MiB %s in %v: VmRSS +%d MiB, RssAnon +%d MiB", shm, giant>>20, what, time.Since(began), (rss-idle)>>20, (anon-idleAnon)>>20)
			if rss-idle > 64<<20 || anon-idleAnon > 64<<20 {
				t.Errorf("that is more than 64 MiB")
			}
		}
		h.http.CloseIdleConnections()
		c.Kill()
	}
}

// giveGiant calls Len with a giant body.
func (h *host) giveGiant() {
	h.t.Helper()
	head := []byte{0x81, 0x5b, 0, 0, 0, 0, giant >> 24 & 0xff, giant >> 16 & 0xff, giant >> 8 & 0xff, giant & 0xff}
	req, err := http.NewRequest("POST", h.url+"/v1/resources/t/Len", io.MultiReader(strings.NewReader(string(head)), io.LimitReader(zeros{}, giant)))
	if err != nil {
		h.t.Fatal(err)
	}
	req.ContentLength = int64(len(head)) + giant
	req.Header.Set("Content-Type", "application/cbor")
	req.Header.Set("Accept", "application/json")
	if status, _, answer := h.do(req); status != 200 || strings.TrimSpace(string(answer)) != fmt.Sprintf("[%d]", giant) {
		h.t.Errorf("%d %s", status, answer)
	}
}

// takeGiant calls Made for a giant answer.
func (h *host) takeGiant() {
	h.t.Helper()
	args, err := codec.Marshal([]any{giant})
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := h.http.Do(h.request("POST", "/v1/resources/t/Made", "application/cbor", args))
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, make([]byte, 1<<20))
	if err != nil || resp.StatusCode != 200 || n < giant {
		h.t.Errorf("%d: %d bytes, %v", resp.StatusCode, n, err)
	}
}

// zeros reads as zeros without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
