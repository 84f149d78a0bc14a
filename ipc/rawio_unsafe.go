//go:build linux

package ipc

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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

// receive is rawRead that takes descriptors, too.
func (s *socket) receive(fd uintptr, b []byte) (int, error) {
	if !s.rights.taken {
		return rawRead(fd, b)
	}
	in := &s.message
	in.vector = unix.Iovec{Base: unsafe.SliceData(b)}
	in.vector.SetLen(len(b))
	in.header = unix.Msghdr{Iov: &in.vector, Iovlen: 1, Control: &s.rights.space[0]}
	in.header.SetControllen(len(s.rights.space))
	// header is part of a socket, which lies on the heap, where nothing moves, and keeps what it points to alive: one
	// vector of len(b) bytes and a space of as many as it says. The kernel touches nothing else.
	n, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&in.header)), unix.MSG_CMSG_CLOEXEC)
	in.vector.Base = nil
	if errno != 0 {
		return 0, errno
	}
	if in.header.Controllen > 0 || in.header.Flags&unix.MSG_CTRUNC != 0 {
		s.rights.add(s.rights.space[:in.header.Controllen], int(in.header.Flags))
	}
	return int(n), nil
}
