//go:build linux

package ipc

import (
	"syscall"
	"unsafe"
)

// rawRead and rawWrite are read(2) and write(2) on a descriptor that does not block, without telling the scheduler. What
// the scheduler does for a system call that might block (it wakes a monitor thread, if nothing else ran) takes
// longer than these calls, which copy at most smallIO bytes and return.

func rawRead(fd uintptr, b []byte) (int, error) {
	return rawIO(syscall.SYS_READ, fd, b)
}

func rawWrite(fd uintptr, b []byte) (int, error) {
	return rawIO(syscall.SYS_WRITE, fd, b)
}

func rawIO(trap, fd uintptr, b []byte) (int, error) {
	// The pointer is converted in the call's own argument list, so b is kept alive and in place until the call returns,
	// and the kernel touches len(b) bytes from there at most.
	n, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
