//go:build amd64 || arm64

package ipc

// pause tells the processor that it is in a loop that waits, for some ten nanoseconds: it saves power, and leaves more to
// what shares the core.
func pause()
