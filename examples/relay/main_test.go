package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// TestMain lets the tests run this program as others do: the test's own binary is the program where asProgram is set.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const asProgram = "RELAY_AS_PROGRAM"

// program is a process of this program that has not started, with a place for sockets of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // t.Context ends before cleanup
	t.Cleanup(cancel)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1", "C2_RELAY=", "C2_TOKEN=")
	return cmd
}

// socketsIn gives this process and those that it starts a new place for their sockets.
func socketsIn(t *testing.T) {
	dir, err := os.MkdirTemp("", "c2") // short: a socket's path has at most a hundred characters
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
}

func TestAll(t *testing.T) {
	leaktest.Check(t)
	socketsIn(t)
	out, err := program(t).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rest := string(out)
	for _, next := range []string{
		"4800 points, and announces it to http://127.0.0.1:",
		"Summary()", "4800 points, mean 4.54 m/s, at most 12.2 at 57.1°N 7.1°E",
		"no wind is known at this place; is it ErrOutside? true",
		"through the relay, over HTTP: 0 calls; directly, from process to process: 5",
		"held: 150 KiB of columns, where the server wrote them, with a mean of 4.54 m/s",
		"the relay has ended, and another one begun",
		"4800 points, mean 4.54 m/s", "is it ErrOutside? true",
		"through the relay, over HTTP: 5 calls; directly, from process to process: 0",
		"held: 150 KiB of columns, as they came, with a mean of 4.54 m/s",
	} {
		_, then, found := strings.Cut(rest, next)
		if !found {
			t.Fatalf("there is no %q where it should be in\n%s", next, out)
		}
		rest = then
	}
	asked := regexp.MustCompile(`asked by process (\d+), answered by process (\d+)`).FindAllStringSubmatch(string(out), -1)
	if len(asked) != 2 || asked[0][1] == asked[0][2] || asked[0][0] != asked[1][0] {
		t.Errorf("it is not one process that asked another one, twice: %q", asked)
	}
}

func TestWithoutServer(t *testing.T) {
	leaktest.Check(t)
	socketsIn(t)
	hub, err := startRelay("127.0.0.1:0", relay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := program(t, "-at", hub.url).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "relay: ") || !strings.Contains(string(out), "not found") {
		t.Errorf("%v\n%s", err, out)
	}
	if err := errAfter(nil, hub); err != nil {
		t.Error(err)
	}
}

func TestField(t *testing.T) {
	f, err := loadField()
	if err != nil {
		t.Fatal(err)
	}
	if p, err := f.At(t.Context(), 7, 57); err != nil || p.Longitude != 6.875 && p.Longitude != 7.125 {
		t.Errorf("%v, %v", p, err)
	}
	if _, err := f.At(t.Context(), 10.6, 57); !errors.Is(err, ErrOutside) {
		t.Errorf("beyond the field: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := f.Smooth(ctx, 1<<40); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("smoothing without end: %v", err)
	}
	g, err := f.Grid(t.Context())
	if err != nil || len(g.Latitude) != 4800 || g.Speed[17] != f.points[17].Speed {
		t.Errorf("%d, %v", len(g.Latitude), err)
	}
	storm := Area{0, 50, 10, 60}
	if n, err := f.Scale(t.Context(), storm, 2); n != 1600 || err != nil {
		t.Errorf("%d changed, %v", n, err)
	}
}
