package await_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/bubble"
)

// recorder is a test that was failed.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper() {}

// Fatalf stops the goroutine, as a test's does.
func (r *recorder) Fatalf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)
	panic(r)
}

// failure is what a test is failed with by f.
func failure(f func(t testing.TB)) (text string) {
	r := new(recorder)
	defer func() {
		if recover() != nil {
			text = r.text
		}
	}()
	f(r)
	return ""
}

// TestWaits: what comes in time is waited for, and hardly longer.
func TestWaits(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		for _, d := range []time.Duration{0, time.Millisecond, time.Second, 19 * time.Second} {
			begun := time.Now()
			await.True(t, "the time has passed", func() bool { return time.Since(begun) >= d })
			if took := time.Since(begun); took > d+d/20+time.Millisecond {
				t.Errorf("waited %v for %v", took, d)
			}
		}
		begun := time.Now()
		await.Nothing(t, time.Minute, func() string { return strings.Repeat("x", 1-min(1, int(time.Since(begun)/time.Second))) })
		if took, ok := await.Within(time.Second, func() bool { return false }); ok || took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("Within a second: %v, %v", took, ok)
		}
	})
}

// TestFails: what does not come fails the test, and the text says what that was and how long it was waited for.
func TestFails(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		text := failure(func(t testing.TB) { await.True(t, "pigs fly", func() bool { return false }) })
		if !strings.HasPrefix(text, "not within 20") || !strings.HasSuffix(text, ": pigs fly") {
			t.Errorf("True says %q", text)
		}
		n := 0
		text = failure(func(t testing.TB) {
			await.Nothing(t, time.Second, func() string { n++; return fmt.Sprint("problem ", n) })
		})
		if want := fmt.Sprint(": problem ", n); !strings.HasPrefix(text, "after 1") || !strings.HasSuffix(text, want) {
			t.Errorf("Nothing says %q, want …%s", text, want)
		}
	})
}
