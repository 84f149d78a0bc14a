package buddy_test

import (
	"errors"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/buddy"
)

// Some containers forbid memfd_create. Whoever needs a segment has to learn that there are none, not that this one
// failed. The rule is one of seccomp, for a thread that ends with its goroutine.
func TestMemfdIsForbidden(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		t.Run(errno.Error(), func(t *testing.T) {
			result := make(chan error)
			go func() {
				runtime.LockOSThread() // and never unlocked, so that the thread goes
				if err := forbid(unix.SYS_MEMFD_CREATE, errno); err != nil {
					close(result)
					return
				}
				s, err := buddy.Create(1)
				if err == nil {
					s.Close()
				}
				result <- err
			}()
			err, ok := <-result
			if !ok {
				t.Skip("there is no seccomp here")
			}
			if !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, errno) {
				t.Errorf("Create gives %v, want ErrUnsupported and %v", err, errno)
			}
		})
	}
}

// forbid has a system call of this thread return errno.
func forbid(number uint32, errno unix.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: number},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// The kernel reads the program during the call only; the conversion in its arguments keeps it alive until then.
	_, _, failed := unix.Syscall(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		return failed
	}
	return nil
}
