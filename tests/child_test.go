package tests

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// childVar names the role that a process started by these tests plays instead of running them.
const childVar = "C2_TESTS_CHILD"

// roles are the programs that a child may be. Each says "ready" on its standard output when it is, and ends when its
// standard input does.
var roles = map[string]func(args []string) error{
	"echo":   echoServer,
	"raw":    rawServer,
	"suite":  suiteServer,
	"tables": tablesServer,
	"pipe":   pipeServer,
	"crowd":  crowdCaller,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(childVar); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leaktest.Main(m)
}

// child is a process that a test started.
type child struct {
	*exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
}

// start runs the test binary as a child in the given role, and returns when it is ready. The child ends with the test
// at the latest.
func start(t testing.TB, role string, args ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVar+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: cmd, stdin: stdin, out: bufio.NewReader(stdout)}
	t.Cleanup(c.kill)
	if line := c.line(t); line != "ready" {
		t.Fatalf("child %s said %q", role, line)
	}
	return c
}

// line reads the next line that the child prints.
func (c *child) line(t testing.TB) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("child: %v", err)
	}
	return strings.TrimSpace(line)
}

// kill ends the child as kill -9 does, and returns when it is gone. It is idempotent.
func (c *child) kill() {
	if c.ProcessState == nil {
		c.Process.Kill()
		c.stdin.Close()
		c.Wait()
	}
}

// stop lets the child end in its own way.
func (c *child) stop(t testing.TB) {
	t.Helper()
	c.stdin.Close()
	io.Copy(io.Discard, c.out)
	if err := c.Wait(); err != nil {
		t.Fatalf("child: %v", err)
	}
}

// untilStdinEnds says ready, and gives a context that ends when the parent closes standard input or is gone.
func untilStdinEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready")
	return ctx
}
