package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the tests run this program as others do: the test's own binary is the program where asProgram is set.
func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const asProgram = "MESH_AS_PROGRAM"

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

// meanOf computes the centroid of an OBJ file without the program's own code.
func meanOf(t *testing.T, obj []byte) (mean [3]float64) {
	t.Helper()
	n := 0.0
	for line := range bytes.Lines(obj) {
		var v [3]float64
		if k, _ := fmt.Sscanf(string(line), "v %g %g %g", &v[0], &v[1], &v[2]); k == 3 {
			n++
			for i := range v {
				mean[i] += (v[i] - mean[i]) / n
			}
		}
	}
	if n != 1839 {
		t.Fatalf("%v vertices, want 1839", n)
	}
	return mean
}

// wantVisit checks what a client says that finds the bunny shifted already, and shifts it again.
func wantVisit(t *testing.T, out string, shifted float64) {
	t.Helper()
	at := meanOf(t, []byte(bunny))
	before := fmt.Sprintf("(%.4f, %.4f, %.4f)", at[0]+shifted, at[1], at[2])
	after := fmt.Sprintf("(%.4f, %.4f, %.4f)", at[0]+shifted+10, at[1], at[2])
	rest := out
	for _, next := range []string{
		"1839 vertices, 3674 triangles",
		"holds: 1,",
		"the client's own sum", before, "Centroid()", before,
		"1839 vertices changed",
		"pieces sent by reference: 1\n",
		"the client's own sum", after, "Centroid()", after,
		"holds: 0, bytes of the server's memory: 0\n",
	} {
		_, then, found := strings.Cut(rest, next)
		if !found {
			t.Fatalf("there is no %q where it should be in\n%s", next, out)
		}
		rest = then
	}
}

func TestBothProcesses(t *testing.T) {
	saved := filepath.Join(t.TempDir(), "moved.obj")
	out := output(t, program(t, "-save", saved))
	wantVisit(t, out, 0)
	if !strings.Contains(out, "shuts the store down; updates: 1,") {
		t.Errorf("the server does not say how it ended:\n%s", out)
	}
	obj, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	was, is := meanOf(t, []byte(bunny)), meanOf(t, obj)
	if moved := is[0] - was[0]; moved < 9.999999 || moved > 10.000001 {
		t.Errorf("the mesh that was saved lies %v further, want 10", moved)
	}
}

func TestByHand(t *testing.T) {
	address := "ipc://" + t.TempDir() + "/mesh.sock"
	server := program(t, "-serve", address)
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stdout)
	if line, err := said.ReadString('\n'); err != nil || !strings.Contains(line, address) {
		t.Fatalf("the server begins with %q, %v", line, err)
	}
	wantVisit(t, output(t, program(t, "-at", address)), 0)
	wantVisit(t, output(t, program(t, "-at", address)), 10)
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(said)
	if err != nil || !strings.Contains(string(rest), "updates: 2,") {
		t.Errorf("the server ends with %q, %v", rest, err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the server: %v", err)
	}
}

func TestWithoutServer(t *testing.T) {
	out, err := program(t, "-at", "ipc://"+t.TempDir()+"/none.sock").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "mesh: ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUpdatePositions(t *testing.T) {
	s, err := newStore("")
	if err != nil {
		t.Fatal(err)
	}
	first := s.mesh.Vertices
	if _, err := s.UpdatePositions(t.Context(), Positions{make([]Vec3, 3)}); err == nil {
		t.Error("3 positions were taken for 1839 vertices")
	}
	to := make([]Vec3, len(first))
	copy(to, first)
	to[7].Y++
	if changed, err := s.UpdatePositions(t.Context(), Positions{to}); changed != 1 || err != nil {
		t.Errorf("%d changed, %v; want 1", changed, err)
	}
	kept := to[7]
	to[7] = Vec3{} // as the caller may once the call has returned
	if s.mesh.Vertices[7] != kept || first[7] == kept {
		t.Errorf("vertex 7 is %v, and was %v; want a copy of %v beside the old one", s.mesh.Vertices[7], first[7], kept)
	}
}

func TestParseOBJ(t *testing.T) {
	m, err := parseOBJ("# comment\nv 0 0.5 1e1\nf 1 2 3\n")
	if err != nil || len(m.Vertices) != 1 || m.Vertices[0] != (Vec3{0, 0.5, 10}) || len(m.Triangles) != 1 || m.Triangles[0] != [3]uint32{0, 1, 2} {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := parseOBJ("v 0 0.5"); err == nil {
		t.Error("a vertex with two coordinates was taken")
	}
}
