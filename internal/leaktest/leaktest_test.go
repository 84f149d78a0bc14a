package leaktest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// fakeTB is a test that the real one ends when it likes.
type fakeTB struct {
	testing.TB
	cleanups []func()
	errors   []string
	failed   bool
}

func (f *fakeTB) Helper()             {}
func (f *fakeTB) Failed() bool        { return f.failed }
func (f *fakeTB) Cleanup(done func()) { f.cleanups = append(f.cleanups, done) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// end runs the cleanups, last first, and returns what the test was blamed for.
func (f *fakeTB) end() string {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	return strings.Join(f.errors, "\n")
}

// expect fails t unless report has every part of want.
func expect(t *testing.T, report string, want ...string) {
	t.Helper()
	for _, part := range want {
		if !strings.Contains(report, part) {
			t.Errorf("the report lacks %q:\n%s", part, report)
		}
	}
}

// The tests run in a bubble, where waiting for what never goes away takes no time.

func TestCheckPassesWhenNothingIsLeft(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake := new(fakeTB)
		leaktest.Check(fake)
		done := make(chan struct{})
		go close(done)
		<-done
		if report := fake.end(); report != "" {
			t.Errorf("blamed for:\n%s", report)
		}
	})
}

func forgotten(stop <-chan struct{}) { <-stop }

func TestCheckShowsTheStackOfALeakedGoroutine(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake, stop := new(fakeTB), make(chan struct{})
		defer close(stop)
		leaktest.Check(fake)
		go forgotten(stop)
		expect(t, fake.end(), "the test leaks:\ngoroutine ", "leaktest_test.forgotten(", "created by ")
	})
}

func TestCheckLeavesOutWhatWasThere(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake, stop := new(fakeTB), make(chan struct{})
		defer close(stop)
		go forgotten(stop)
		leaktest.Check(fake)
		if report := fake.end(); report != "" {
			t.Errorf("blamed for:\n%s", report)
		}
	})
}

func TestCheckWaitsForWhatIsOnItsWayOut(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake := new(fakeTB)
		leaktest.Check(fake)
		begin := time.Now()
		go time.Sleep(time.Second)
		if report := fake.end(); report != "" {
			t.Errorf("blamed for:\n%s", report)
		}
		if took := time.Since(begin); took < time.Second || took > 2*time.Second {
			t.Errorf("Check waited %v; want little more than the second that was needed", took)
		}
	})
}

func TestCheckGivesUp(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake, stop := new(fakeTB), make(chan struct{})
		defer close(stop)
		leaktest.Check(fake)
		go forgotten(stop)
		begin := time.Now()
		fake.end()
		if took := time.Since(begin); took < 20*time.Second || took > 21*time.Second {
			t.Errorf("Check gave up after %v; want twenty seconds", took)
		}
	})
}

func TestCheckSparesAFailedTest(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fake, stop := new(fakeTB), make(chan struct{})
		defer close(stop)
		leaktest.Check(fake)
		go forgotten(stop)
		fake.failed = true
		if report := fake.end(); report != "" {
			t.Errorf("blamed for:\n%s", report)
		}
	})
}

type tests func() int

func (run tests) Run() int { return run() }

func TestMainReportsALeak(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		status, report := leaktest.Run(tests(func() int { go forgotten(stop); return 0 }))
		if status != 1 {
			t.Errorf("the status is %d; want 1", status)
		}
		expect(t, report, "the package's tests leak:\ngoroutine ", "forgotten")
	})
}

func TestMainKeepsTheStatus(t *testing.T) {
	for _, want := range []int{0, 1, 2} {
		status, report := leaktest.Run(tests(func() int { return want }))
		if status != want || report != "" {
			t.Errorf("got %d, %q; want %d and no report", status, report, want)
		}
	}
}
