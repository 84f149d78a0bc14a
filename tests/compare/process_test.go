package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/tests/compare/internal/peer"
	"github.com/ctwo-go/c2/tests/compare/internal/turn"
)

// start starts a peer's process in a role, from a socket path.
func start(t *testing.T, role, name, socket string) (*process, error) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return startProcess(roleCommand(program, role, name)(socket))
}

func TestAProcessThatCantStartSaysWhy(t *testing.T) {
	for _, tt := range []struct{ role, name, says string }{
		{serverRole, "nobody", `there is no peer "nobody"`},
		{"cook", "raw", "want server or client"},
		{clientRole, "raw", "no such file or directory"},
	} {
		p, err := start(t, tt.role, tt.name, t.TempDir()+"/s")
		if err == nil {
			p.end()
		}
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s %s: %v, want %q in it", tt.role, tt.name, err, tt.says)
		}
	}
}

func TestSilenceHasALimit(t *testing.T) {
	p := &process{cmd: exec.Command("cat")}
	if err := p.launch(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.line(time.Millisecond); err == nil || !strings.Contains(err.Error(), "it said nothing for 1ms") {
		t.Errorf("got %v, want that nothing was said", err)
	}
	if err := p.end(); err == nil {
		t.Error("the process was not ended")
	}
}

// TestALostServer ends a server: the turn that is under way fails, and so do all after it, at once.
func TestALostServer(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range goEntrants(program) {
		if e.name != "raw" {
			continue
		}
		p, err := startPair(e, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		req := turn.Request{Work: turn.Echo, Way: e.echoes[0], Size: 64, Calls: 3, Span: time.Minute, Callers: 1, Whole: true}
		if _, err := p.turn(req); err != nil {
			t.Fatal(err)
		}
		p.server.end()
		if a, err := p.turn(req); err == nil {
			t.Errorf("a turn came to %+v without a server", a)
		}
		if err := p.client.end(); err != nil {
			t.Errorf("the client did not end well: %v", err)
		}
	}
}

func TestAnUnknownWay(t *testing.T) {
	if _, err := callOf(&peer.Conn{}, turn.Request{Work: "dance", Way: "slow"}); err == nil {
		t.Error("a client took a turn that it can't take")
	}
}
