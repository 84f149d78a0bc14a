package ipc

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// A server that starts removes what dead ones left under made-up names, and nothing else.
func TestDeadSocketsAreSwept(t *testing.T) {
	leaktest.Check(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if err := os.Mkdir(RuntimeDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	leave := func(name string) string { // a file on which nobody listens
		path := filepath.Join(RuntimeDir(), name)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		return path
	}
	dead := leave(fmt.Sprintf("c2-%d-0123456789ab.sock", gone.Process.Pid))
	kept := []string{
		leave(fmt.Sprintf("c2-%d-0123456789ab.sock", os.Getpid())), leave("demo.sock"), leave("c2-x-0123456789ab.sock"), leave("c2--1-a.sock"),
		filepath.Join(RuntimeDir(), fmt.Sprintf("c2-%d-file.sock", gone.Process.Pid)), filepath.Join(RuntimeDir(), fmt.Sprintf("c2-%d-lives.sock", gone.Process.Pid)),
	}
	if err := os.WriteFile(kept[4], nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := net.Listen("unix", kept[5]) // as that of another container
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	address := InventAddress()
	s, err := Listen(address, nil, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Lstat(dead); err == nil {
		t.Errorf("%s is still there", dead)
	}
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("it removed %v", err)
		}
	}
	if again := InventAddress(); again == address {
		t.Errorf("%s twice", again)
	}
}
