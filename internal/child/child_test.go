package child_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) {
	child.Roles{
		"echo": func(args []string) error {
			ended := child.UntilInputEnds()
			fmt.Println(strings.Join(args, " "))
			<-ended.Done()
			fmt.Println("over")
			return nil
		},
		"broken": func([]string) error { return errors.New("broken on purpose") },
	}.Play()
	leaktest.Main(m)
}

// TestLife: a program says what it has to, and ends in its own way or not.
func TestLife(t *testing.T) {
	leaktest.Check(t)
	p := child.Start(t, "echo", "a", "b")
	if line := p.Line(t); line != "a b" {
		t.Errorf("it says %q", line)
	}
	p.Stop(t)
	p.Kill() // there is nothing left to kill
	if !p.ProcessState.Success() {
		t.Error(p.ProcessState)
	}
	p = child.Start(t, "echo")
	p.Kill()
	p.Kill()
	if p.ProcessState.ExitCode() >= 0 {
		t.Errorf("it ended by itself: %v", p.ProcessState)
	}
}

// TestFaults: what is wrong with a program is on its standard error.
func TestFaults(t *testing.T) {
	leaktest.Check(t)
	for role, want := range map[string]string{"broken": "broken on purpose", "none": `no role "none"`} {
		cmd := child.Command(role)
		cmd.Stderr = nil
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), want) {
			t.Errorf("%s: %v, %q", role, err, out)
		}
	}
	if cmd := child.Command("echo"); cmd.Path != os.Args[0] && cmd.Args[0] != os.Args[0] {
		t.Errorf("it runs %v", cmd)
	}
}

// TestFreeAddress: what is in use is not free.
func TestFreeAddress(t *testing.T) {
	leaktest.Check(t)
	first := child.FreeAddress(t)
	l, err := net.Listen("tcp", first)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if child.IsFree(first) {
		t.Errorf("%s is free, and somebody listens there", first)
	}
}
