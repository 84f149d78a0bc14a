package buddy

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// View is another process's [Segment], mapped to be read. Writing to its memory faults.
//
// It is shared by those who hold it: who attached it does, and whoever calls Retain. The mapping goes when the last of
// them calls Release, never earlier.
type View struct {
	mem     []byte
	holders atomic.Int64
}

// Attach maps the segment that file is the descriptor of. It refuses what is not of exactly size bytes, and whatever its
// owner could make fault under a reader: see [Create] for what it demands. So no touch of the view faults, whatever
// the owner does; its bytes, though, may change at any time, unless something else forbids it.
//
// The size must come from somewhere else than from the descriptor, and must have been found bearable: readers may touch
// it all. The caller may close file at once, and has to at some time. More views than a quarter of the mappings that
// the system allows a process, or larger ones together than an eighth of what it can address, are refused with ENOMEM.
func Attach(file *os.File, size int64) (*View, error) {
	return attach(file, size, "shared memory", checkMemory)
}

// AttachFile maps a file that was made by [CreateFile]. It refuses what is not a regular file of exactly size bytes. But
// a file may be cut at any time, and then touching the bytes that went is a fault that ends the process: hold views of
// files only if their owner is trusted that far, and copy with ReadAt otherwise.
func AttachFile(file *os.File, size int64) (*View, error) {
	return attach(file, size, "file", checkFile)
}

func attach(file *os.File, size int64, what string, check func(*os.File, int64) error) (*View, error) {
	rounded, err := wholePages(size)
	if err != nil {
		return nil, err
	}
	if rounded != size {
		return nil, fmt.Errorf("buddy: a segment of %d bytes: segments have whole pages of %d", size, os.Getpagesize())
	}
	defer runtime.KeepAlive(file) // its number is used until the end
	if err := check(file, size); err != nil {
		return nil, fmt.Errorf("buddy: refused the %s of a peer: %w", what, err)
	}
	if err := mapped.addView(size); err != nil {
		return nil, fmt.Errorf("buddy: map the %s of a peer: %w", what, err)
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		mapped.removeView(size)
		return nil, fmt.Errorf("buddy: map the %s of a peer: %w", what, os.NewSyscallError("mmap", err))
	}
	v := &View{mem: mem}
	v.holders.Store(1)
	return v, nil
}

// Bytes is the memory, to be read only. After the last Release, what is read through it is zeros, for as long as the package
// comment says.
func (v *View) Bytes() []byte { return v.mem }

// Size is how many bytes the view has.
func (v *View) Size() int64 { return int64(len(v.mem)) }

// Slice returns n bytes from off on, or an error if the view does not have them. Both numbers may be a peer's.
func (v *View) Slice(off, n uint64) ([]byte, error) {
	size := uint64(len(v.mem))
	if off > size || n > size-off {
		return nil, fmt.Errorf("buddy: %d bytes at %d are not within the %d of the segment", n, off, size)
	}
	return v.mem[off : off+n : off+n], nil
}

// ReadAt copies from the view. It never faults: if the memory can't be read, as that of a file that its owner cut, it
// returns an error. It implements [io.ReaderAt].
func (v *View) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("buddy: a negative offset, %d, in a segment", off)
	}
	if off >= int64(len(v.mem)) {
		return 0, io.EOF
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		fault := recover()
		if _, ok := fault.(runtime.Error); ok {
			n, err = 0, fmt.Errorf("buddy: the segment was cut by its owner: %w", io.ErrUnexpectedEOF)
		} else if fault != nil {
			panic(fault)
		}
	}()
	if n = copy(p, v.mem[off:]); n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Prefault maps all pages, so that the first touch of each does not have to wait for the kernel. That wait is short, as
// the pages are there: it pays only where nobody waits for the view meanwhile. An error is harmless.
func (v *View) Prefault() error { return populateRead(v.mem) }

// Retain makes the caller a holder as well. It reports false if the last one has released the view, which is gone then.
func (v *View) Retain() bool {
	for {
		n := v.holders.Load()
		if n == 0 {
			return false
		}
		if v.holders.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release ends what Attach or Retain began. The last Release gives the memory back, as far as no other process has it.
// A release too many is a fault of the program, and panics.
func (v *View) Release() {
	switch n := v.holders.Add(-1); {
	case n < 0:
		panic("buddy: a view is released more often than it was retained")
	case n == 0:
		// That the mapping can't be exchanged leaves it as it was: more memory in use than needed, and no harm else.
		_ = mapped.retire(v.mem, unix.PROT_READ)
		mapped.removeView(v.Size())
	}
}
