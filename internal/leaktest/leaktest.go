package leaktest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long what is on its way out may take, on a busy machine, too. It is spent only by a test that
// leaks.
const patience = 20 * time.Second

// Check notes what the process has now, and fails t if there is more when t ends and
// does not go away within twenty seconds. A test that failed already is left alone: what it
// leaves behind would hide why. Call Check before anything else, as what is cleaned up
// last was registered first.
func Check(t testing.TB) {
	t.Helper()
	before := take()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return
		}
		if leaks := before.await(patience); len(leaks) > 0 {
			t.Errorf("the test leaks:\n%s", strings.Join(leaks, "\n"))
		}
	})
}

// Main runs a package's tests and exits with their status, or with 1 if they passed and
// left something behind. It does not return.
func Main(m *testing.M) {
	status, report := run(m)
	if report != "" {
		fmt.Fprintln(os.Stderr, report)
	}
	os.Exit(status)
}

// run is Main short of the exit. It takes an interface so that it can be tested.
func run(m interface{ Run() int }) (status int, report string) {
	before := take()
	if status = m.Run(); status != 0 {
		return status, ""
	}
	if leaks := before.await(patience); len(leaks) > 0 {
		return 1, "the package's tests leak:\n" + strings.Join(leaks, "\n")
	}
	return 0, ""
}

// snapshot is what the process has at one moment.
type snapshot struct {
	goroutines map[string]string // stack by number
	files      map[string]string // number and target, by itself
	mappings   map[string]uint64 // bytes by what is mapped
}

func take() snapshot {
	startPoller()
	return snapshot{goroutines(), files(), mappings()}
}

// startPoller makes the runtime open the descriptors that it polls with and then keeps,
// so that they count as there from the start.
func startPoller() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// await polls until nothing is there that was not there before, and reports what is
// when its time is up.
func (before snapshot) await(limit time.Duration) []string {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		leaks := before.leaks()
		if len(leaks) == 0 || time.Now().After(deadline) {
			return leaks
		}
		time.Sleep(pause)
	}
}

// leaks lists what is there now and was not before.
func (before snapshot) leaks() []string {
	var list []string
	for id, stack := range goroutines() {
		if _, ok := before.goroutines[id]; !ok {
			list = append(list, "goroutine "+stack)
		}
	}
	for id, file := range files() {
		if _, ok := before.files[id]; !ok {
			list = append(list, "descriptor "+file)
		}
	}
	for id, size := range mappings() {
		if was := before.mappings[id]; size > was {
			list = append(list, fmt.Sprintf("mapping of %d bytes more: %s", size-was, id))
		}
	}
	slices.Sort(list)
	return list
}
