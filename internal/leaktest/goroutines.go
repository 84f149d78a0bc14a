package leaktest

import (
	"runtime"
	"strings"
)

// goroutines returns the stacks of all goroutines but those of the runtime and of the
// testing packages, by the goroutine's number, which is never used twice.
func goroutines() map[string]string {
	found := make(map[string]string)
	for stack := range strings.SplitSeq(allStacks(), "\n\n") {
		rest, ok := strings.CutPrefix(stack, "goroutine ")
		id, _, hasState := strings.Cut(rest, " ")
		if ok && hasState && !expected(stack) {
			found[id] = rest
		}
	}
	return found
}

func allStacks() string {
	for size := 64 << 10; ; size *= 2 {
		buf := make([]byte, size)
		if n := runtime.Stack(buf, true); n < size {
			return strings.TrimSpace(string(buf[:n]))
		}
	}
}

// expected reports whether a goroutine belongs to the machinery around a test: one that
// the runtime, the signal loop or the testing packages started for themselves.
func expected(stack string) bool {
	const marker = "\ncreated by "
	at := strings.LastIndex(stack, marker)
	if at < 0 {
		return true // the main goroutine
	}
	creator := stack[at+len(marker):]
	for _, of := range [...]string{
		"runtime.", "runtime/", "os/signal.", "testing.", "internal/fuzz.",
		// fasthttp's clock, which never stops, and the sweeper of its workers, which sleeps its time out after the server's end.
		"github.com/valyala/fasthttp.updateServerDate ", "github.com/valyala/fasthttp.(*workerPool).Start ",
	} {
		if strings.HasPrefix(creator, of) {
			return true
		}
	}
	return false
}
