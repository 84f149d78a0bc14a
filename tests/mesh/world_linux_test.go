package mesh

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// world is some hosts, each with a network namespace, a relay and a directory of its own, joined by a wire. The processes of
// all hosts see their own directory at the same path, and no other.
type world struct {
	*testing.T
	dir   string
	c3    string
	wire  *wire
	hosts []*meshHost
}

// meshHost is a host of a world.
type meshHost struct {
	world     *world
	index     int
	namespace string
	addr      netip.Addr
	url       string // of its relay
	http      *http.Client
	relay     *meshProcess // nil while there is none
	log       *os.File
}

// worlds tells those of one process from each other.
var worlds atomic.Int32

// TestMesh has meshes of relays, each with hosts of its own.
func TestMesh(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute and a half, and network namespaces")
	}
	leaktest.Check(t)
	c3 := buildC3(t, t.TempDir())
	for _, x := range []struct {
		name string
		test func(t *testing.T, c3 string)
	}{
		{"Hosts", meshHosts},
		{"Kills", meshKills},
		{"Parts", meshParts},
		{"BadLinks", meshBadLinks},
		{"Keys", meshKeys},
		{"RollingRestart", meshRollingRestart},
		{"Move", meshMove},
		{"Writes", meshWrites},
		{"Silence", meshSilence},
	} {
		t.Run(x.name, func(t *testing.T) { x.test(t, c3) })
	}
}

