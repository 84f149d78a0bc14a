package relay_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// childAddress is where this program, started again, is to serve instead of running tests.
const (
	childAddress = "C2_RELAY_TEST_ADDRESS"
	childUser    = "C2_RELAY_TEST_USER" // whose it makes itself, if not empty
)

// runChild serves one table, "t", until its input ends. It prints its announcement, and then a line for each call of Wait.
func runChild(address string) error {
	if uid, err := strconv.Atoi(os.Getenv(childUser)); err == nil {
		if err := syscall.Setuid(uid); err != nil {
			return err
		}
	}
	n, err := c2.NewNode(c2.Address(address))
	if err != nil {
		return err
	}
	value := newTable()
	if err := c2.Register[bench]("t", value, c2.On(n)); err != nil {
		return err
	}
	a, err := announcementOf(n.Address(), 1)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	go func() {
		for range value.waiting {
			fmt.Println("waiting")
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
	return n.Shutdown(context.Background())
}

// child is a server in a process of its own.
type child struct {
	cmd   *exec.Cmd
	input io.Closer
	out   *bufio.Reader
	said  relayapi.Announcement
}

func startChild(t testing.TB, address string, env ...string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), childAddress+"="+address), env...)
	cmd.Stderr = os.Stderr
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
	c := &child{cmd: cmd, input: in, out: bufio.NewReader(out)}
	t.Cleanup(c.kill)
	line, err := c.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &c.said)
	}
	if err != nil {
		t.Fatalf("the child said %q: %v", line, err)
	}
	return c
}

// kill ends the process as kill -9 does.
func (c *child) kill() {
	c.input.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

// address is that of a socket which is not there yet.
func (h *host) address() string { return fmt.Sprintf("ipc://%s/n%d.sock", h.dir, sockets.Add(1)) }

// startOther starts a server of the user nobody, or returns nil.
func startOther(t testing.TB, address string) *child {
	t.Helper()
	return startChild(t, address, childUser+"=65534")
}
