package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
)

// TestMain lets the tests run this program as others do: the test's own binary is the program where asProgram is set.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	if err := registerTypes(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

const asProgram = "TABLE_AS_PROGRAM"

// program is a process of this program that has not started. It inherits asProgram to those that it starts.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// output runs a process to its end, which must be a good one.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// wantHours computes the hours from the file's bytes, without Arrow or the program's own code: delays begin at 528, and
// times 800,000 bytes later.
func wantHours() []string {
	const delays, times = 528, 528 + 2*2*200_000
	var flights, delay [24]float64
	for i := range 200_000 {
		hour := int(math.Float32frombits(binary.LittleEndian.Uint32(file[times+4*i:])))
		flights[hour]++
		delay[hour] += float64(int16(binary.LittleEndian.Uint16(file[delays+2*i:])))
	}
	var lines []string
	for i := range flights {
		lines = append(lines, fmt.Sprintf("%02d %.0f %.1f", i, flights[i], delay[i]/flights[i]))
	}
	return lines
}

// wantVisit checks what a client says.
func wantVisit(t *testing.T, out string) {
	t.Helper()
	var said []string
	for line := range strings.Lines(out) {
		said = append(said, strings.Join(strings.Fields(line), " ")+" ")
	}
	next := 0
	for _, want := range append(wantHours(),
		"while it holds them holds: 1, bytes of the server's memory: 16",
		"after Release holds: 0, bytes of the server's memory: 0",
		"its own memory", "the server's memory, held", "a copy, made by the call", "the server's memory, held, as Arrow",
	) {
		for ; next < len(said) && !strings.HasPrefix(said[next], want); next++ {
		}
		if next == len(said) {
			t.Fatalf("no line begins with %q where it should be in\n%s", want, out)
		}
	}
}

func TestBothProcesses(t *testing.T) { wantVisit(t, output(t, program(t))) }

func TestByHand(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/table.sock"
	server := program(t, "-serve", address)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stdout)
	if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, "200000 rows") {
		t.Fatalf("the server begins with %q, %v", line, err)
	}
	for range 2 {
		wantVisit(t, output(t, program(t, "-at", address)))
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, said); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
}

func TestWithoutServer(t *testing.T) {
	out, err := program(t, "-at", "ipc://"+t.TempDir()+"/none.sock").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "table: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPinnedColumnsAreNotCopied sees to it that the program measures what it says it does.
func TestPinnedColumnsAreNotCopied(t *testing.T) {
	if err := c2.Configure(c2.Address("ipc://" + t.TempDir() + "/table.sock")); err != nil {
		t.Fatal(err)
	}
	server, err := c2.Default()
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Shutdown(context.Background())
	if pinned, err := c2.Pin[byte](1); errors.Is(err, c2.ErrUnsupported) {
		t.Skip("there is no shared memory here")
	} else if err == nil {
		pinned.Release()
	}
	resource, err := loadTable()
	if err != nil {
		t.Fatal(err)
	}
	if err := c2.Register[Table]("flights", resource); err != nil {
		t.Fatal(err)
	}
	client, err := c2.NewNode()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Shutdown(context.Background())
	table, err := c2.Connect[Table](t.Context(), "flights", c2.On(client), c2.At(server.Address()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	before := server.MemoryStats().Attached
	flights, err := table.GetFlights(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := server.MemoryStats().Attached - before; n != 3 {
		t.Errorf("%d columns were passed by reference, want 3", n)
	}
	if flights.byHour() != resource.flights.byHour() {
		t.Error("the client has other hours than the server")
	}
}