// newWorld makes hosts on which nothing runs. It skips the test where that can't be done.
func newWorld(t *testing.T, c3 string, n int) *world {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("there is no ip command (Debian: iproute2): %v", err)
	}
	w := &world{T: t, dir: t.TempDir(), c3: c3, wire: newWire()}
	t.Cleanup(w.wire.close)
	number := worlds.Add(1)
	for _, dir := range []string{"here", "hosts"} {
		w.must(os.Mkdir(filepath.Join(w.dir, dir), 0o700))
	}
	for i := range n {
		w.hosts = append(w.hosts, w.newHost(i, fmt.Sprintf("c2-%d-%d-%d", os.Getpid(), number, i)))
	}
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) newHost(i int, namespace string) *meshHost {
	w.Helper()
	if out, err := exec.Command("ip", "netns", "add", namespace).CombinedOutput(); err != nil {
		w.Skipf("no network namespaces can be made here: %v: %s", err, out)
	}
	w.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "delete", namespace).CombinedOutput(); err != nil {
			w.Errorf("deleting the namespace %s: %v: %s", namespace, err, out)
		}
	})
	h := &meshHost{world: w, index: i, namespace: namespace, addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 1)})}
	h.url = fmt.Sprintf("http://%s:8080", h.addr)
	if err := w.wire.attach(namespace, "c2", h.addr); err != nil {
		w.Skipf("no network interfaces of programs can be made here: %v", err)
	}
	for _, args := range [][]string{
		{"link", "set", "lo", "up"}, {"link", "set", "c2", "up"}, {"address", "add", h.addr.String() + "/24", "dev", "c2"},
	} {
		if out, err := exec.Command("ip", append([]string{"-n", namespace}, args...)...).CombinedOutput(); err != nil {
			w.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	w.must(os.MkdirAll(filepath.Join(h.path("run"), "c2"), 0o700))
	var err error
	h.log, err = os.Create(h.path("log"))
	w.must(err)
	if out, err := h.command("true").Output(); err != nil {
		h.log.Close()
		text, _ := os.ReadFile(h.path("log"))
		w.Skipf("no processes can be started on hosts here: %v: %s%s", err, out, text)
	}
	h.http = &http.Client{Transport: &http.Transport{DialContext: h.dial}, Timeout: 5 * time.Second}
	w.Cleanup(func() {
		h.http.CloseIdleConnections()
		h.log.Close()
		text, err := os.ReadFile(h.path("log"))
		if at := bytes.Index(text, []byte("DATA RACE")); err != nil || at >= 0 {
			w.Errorf("host %d: %v\n%s", i, err, text[max(at, 0):min(len(text), max(at, 0)+8000)])
		}
		if w.Failed() {
			w.Logf("the log of host %d:\n%s", i, text[max(0, len(text)-8000):])
		}
	})
	return h
}

// path is a file of the host, as the test sees it.
func (h *meshHost) path(name string) string {
	return filepath.Join(h.world.dir, "hosts", fmt.Sprint(h.index), name)
}

// dial connects as a process on the host would.
func (h *meshHost) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = inNamespace(h.namespace, func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// enterHost is what a process does first on a host: its directory is where every host's is, and there are no others.
const enterHost = `mount --bind "$0/hosts/$1" "$0/here" && mount -t tmpfs none "$0/hosts" && cd "$0/here" && shift && exec "$@"`

// command runs a program on the host.
func (h *meshHost) command(program string, args ...string) *exec.Cmd {
	w := h.world
	all := append([]string{"netns", "exec", h.namespace, "sh", "-c", enterHost, w.dir, fmt.Sprint(h.index), program}, args...)
	cmd := exec.Command("ip", all...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+w.dir+"/here/run", "C2_RELAY="+h.url, promptRace)
	cmd.Stderr = h.log
	return cmd
}

// launch starts a process on the host, which ends with the test at the latest.
func (h *meshHost) launch(cmd *exec.Cmd) *meshProcess {
	h.world.Helper()
	return &meshProcess{child.Launch(h.world, cmd)}
}

// role starts this binary in a role on the host, with more in its environment.
func (h *meshHost) role(env []string, role string, args ...string) *meshProcess {
	h.world.Helper()
	cmd := h.command(os.Args[0], args...)
	cmd.Env = append(append(cmd.Env, child.Env(role)), env...)
	p := h.launch(cmd)
	p.Ready(h.world)
	return p
}

// server starts a server on the host with a tally under each of the names.
func (h *meshHost) server(names ...string) *meshProcess {
	h.world.Helper()
	env := []string{"C2_ADDRESS=ipc://server"}
	return h.role(env, "mesh-server", append([]string{fmt.Sprintf("server-%d", h.index)}, names...)...)
}

// startRelay starts the host's relay, and does not wait for it.
func (h *meshHost) startRelay(flags ...string) {
	h.world.Helper()
	all := append([]string{"relay", "--bind", h.addr.String() + ":8080", "--relay-id", fmt.Sprintf("r%d", h.index)}, flags...)
	cmd := h.command(h.world.c3, all...)
	cmd.Env = append(cmd.Env, "C2_LOG_LEVEL=debug")
	h.relay = h.launch(cmd)
}

// stopRelay ends the host's relay in its own way.
func (h *meshHost) stopRelay() {
	h.world.Helper()
	h.world.must(h.relay.Process.Signal(syscall.SIGTERM))
	h.relay.Stop(h.world)
	h.relay = nil
}

// killRelay ends the host's relay at once.
func (h *meshHost) killRelay() {
	h.relay.Kill()
	h.relay = nil
}

// seeds is the flag with the URLs of the first n hosts' relays.
func (w *world) seeds(n int) string {
	var urls []string
	for _, h := range w.hosts[:n] {
		urls = append(urls, h.url)
	}
	return "--seeds=" + strings.Join(urls, ",")
}

// get asks the host's relay, from the host.
func (h *meshHost) get(path string, answer any) bool {
	return h.request(http.MethodGet, path, nil, answer) == http.StatusOK
}

// request asks the host's relay, from the host, and returns the status, 0 if there is no answer.
func (h *meshHost) request(verb, path string, body []byte, answer any) int {
	req, err := http.NewRequest(verb, h.url+path, bytes.NewReader(body))
	h.world.must(err)
	req.Header.Set("Content-Type", relayapi.TypeJSON)
	resp, err := h.http.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return 0
	}
	return resp.StatusCode
}

// places is where the host's relay says that a resource is, the relays' names in their order.
func (h *meshHost) places(name string) string {
	var found relayapi.Resolution
	if !h.get(relayapi.PathResolve+name, &found) {
		return ""
	}
	var relays []string
	for _, p := range found.Candidates {
		relays = append(relays, p.Relay)
	}
	return strings.Join(relays, " ")
}

// alive counts the relays that the host's says to live.
func (h *meshHost) alive() int {
	var all relayapi.Members
	n := 0
	h.get(relayapi.PathMembers, &all)
	for _, m := range all.Members {
		if m.Status == "alive" {
			n++
		}
	}
	return n
}

// within waits for a condition, and returns how long that took.
func (w *world) within(limit time.Duration, what string, cond func() bool) time.Duration {
	w.Helper()
	took, ok := await.Within(limit, cond)
	if !ok {
		w.Fatalf("not within %v: %s\n%s", limit, what, w.members())
	}
	return took
}

// members is what c3 members says on each host.
func (w *world) members() string {
	var all strings.Builder
	for _, h := range w.hosts {
		if h.relay != nil {
			out, _ := h.c3("members")
			fmt.Fprintf(&all, "on host %d:\n%s", h.index, out)
		}
	}
	return all.String()
}

// run runs c3 on the host, and returns what it prints and its exit status.
func (h *meshHost) c3(args ...string) (string, int) {
	cmd := h.command(h.world.c3, append([]string{"--relay", h.url}, args...)...)
	cmd.Stderr = nil
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}
