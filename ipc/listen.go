package ipc

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketFile is a bound socket and the file that names it.
type socketFile struct {
	*net.UnixListener
	path string
	info fs.FileInfo // of the file as it was bound
}

// listen binds address. The file of a server that is dead is replaced, and those that nobody would ever replace are removed; one that
// is in use is refused with CodeBusy.
func listen(address string) (*socketFile, error) {
	path, err := SocketPath(address)
	if err != nil {
		return nil, &Error{Code: CodeInvalid, Message: err.Error()}
	}
	if !strings.HasPrefix(address, Scheme+"/") {
		if err := makeRuntimeDir(); err != nil {
			return nil, &Error{Code: dirCode(err), Message: err.Error()}
		}
	}
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return nil, errorf(CodeUnavailable, "can't listen on %s: %v", address, err)
	}
	defer unlock()
	if !strings.HasPrefix(address, Scheme+"/") {
		sweep(filepath.Dir(path))
	}
	if err := removeDead(path); err != nil {
		return nil, errorf(codeOf(err, CodeUnavailable), "can't listen on %s: %v", address, err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, errorf(CodeUnavailable, "can't listen on %s: %v", address, err)
	}
	l.SetUnlinkOnClose(false) // the file may be another server's by then; see remove
	// Between bind and chmod the file may be open to others; the check of the peer's user holds regardless.
	err = os.Chmod(path, 0o600)
	info, statErr := os.Lstat(path)
	if err := errors.Join(err, statErr); err != nil {
		l.Close()
		return nil, errorf(CodeUnavailable, "can't listen on %s: %v", address, err)
	}
	return &socketFile{UnixListener: l, path: path, info: info}, nil
}

// remove deletes the socket's file unless another server has replaced it.
func (s *socketFile) remove() error {
	unlock, err := lockDir(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	defer unlock()
	info, err := os.Lstat(s.path)
	if err != nil || !os.SameFile(info, s.info) {
		return nil
	}
	return os.Remove(s.path)
}

// removeDead deletes a socket file on which nobody listens. The directory must be locked: else a server that is just
// starting there could be taken for a dead one.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errorf(CodeInvalid, "%s is there and is no socket; remove it or use another address", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		c.Close()
		return errorf(CodeBusy, "another server listens there; stop it or use another address")
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	case isBacklogFull(err): // it lives
		return errorf(CodeBusy, "another server listens there; stop it or use another address")
	}
	return err
}

func dirCode(err error) Code {
	if errors.Is(err, fs.ErrNotExist) {
		return CodeUnavailable
	}
	return CodeDenied
}

// isBacklogFull tells whether a server lives but has not accepted the connections before this one.
func isBacklogFull(err error) bool { return errors.Is(err, syscall.EAGAIN) }

func codeOf(err error, otherwise Code) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return otherwise
}

// lockDir takes the lock under which sockets of a directory are bound and removed. A lock on the directory itself, so
// that no lock file is left behind. Whoever holds it does so for microseconds.
func lockDir(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(DefaultHandshakeTimeout)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("locking directory %s: %w", dir, err)
		}
		time.Sleep(time.Millisecond)
	}
}
