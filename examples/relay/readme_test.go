package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// step is a command that the README shows, and what it shows that the command prints.
type step struct{ command, output string }

// steps are those of the README's console blocks, in their order.
func steps(text string) (all []step) {
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			all = append(all, step{command, output})
		}
	}
	return all
}

// pattern matches what the README shows: … is anything, a duration any duration, and spaces are as many as columns want.
func pattern(shown string) *regexp.Regexp {
	p := regexp.QuoteMeta(strings.TrimSpace(shown))
	p = strings.ReplaceAll(p, "…", `(?s:.*?)`)
	p = regexp.MustCompile(`\b[0-9]+(\\\.[0-9]+)?(µs|ms)`).ReplaceAllString(p, `\S+?`)
	p = regexp.MustCompile(` +`).ReplaceAllString(p, ` +`)
	return regexp.MustCompile(`^` + p + `$`)
}

// started is the example with a relay in this process and a server in another, and the relay's URL.
func started(t *testing.T) string {
	t.Helper()
	socketsIn(t)
	hub, err := startRelay("127.0.0.1:0", relay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errAfter(nil, hub); err != nil {
			t.Error(err)
		}
	})
	server := program(t, "-serve", hub.url)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Process.Signal(syscall.SIGTERM), server.Wait()); err != nil {
			t.Error(err)
		}
	})
	if _, err := awaitWind(t.Context(), hub.url); err != nil {
		t.Fatal(err)
	}
	return hub.url
}

// buildC3 builds c3 into a directory, which it returns.
func buildC3(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", dir, "../../cmd/c3").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// TestReadme runs the commands that this README shows, and those of the whole project's.
func TestReadme(t *testing.T) {
	leaktest.Check(t)
	if out, err := exec.CommandContext(t.Context(), "curl", "--help", "all").Output(); err != nil || !strings.Contains(string(out), "--json") {
		t.Skip("there is no curl of 7.82 or later")
	}
	c3 := buildC3(t)
	for path, least := range map[string]int{"README.md": 20, "../../README.md": 2} {
		t.Run(path, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all := steps(string(text))
			if len(all) < least {
				t.Fatalf("%d commands found, want %d", len(all), least)
			}
			url := started(t)
			for _, s := range all {
				wantShown(t, c3, url, s)
			}
		})
	}
}

// wantShown runs a command, with the relay's URL and the directory of c3 for those that are shown.
func wantShown(t *testing.T, c3, url string, s step) {
	t.Helper()
	here := strings.NewReplacer("http://127.0.0.1:8080", url, "bin/c3", "c3")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", here.Replace(s.command))
	cmd.Env = append(os.Environ(), "PATH="+c3+string(filepath.ListSeparator)+os.Getenv("PATH"), "C2_RELAY="+url, "no_proxy=127.0.0.1")
	out, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && (!errors.As(err, &failed) || failed.ExitCode() < 0) {
		t.Fatalf("%s: %v", s.command, err)
	}
	got := strings.TrimSpace(strings.ReplaceAll(string(out), "\r", ""))
	if !pattern(here.Replace(s.output)).MatchString(got) {
		t.Errorf("$ %s\n%s\n\nThe README shows\n%s", s.command, got, s.output)
	}
}

func TestPattern(t *testing.T) {
	p := pattern("{\"id\":\"…\"}  3 asked\nmin 1.2ms  -\n")
	if got := "{\"id\":\"17\"} 3 asked\nmin 430µs -"; !p.MatchString(got) {
		t.Errorf("%s does not match %q", p, got)
	}
	for _, got := range []string{"{\"id\":\"17\"} 4 asked\nmin 430µs -", "{\"id\":\"17\"} 3 asked\nmin -", "x {\"id\":\"17\"} 3 asked\nmin 1µs -"} {
		if p.MatchString(got) {
			t.Errorf("%s matches %q", p, got)
		}
	}
	if got := steps("x\n```console\n$ a b\n1\n2\n$ c\n```\n"); len(got) != 2 || got[0] != (step{"a b", "1\n2"}) || got[1] != (step{"c", ""}) {
		t.Errorf("%q", got)
	}
}
