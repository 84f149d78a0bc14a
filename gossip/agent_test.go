package gossip

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// agentModule builds the serf command from the same release as this module links, in a module of its own so that what
// the command needs is nobody's dependency.
const agentModule = `module agent

go 1.26.0

require github.com/hashicorp/serf v0.11.0
`

// buildAgent builds the serf command, or skips the test.
func buildAgent(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("building the serf command takes too long")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(agentModule), 0o600); err != nil {
		t.Fatal(err)
	}
	tools := "package tools\n\nimport _ \"github.com/hashicorp/serf/cmd/serf/command\"\n"
	if err := os.WriteFile(filepath.Join(dir, "tools.go"), []byte(tools), 0o600); err != nil {
		t.Fatal(err)
	}
	command := filepath.Join(dir, "serf")
	for _, args := range [][]string{{"mod", "tidy"}, {"build", "-o", command, "github.com/hashicorp/serf/cmd/serf"}} {
		c := exec.CommandContext(t.Context(), "go", args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if text, err := c.CombinedOutput(); err != nil {
			t.Skipf("the serf command can't be built here: go %s: %v\n%s", strings.Join(args, " "), err, text)
		}
	}
	return command
}

// startAgent starts a serf agent that joins a mesh, and ends it with the test.
// It returns the address where the command asks it.
func startAgent(t *testing.T, command, join string) (rpc string) {
	t.Helper()
	rpc = child.FreeAddress(t)
	c := exec.Command(command, "agent", "-node", "watcher", "-bind", "127.0.0.1:0", "-rpc-addr", rpc, "-join", join)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 1)
	go func() {
		var text strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
		}
		said <- text.String()
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		text := <-said
		_ = c.Wait()
		if t.Failed() {
			t.Logf("the agent said:\n%s", text)
		}
	})
	return rpc
}

// TestStockAgent: the serf command joins a mesh of relays, for debugging. It is a member without a table, nobody pulls from
// it or pushes to it, and it is told of the relays' tags.
func TestStockAgent(t *testing.T) {
	command := buildAgent(t)
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a", func(c *Config) { c.Tuning = Tuning{} })
	b := w.start("b", seeded(a), func(c *Config) { c.Tuning = Tuning{} })
	rpc := startAgent(t, command, a.Address())
	await.Nothing(t, 10*time.Second, func() string {
		for _, m := range b.Members() {
			if m.ID == "watcher" && m.Status == Alive && m.Incarnation == 0 && m.URL == "" {
				return ""
			}
		}
		return "the agent is no member"
	})
	if err := a.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, await.Limit, func() string { return sees(b, []*Mesh{a, b}) })
	await.Nothing(t, 10*time.Second, func() string {
		text, err := exec.CommandContext(t.Context(), command, "members", "-rpc-addr", rpc).CombinedOutput()
		if tag := a.ledger.tag(at("a")).String(); err != nil || !strings.Contains(string(text), tag) {
			return "serf members does not show the tag " + tag + ": " + string(text)
		}
		return ""
	})
	if n := b.Counts().Failed; n != 0 {
		t.Errorf("%d pulls failed", n)
	}
}
