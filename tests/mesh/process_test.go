package mesh

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/race"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// asked is a relay that answers questions, if it is there.
type asked interface {
	get(path string, answer any) bool
}

// member is what a relay says of one of the mesh, nil if it says nothing of it.
func member(of asked, id string) *relayapi.Member {
	var all relayapi.Members
	of.get(relayapi.PathMembers, &all)
	for i := range all.Members {
		if all.Members[i].ID == id {
			return &all.Members[i]
		}
	}
	return nil
}

// promptRace has programs with the race detector end without the second that they wait for races to be found.
const promptRace = "GORACE=atexit_sleep_ms=10"

// buildC3 builds the command, with the race detector where the tests have it.
func buildC3(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "c3")
	args := []string{"build", "-buildvcs=false", "-o", path}
	if race.Enabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "github.com/ctwo-go/c2/cmd/c3")...).CombinedOutput()
	if err != nil {
		t.Fatalf("building c3: %v\n%s", err, out)
	}
	return path
}

// meshProcess is a process that is told what to do.
type meshProcess struct {
	*child.Program
}

// ask has a role do something, and returns what it says.
func (p *meshProcess) ask(t testing.TB, o order) order {
	t.Helper()
	p.tell(t, o)
	return p.hear(t)
}

// tell has a role do something.
func (p *meshProcess) tell(t testing.TB, o order) {
	t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.In.Write(append(text, '\n')); err != nil {
		t.Fatal(err)
	}
}

// hear waits for what a role says to what it was told.
func (p *meshProcess) hear(t testing.TB) (answer order) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.Line(t)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// startObeying starts a child that obeys.
func startObeying(t testing.TB, role string, args ...string) *meshProcess {
	t.Helper()
	return &meshProcess{child.Start(t, role, args...)}
}
