//go:build !linux

package ipc

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func rawRead(fd uintptr, b []byte) (int, error)  { return syscall.Read(int(fd), b) }
func rawWrite(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

// receive is rawRead that takes descriptors, too.
func (s *socket) receive(fd uintptr, b []byte) (int, error) {
	if !s.rights.taken {
		return rawRead(fd, b)
	}
	syscall.ForkLock.RLock() // so that no child inherits what has no flag against it yet
	defer syscall.ForkLock.RUnlock()
	n, oob, flags, _, err := unix.Recvmsg(int(fd), b, s.rights.space[:], 0)
	if err != nil {
		return n, err
	}
	had := len(s.rights.files)
	s.rights.add(s.rights.space[:oob], flags)
	for _, f := range s.rights.files[had:] {
		if f != nil {
			unix.CloseOnExec(int(f.Fd()))
		}
	}
	return n, nil
}
