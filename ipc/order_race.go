//go:build race

package ipc

import "sync/atomic"

// sent orders what this process did before it sent something before what it does after it has received something, where both
// ends are its own. The kernel and the rings do that anyway; the race detector, which sees neither, learns it from here.
var sent atomic.Uint32

func sending()  { sent.Add(1) }
func received() { sent.Load() }
