package main

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ctwo-go/c2/relay"
)

//go:embed README.md
var readme string

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

func TestReadme(t *testing.T) {
	if out, err := exec.Command("curl", "--help", "all").Output(); err != nil || !strings.Contains(string(out), "--json") {
		t.Skip("there is no curl of 7.82 or later")
	}
	all := steps(readme)
	if len(all) < 20 {
		t.Fatalf("the README has %d commands, want its 20", len(all))
	}
	const shownURL = "http://127.0.0.1:8080"
	path := buildC3(t) + string(filepath.ListSeparator) + os.Getenv("PATH")
	url := started(t)
	for _, s := range all {
		command := strings.ReplaceAll(s.command, shownURL, url)
		cmd := exec.CommandContext(t.Context(), "sh", "-c", command)
		cmd.Env = append(os.Environ(), "PATH="+path, "C2_RELAY="+url, "no_proxy=127.0.0.1")
		out, err := cmd.CombinedOutput()
		if failed := new(exec.ExitError); err != nil && (!errors.As(err, &failed) || failed.ExitCode() < 0) {
			t.Fatalf("%s: %v", command, err)
		}
		got := strings.TrimSpace(strings.ReplaceAll(string(out), "\r", ""))
		if !pattern(strings.ReplaceAll(s.output, shownURL, url)).MatchString(got) {
			t.Errorf("$ %s\n%s\n\nThe README shows\n%s", command, got, s.output)
		}
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
