//go:build linux

package ipc

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// moveAway has the calling thread go on on another processor, if it may: it is kept from the present one for a moment. The
// scheduler would leave two that use one processor by turns there, since what has just run is dear to move.
//
// What the thread may use afterwards is what it might before. Should the system give the process more processors later
// (cpuset), the kernel keeps this thread to those.
func moveAway() {
	runtime.LockOSThread() // the affinity is the thread's
	defer runtime.UnlockOSThread()
	var allowed unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil {
		return
	}
	// cpu outlives the call, which writes four bytes there and nothing else.
	var cpu uint32
	if _, _, errno := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return
	}
	others := allowed
	if others.Clear(int(cpu)); others.Count() == 0 || unix.SchedSetaffinity(0, &others) != nil {
		return
	}
	unix.SchedSetaffinity(0, &allowed) // was allowed before, and so is now
}
