package mesh

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// meshCrowd is a child with many servers, each of which has many resources when it is told so.
func meshCrowd(args []string) error {
	number, _ := strconv.Atoi(args[1])
	var nodes []*c2.Node
	for i := range crowdServers {
		n, err := roleNode(c2.Address(fmt.Sprintf("ipc://%s-%d", args[0], i)))
		if err != nil {
			return err
		}
		nodes = append(nodes, n)
	}
	all := &posts{times: make(map[string]int)}
	err := obey(func(o *order) {
		for i, n := range nodes {
			for j := range number {
				o.fail(c2.Register[Tally](fmt.Sprintf("%s-%d-%d", args[0], i, j), &tally{server: args[0], posts: all}, c2.On(n)))
			}
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, n := range nodes {
		err = errors.Join(err, n.Shutdown(ctx))
	}
	return err
}

const (
	crowdProcesses = 5
	crowdServers   = 10 // in each
	crowdResources = 100
	crowdAll       = crowdProcesses * crowdServers * crowdResources
)

// localRelay is a relay on loopback.
type localRelay struct {
	*child.Program
	url  string
	http *http.Client
}

// startLocal starts a relay with flags, and waits until it serves. It has ended when its standard error, which is read for
// as long, does.
func startLocal(t *testing.T, c3, dir, bind string, flags ...string) *localRelay {
	t.Helper()
	cmd := exec.Command(c3, append([]string{"relay", "--bind", bind, "--gossip-bind", "127.0.0.1:0"}, flags...)...)
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "C2_LOG_LEVEL=info", promptRace)
	cmd.Dir = dir
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &localRelay{Program: child.Launch(t, cmd), http: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(r.http.CloseIdleConnections)
	lines := bufio.NewScanner(log)
	said := ""
	for lines.Scan() {
		var entry struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Message == "relay serves" {
			r.url = "http://" + entry.Address
			go io.Copy(io.Discard, log)
			return r
		}
		said += lines.Text() + "\n"
	}
	t.Fatalf("the relay does not serve:\n%s", said)
	return nil
}

func (r *localRelay) get(path string, answer any) bool {
	resp, err := r.http.Get(r.url + path)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(answer) == nil
}

// routes is how many routes the relay knows that another one has.
func (r *localRelay) routes(of string) int {
	if m := member(r, of); m != nil {
		return m.Routes
	}
	return -1
}

// localMesh is some relays on loopback that know each other.
type localMesh struct {
	*testing.T
	c3, dir string
	relays  []*localRelay
}

func newLocalMesh(t *testing.T, n int) *localMesh {
	t.Helper()
	dir, err := os.MkdirTemp("", "c2-mesh") // short, for the names of sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &localMesh{T: t, c3: buildC3(t, dir), dir: dir}
	m.relays = []*localRelay{startLocal(t, m.c3, dir, child.FreeAddress(t), "--relay-id=r0")} // where it can be started anew
	for i := 1; i < n; i++ {
		m.relays = append(m.relays, startLocal(t, m.c3, dir, "127.0.0.1:0", fmt.Sprintf("--relay-id=r%d", i), "--seeds="+m.relays[0].url))
	}
	m.until("the relays have found each other", m.everywhere(0))
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("C2_RELAY", m.relays[0].url)
	return m
}

// until waits for a condition, and returns how long that took.
func (m *localMesh) until(what string, cond func() bool) time.Duration {
	m.Helper()
	took, ok := await.Within(time.Minute, cond)
	if !ok {
		for i, r := range m.relays {
			m.Logf("relay %d knows %d routes of r0", i, r.routes("r0"))
		}
		m.Fatalf("not within a minute: %s", what)
	}
	return took
}

// everywhere tells whether all relays know so many routes of the first one.
func (m *localMesh) everywhere(n int) func() bool {
	return func() bool {
		return !slices.ContainsFunc(m.relays, func(r *localRelay) bool { return r.routes("r0") != n })
	}
}

// crowd has many servers register what they have at once, and measures until all relays know.
func (m *localMesh) crowd() (crowds []*meshProcess) {
	m.Helper()
	for i := range crowdProcesses {
		crowds = append(crowds, startObeying(m.T, "mesh-crowd", fmt.Sprintf("crowd-%d", i), strconv.Itoa(crowdResources)))
	}
	begun := time.Now()
	for _, c := range crowds {
		c.tell(m.T, order{Do: "register"})
	}
	m.until("the first relay has all routes", func() bool { return m.relays[0].routes("r0") == crowdAll })
	there := time.Since(begun)
	m.until("all relays have all routes", m.everywhere(crowdAll))
	took := time.Since(begun)
	m.Logf("%d servers announced %d resources in %v; all relays had them after %v", crowdProcesses*crowdServers, crowdAll, there, took)
	for _, c := range crowds {
		if o := c.hear(m.T); o.Code != "" {
			m.Errorf("%+v", o)
		}
	}
	return crowds
}

// TestMeshBurst has many servers with many resources announce themselves at once at one of several relays, and again when that
// one is started anew.
func TestMeshBurst(t *testing.T) {
	leaktest.Check(t)
	if testing.Short() {
		t.Skip("takes seconds")
	}
	m := newLocalMesh(t, 5)
	crowds := m.crowd()
	var routes relayapi.Routes
	names := make(map[string]bool)
	m.relays[4].get(relayapi.PathResources, &routes)
	for _, r := range routes.Resources {
		names[r.Name] = true
	}
	if len(names) != crowdAll || len(routes.Resources) != crowdAll {
		t.Errorf("another relay lists %d resources with %d names", len(routes.Resources), len(names))
	}

	address := strings.TrimPrefix(m.relays[0].url, "http://")
	m.relays[0].Kill()
	first := startLocal(t, m.c3, m.dir, address, "--relay-id=r0", "--seeds="+m.relays[1].url)
	m.relays[0] = first
	took := m.until("the relay that was started anew has all routes", func() bool { return first.routes("r0") == crowdAll })
	t.Logf("a relay that was started anew had all routes again %v after it served", took)
	m.until("all relays have them", m.everywhere(crowdAll))

	begun := time.Now()
	for _, c := range crowds {
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	m.until("no relay has any", m.everywhere(0))
	t.Logf("when their servers were killed they were gone everywhere after %v", time.Since(begun))
}
