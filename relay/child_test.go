package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/relayapi"
)

// serverUser is whose a server makes itself, if it is not empty.
const serverUser = "C2_RELAY_TEST_USER"

// runServer is a server of one table, "t", at an address. It prints its announcement, and then a line for each call of Wait.
func runServer(args []string) error {
	if uid, err := strconv.Atoi(os.Getenv(serverUser)); err == nil {
		if err := syscall.Setuid(uid); err != nil {
			return err
		}
	}
	n, err := c2.NewNode(c2.Address(args[0]))
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
	ended := child.UntilInputEnds()
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	go func() {
		for range value.waiting {
			fmt.Println("waiting")
		}
	}()
	<-ended.Done()
	return n.Shutdown(context.Background())
}

// serverProcess is a server in a process of its own.
type serverProcess struct {
	*child.Program
	said relayapi.Announcement
}

// startServer starts a server at an address, with more in its environment.
func startServer(t testing.TB, address string, env ...string) *serverProcess {
	t.Helper()
	cmd := child.Command("server", address)
	cmd.Env = append(cmd.Env, env...)
	s := &serverProcess{Program: child.Launch(t, cmd)}
	s.Ready(t)
	if err := json.Unmarshal([]byte(s.Line(t)), &s.said); err != nil {
		t.Fatal(err)
	}
	return s
}

// address is that of a socket which is not there yet.
func (h *host) address() string { return fmt.Sprintf("ipc://%s/n%d.sock", h.dir, sockets.Add(1)) }

// startOther starts a server of the user nobody.
func startOther(t testing.TB, address string) *serverProcess {
	t.Helper()
	return startServer(t, address, serverUser+"=65534")
}
