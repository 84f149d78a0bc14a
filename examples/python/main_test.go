// Package python holds an example in Python: wind.py. Its test runs that against the relay and the server of examples/relay.
package python

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// interpreter is a Python to run the example with; PYTHON names another one, say that of a virtual environment.
func interpreter(t *testing.T) string {
	t.Helper()
	name := os.Getenv("PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.CommandContext(t.Context(), name, "-c", "import sys; sys.exit(sys.version_info < (3, 8))").CombinedOutput(); err != nil {
		t.Skipf("there is no Python 3.8 or later (%s): %v %s", name, err, out)
	}
	return name
}

// windAt starts a relay, and the server of examples/relay, and returns the relay's URL.
func windAt(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "c2")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	url := relayAt(t)
	startServer(t, dir, url)
	return url
}

// relayAt starts a relay, and returns its URL.
func relayAt(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r, err := relay.New(relay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	go r.Serve(ln)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := r.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

func startServer(t *testing.T, dir, url string) {
	t.Helper()
	program := filepath.Join(dir, "wind")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../relay").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(program, "-serve", url)
	server.Stderr = os.Stderr
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Process.Signal(syscall.SIGTERM), server.Wait()); err != nil {
			t.Error(err)
		}
	})
	await.Nothing(t, await.Limit, func() string {
		d, err := c2.ConnectDynamic(t.Context(), "wind", c2.Relay(url))
		if err != nil {
			return err.Error()
		}
		d.Close()
		return ""
	})
}

func TestScript(t *testing.T) {
	leaktest.Check(t)
	python := interpreter(t)
	cmd := exec.CommandContext(t.Context(), python, "wind.py", windAt(t))
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8", "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		"4800 points, mean 4.54 m/s, answered by process ",
		"at Paris 2.06 m/s towards 226°",
		"at New York: no wind is known at this place (status 500, code resource, names ['wind.outside'])",
		"a wrong argument: status 400, code invalid; may it have run? False",
		"no time for that: status 504, code deadline, in time; may it have run? True",
	}
	if strings.Contains(string(out), "numpy and cbor2 are not there") {
		t.Log("without numpy and cbor2: only JSON was tried")
	} else {
		want = append(want,
			"4800 speeds as float64, mean 4.54; has the array numbers of its own? False",
			"4 columns, mean 4.54, north of 57° 6.33", "have they numbers of their own? False",
			"1600 points changed")
	}
	for _, line := range want {
		if !strings.Contains(string(out), line) {
			t.Errorf("it does not print %q", line)
		}
	}
	if t.Failed() {
		t.Logf("it prints\n%s", out)
	}
}

// Who has not started everything is told what to start.
func TestScriptWithoutServer(t *testing.T) {
	leaktest.Check(t)
	python := interpreter(t)
	for url, want := range map[string]string{
		"http://127.0.0.1:1": "no answer from a relay at http://127.0.0.1:1: ",
		relayAt(t) + "/":     `says: no resource "wind" is announced here; start the server with`,
	} {
		cmd := exec.CommandContext(t.Context(), python, "wind.py")
		cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1", "C2_RELAY="+url)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "Traceback") {
			t.Errorf("at %s: %v\n%s", url, err, out)
		}
	}
}
