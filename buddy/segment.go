package buddy

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// prefaultStep is how much memory is made present at a time; between the steps a Close is heard.
const prefaultStep = 8 << 20

// Segment is memory that this process writes and that others may map to read; see [Attach]. It has no name: the kernel
// frees it with its last descriptor and mapping, however the processes end.
type Segment struct {
	file   *os.File
	mem    []byte
	onDisk bool

	mu     sync.Mutex // held while the mapping must not go
	closed bool
}

// Create returns a segment of size bytes, all zero, rounded up to whole pages.
//
// All its memory is reserved before Create returns, so that too little of it is an error here and never a fault later.
// So are more segments and views than half of the mappings that the system allows a process. On Linux it is a memfd,
// sealed against shrinking, growing, more seals and, from Linux 5.1, against all writing but that through this segment;
// the seals can't be taken off. Where there are no memfds the error is [errors.ErrUnsupported]. On macOS it is a
// shared-memory object whose size can't be changed and whose descriptor is open for reading only.
func Create(size int64) (*Segment, error) {
	return newSegment(size, "shared memory", false, createMemory)
}

// CreateFile returns a segment whose bytes are those of a file in dir that has no name there, rounded up to whole pages.
// All its disk space is reserved before CreateFile returns: a full disk is an error that leaves nothing behind.
//
// Nothing keeps another process that has the descriptor from writing to the file or cutting it; see [AttachFile].
func CreateFile(dir string, size int64) (*Segment, error) {
	return newSegment(size, "a file in "+dir, true, func(size int64) (*os.File, []byte, error) { return createFile(dir, size) })
}

func newSegment(size int64, what string, onDisk bool, create func(size int64) (*os.File, []byte, error)) (*Segment, error) {
	rounded, err := wholePages(size)
	if err != nil {
		return nil, err
	}
	if err := mapped.addSegment(); err != nil {
		return nil, fmt.Errorf("buddy: no %d bytes of %s: %w", rounded, what, err)
	}
	file, mem, err := create(rounded)
	if err != nil {
		mapped.removeSegment()
		return nil, fmt.Errorf("buddy: no %d bytes of %s: %w", rounded, what, err)
	}
	return &Segment{file: file, mem: mem, onDisk: onDisk}, nil
}

// wholePages rounds up to what can be mapped.
func wholePages(size int64) (int64, error) {
	page := int64(os.Getpagesize())
	rounded := (size + page - 1) &^ (page - 1)
	if size <= 0 || rounded <= 0 || int64(int(rounded)) != rounded {
		return 0, fmt.Errorf("buddy: a segment of %d bytes: ask for at least one, and for no more than can be addressed", size)
	}
	return rounded, nil
}

// Bytes is the memory. After Close, what is read through it is zeros and what is written is lost, for as long as the package
// comment says.
func (s *Segment) Bytes() []byte { return s.mem }

// Size is how many bytes the segment has: what the other side gives to [Attach].
func (s *Segment) Size() int64 { return int64(len(s.mem)) }

// OnDisk reports whether the segment came from [CreateFile], so that the other side needs [AttachFile].
func (s *Segment) OnDisk() bool { return s.onDisk }

// File is the descriptor to pass to another process. It belongs to the segment: Close closes it. After [Segment.CloseFile] it
// is a closed file, which can't be passed and whose methods return [os.ErrClosed].
func (s *Segment) File() *os.File { return s.file }

// CloseFile closes the descriptor and leaves the memory as it is, for an owner who has passed the descriptor to all who
// shall have it, and has many segments. It may be called more than once, and before or after Close.
func (s *Segment) CloseFile() error {
	if err := s.file.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Prefault makes all pages present, so that the first write to each does not have to wait for the kernel. It is worth
// calling in the background. An error is harmless: it only says that the pages will come one by one.
func (s *Segment) Prefault() error {
	for off := 0; off < len(s.mem); off += prefaultStep {
		if err := s.prefault(s.mem[off:min(off+prefaultStep, len(s.mem))]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Segment) prefault(part []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	return populateWrite(part)
}

// Close gives the memory back to the system, as far as no other process has it mapped. It may be called more than once.
func (s *Segment) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	defer mapped.removeSegment()
	return errors.Join(mapped.retire(s.mem, unix.PROT_READ|unix.PROT_WRITE), s.CloseFile())
}
