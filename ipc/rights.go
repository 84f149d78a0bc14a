package ipc

import (
	"io"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// rights are descriptors that came along with bytes, until the frames are read that tell what they are.
type rights struct {
	taken bool // else the kernel closes them
	space [64]byte
	files []*os.File // nil for one that this process had no room for
	err   error      // the peer sent what it should not
}

// maxPendingFiles bounds the descriptors that are received before their frames are. One byte brings one, and a read takes
// no bytes behind those that bring some.
const maxPendingFiles = 4

// add takes in what a read has received beside bytes, and the flags that the kernel returned.
func (r *rights) add(control []byte, flags int) {
	if flags&unix.MSG_CTRUNC != 0 {
		r.files = append(r.files, nil)
	}
	if len(control) == 0 {
		return
	}
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		r.err = protocolErrorf("control data that make no sense: %v", err)
		return
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue // of another kind
		}
		for _, fd := range fds {
			r.files = append(r.files, os.NewFile(uintptr(fd), "segment"))
		}
	}
	if len(r.files) > maxPendingFiles {
		r.err = protocolErrorf("%d descriptors of which no frame speaks", len(r.files))
	}
}

// takeFile implements stream.
func (s *socket) takeFile() (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rights.take()
}

func (r *rights) take() (*os.File, error) {
	if len(r.files) == 0 {
		return nil, protocolErrorf("a segment without a descriptor")
	}
	f := r.files[0]
	r.files = r.files[1:]
	return f, nil
}

// closeFiles closes what is left, and has the kernel close what still comes.
func (s *socket) closeFiles() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rights.taken = false
	for _, f := range s.rights.files {
		closeFile(f)
	}
	s.rights.files = nil
}

func closeFile(f *os.File) {
	if f != nil {
		f.Close()
	}
}

// sendRights writes frame, whose first byte brings the files.
func (s *socket) sendRights(frame []byte, files ...*os.File) error {
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	n, _, err := s.WriteMsgUnix(frame, unix.UnixRights(fds...), nil)
	runtime.KeepAlive(files)
	for err == nil && n < len(frame) {
		var more int
		more, err = s.Write(frame[n:])
		n += more
	}
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	return err
}

// duplicate returns another descriptor of f's, so that f may be closed before it is sent.
func duplicate(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}
