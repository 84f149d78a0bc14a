// Package child runs a package's test binary as other programs that its tests talk to: in roles, each a process of its own, which
// ends with the test that started it.
//
//	var roles = child.Roles{"server": serve}
//
//	func TestMain(m *testing.M) {
//		roles.Play()
//		leaktest.Main(m)
//	}
//
// It imports the standard library only, and is for tests only.
package child

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// variable names the role that a process plays.
const variable = "C2_TEST_ROLE"

// Roles are the programs that a binary may be, by name. Each is given the arguments of its process. It calls [UntilInputEnds] when it
// is ready, and returns when that says so.
type Roles map[string]func(args []string) error

// Play plays the role in which the process was started, and ends it: with status 1 and the error on its standard error if there is
// one. It returns at once in a process that was started in none.
func (r Roles) Play() {
	role, is := os.LookupEnv(variable)
	if !is {
		return
	}
	play, err := r[role], error(nil)
	if play == nil {
		err = fmt.Errorf("there is no role %q", role)
	} else {
		err = play(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// UntilInputEnds says that the process is ready, and gives a context that ends when the one that started it wants it to end, or is
// gone.
func UntilInputEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println(ready)
	return ctx
}

// ready is the first line that a role prints.
const ready = "ready"

// Env is the variable that has the test's binary play a role, as it stands in an environment.
func Env(role string) string { return variable + "=" + role }

// Command runs the test's binary in a role, with the environment of the test and the same standard error.
func Command(role string, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), Env(role))
	cmd.Stderr = os.Stderr
	return cmd
}

// Program is a process that a test started. It is for one goroutine at a time.
type Program struct {
	*exec.Cmd
	In  io.WriteCloser // its standard input, whose end it ends with
	Out *bufio.Reader  // its standard output
}

// Start runs the test's binary in a role, and returns when it is ready. The process ends with the test at the latest.
func Start(t testing.TB, role string, args ...string) *Program {
	t.Helper()
	p := Launch(t, Command(role, args...))
	p.Ready(t)
	return p
}

// Launch starts a command, whose standard input and output become the process's. It ends with the test at the latest.
func Launch(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &Program{Cmd: cmd, In: in, Out: bufio.NewReader(out)}
	t.Cleanup(p.Kill)
	return p
}

// Ready waits until a role is ready.
func (p *Program) Ready(t testing.TB) {
	t.Helper()
	if line := p.Line(t); line != ready {
		t.Fatalf("%v said %q", p.Args, line)
	}
}

// Line reads the next line that the process prints, or fails the test if it ends before.
func (p *Program) Line(t testing.TB) string {
	t.Helper()
	line, err := p.Out.ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %v", p.Args, err)
	}
	return strings.TrimSpace(line)
}

// Kill ends the process as kill -9 does, and returns when it is gone. It is idempotent.
func (p *Program) Kill() {
	if p.ProcessState == nil {
		p.Process.Kill()
		p.In.Close()
		p.Wait()
	}
}

// Stop lets the process end in its own way, and fails the test if it has another status than 0.
func (p *Program) Stop(t testing.TB) {
	t.Helper()
	p.In.Close()
	io.Copy(io.Discard, p.Out)
	if err := p.Wait(); err != nil {
		t.Fatalf("%v: %v", p.Args, err)
	}
}
