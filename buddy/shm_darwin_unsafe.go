//go:build darwin

package buddy

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shmOpen opens the shared-memory object called name, to be inherited by nobody.
//
// The kernel reads the name, which ends with a zero byte, during the call and does not keep it; the conversion in the
// argument list keeps it alive until then.
func shmOpen(name string, flags int) (*os.File, error) {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	fd, _, errno := unix.Syscall(unix.SYS_SHM_OPEN, uintptr(unsafe.Pointer(text)), uintptr(flags), 0o600)
	if errno != 0 {
		return nil, errno
	}
	unix.CloseOnExec(int(fd)) // shm_open sets it too; that is not documented
	return os.NewFile(fd, name), nil
}

// shmUnlink takes the name from a shared-memory object. What is said of shmOpen's name holds here.
func shmUnlink(name string) error {
	text, err := unix.BytePtrFromString(name)
	if err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_SHM_UNLINK, uintptr(unsafe.Pointer(text)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}
