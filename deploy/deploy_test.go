// Package deploy holds files to run relays with. Its tests check that what they say fits each other, and c3.
package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

const (
	dockerfile = "Dockerfile"
	unit       = "systemd/c3-relay.service"
	userUnit   = "systemd/user/c3-relay.service"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// build runs the command of the Dockerfile that builds c3, for another place.
func build(t *testing.T) (c3 string) {
	t.Helper()
	command := regexp.MustCompile(`(?m)^RUN (.*go build .*)$`).FindStringSubmatch(read(t, dockerfile))
	if command == nil || !strings.Contains(command[1], "/out/c3") {
		t.Fatal("the Dockerfile does not build /out/c3")
	}
	c3 = filepath.Join(t.TempDir(), "c3")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(command[1], "/out/c3", c3))
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command[1], err, out)
	}
	return c3
}

func TestFiles(t *testing.T) {
	c3 := build(t)
	t.Run("static", func(t *testing.T) { wantStatic(t, c3) })
	t.Run("flags", func(t *testing.T) { wantFlags(t, c3) })
	for _, path := range []string{unit, userUnit} {
		t.Run(path, func(t *testing.T) { verifyUnit(t, c3, path) })
	}
}

// wantStatic finds fault with a binary that needs more than itself, as the image has nothing else.
func wantStatic(t *testing.T, c3 string) {
	if runtime.GOOS != "linux" {
		t.Skip("it is a binary of " + runtime.GOOS)
	}
	f, err := elf.Open(c3)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("c3 is linked dynamically")
		}
	}
}

// wantFlags finds fault with flags that c3 relay does not have.
func wantFlags(t *testing.T, c3 string) {
	help, err := exec.CommandContext(t.Context(), c3, "relay", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	flag := regexp.MustCompile(`--[a-z][a-z-]+`)
	known := make(map[string]bool)
	for _, f := range flag.FindAllString(string(help), -1) {
		known[f] = true
	}
	ours := regexp.MustCompile(`(?m)(?:^ExecStart=.*|^CMD .*|^ +- --.*)$`)
	for path, least := range map[string]int{dockerfile: 2, unit: 1, userUnit: 1, sidecar: 5, meshed: 10} {
		n := 0
		for _, line := range ours.FindAllString(read(t, path), -1) {
			for _, f := range flag.FindAllString(line, -1) {
				n++
				if !known[f] {
					t.Errorf("%s: c3 relay has no %s", path, f)
				}
			}
		}
		if n < least {
			t.Errorf("%s: %d flags found, want %d or more", path, n, least)
		}
	}
}

// verifyUnit has systemd look for faults, with a c3 that is there.
func verifyUnit(t *testing.T, c3, path string) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze")
	}
	text := read(t, path)
	if !strings.Contains(text, "/usr/local/bin/c3 ") {
		t.Fatal("it does not run /usr/local/bin/c3")
	}
	copied := filepath.Join(t.TempDir(), "c3-relay.service")
	if err := os.WriteFile(copied, []byte(strings.ReplaceAll(text, "/usr/local/bin/c3 ", c3+" ")), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", copied).CombinedOutput()
	if err != nil || strings.Contains(string(out), "c3-relay.service") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestOneUser checks what makes relay and servers find and trust each other.
func TestOneUser(t *testing.T) {
	text := read(t, unit)
	for _, line := range []string{"User=c2", "Environment=XDG_RUNTIME_DIR=/run/c2", "RuntimeDirectory=c2", "RuntimeDirectoryPreserve=yes"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%s lacks %s", unit, line)
		}
		if shown := read(t, "README.md"); !strings.Contains(shown, "\n    "+line) {
			t.Errorf("README.md does not show %s for servers", line)
		}
	}
	if strings.Contains(text, "\nDynamicUser=") {
		t.Error("a dynamic user is another one than the servers'")
	}
}
