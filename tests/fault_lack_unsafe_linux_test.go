package tests

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccompTSYNC has a filter hold for all threads of the process.
const seccompTSYNC = 1

// install has a filter decide on the system calls of this process from now on. It can't be taken back.
func install(filter []unix.SockFilter) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// The kernel reads the program during the call only; the conversion in its arguments keeps it alive until then.
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, seccompTSYNC, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		return failed
	}
	return nil
}
