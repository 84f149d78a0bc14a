package main

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestRun runs the script: a read must not go unanswered for long, whatever is killed, and at the end all must be well.
func TestRun(t *testing.T) {
	leaktest.Check(t)
	if testing.Short() {
		t.Skip("it takes 15 seconds")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	dir, err := os.MkdirTemp("", "c2") // short, as sockets' paths must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "run.sh")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // then it cleans up
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "STEP=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	for event, times := range map[string]int{" is killed": 5, "started again": 4, "answers": 3} {
		if n := strings.Count(string(out), event); n < times {
			t.Errorf("%q is there %d times, want at least %d", event, n, times)
		}
	}
	wantAnswers(t, string(out))
	if _, list, _ := strings.Cut(string(out), "NAME  "); strings.Count(list, "station") != 2 {
		t.Error("at the end relay c does not know both stations")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

// wantAnswers checks the client's last line.
func wantAnswers(t *testing.T, out string) {
	t.Helper()
	sum := regexp.MustCompile(`(\d+) calls, (\d+) got no answer at once; the longest time without an answer: (\d+) ms`).FindStringSubmatch(out)
	if sum == nil {
		t.Fatal("the client does not say how it went")
	}
	calls, _ := strconv.Atoi(sum[1])
	failed, _ := strconv.Atoi(sum[2])
	longest, _ := strconv.Atoi(sum[3])
	if calls < 100 || failed > calls/4 || longest > 5000 {
		t.Errorf("of %d calls %d failed, and for %d ms there was no answer; want at least 100, a quarter of them, and 5000 ms", calls, failed, longest)
	}
}
