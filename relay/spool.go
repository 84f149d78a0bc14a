package relay

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/ctwo-go/c2/ipc"
)

// spool is room on disk for the bodies of slow peers.
type spool struct {
	dir   string
	limit int64
	used  atomic.Int64
}

// newSpool makes a spool, once it has seen that there can be files.
func newSpool(dir string, limit int64) (*spool, error) {
	s := &spool{dir: dir, limit: limit}
	f, err := s.create()
	if err != nil {
		return nil, err
	}
	return s, f.Close()
}

// spoolFile is a body that waits. It has no name, and its bytes count in the spool's until Close. One goroutine uses it.
type spoolFile struct {
	spool    *spool
	file     *os.File
	size     int64
	reserved int64
}

// spoolStep is how much room is reserved at a time.
const spoolStep = 1 << 20

var errSpoolFull = errors.New("the relay's room for bodies that wait is full")

// Create implements [ipc.Spool].
func (s *spool) Create() (ipc.SpoolFile, error) { return s.create() }

func (s *spool) create() (*spoolFile, error) {
	f, err := os.CreateTemp(s.dir, "c2-relay-")
	if err != nil {
		return nil, spoolError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, spoolError(err)
	}
	return &spoolFile{spool: s, file: f}, nil
}

func spoolError(err error) error {
	return &ipc.Error{Code: ipc.CodeBusy, Message: fmt.Sprintf("no room for a body to wait: %v (--spool-dir, --max-spool)", err)}
}

// Write implements [io.Writer].
func (f *spoolFile) Write(p []byte) (int, error) {
	if err := f.reserve(f.size + int64(len(p))); err != nil {
		return 0, err
	}
	n, err := f.file.WriteAt(p, f.size)
	f.size += int64(n)
	if err != nil {
		return n, spoolError(err)
	}
	return n, nil
}

func (f *spoolFile) reserve(size int64) error {
	if size <= f.reserved {
		return nil
	}
	more := (size - f.reserved + spoolStep - 1) / spoolStep * spoolStep
	if f.spool.used.Add(more) > f.spool.limit {
		f.spool.used.Add(-more)
		return spoolError(errSpoolFull)
	}
	f.reserved += more
	return nil
}

// ReadAt implements [io.ReaderAt].
func (f *spoolFile) ReadAt(p []byte, off int64) (int, error) { return f.file.ReadAt(p, off) }

// reader reads the file from an offset on.
func (f *spoolFile) reader(off int64) io.Reader { return io.NewSectionReader(f, off, f.size-off) }

// Close gives the room back.
func (f *spoolFile) Close() error {
	f.spool.used.Add(-f.reserved)
	f.reserved = 0
	return f.file.Close()
}
