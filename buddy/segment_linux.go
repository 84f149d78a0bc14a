package buddy

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	// seals make a segment safe to read for those who do not trust its owner: it can't be cut under them.
	seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	// oneWriter makes it safe to write for those who do not trust its readers. It came with Linux 5.1.
	oneWriter = unix.F_SEAL_FUTURE_WRITE
)

// createMemory makes a sealed memfd. The order matters: a mapping that can write has to be there before the seal that
// forbids new ones, and the memory before the seal against growing.
func createMemory(size int64) (_ *os.File, _ []byte, err error) {
	file, err := memfd()
	if err != nil {
		return nil, nil, err
	}
	mem, err := allocateAndMap(file, size)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	if err := seal(file); err != nil {
		return nil, nil, errors.Join(err, unix.Munmap(mem), file.Close())
	}
	return file, mem, nil
}

// memfd returns an empty one. Its name is for people who look into /proc, and need not be unique.
func memfd() (*os.File, error) {
	const name, flags = "c2", unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("memfd_create: %w (%w): use files or sockets instead", err, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "memfd:"+name), nil
}

// allocateAndMap gives an empty file its size and its pages, and maps it to be written.
func allocateAndMap(file *os.File, size int64) ([]byte, error) {
	if err := retry(func() error { return unix.Fallocate(int(file.Fd()), 0, 0, size) }); err != nil {
		return nil, os.NewSyscallError("fallocate", err)
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return mem, nil
}

// seal seals a memfd for good. A kernel without the seal of the one writer does without it: readers are as safe there,
// and an owner has to trust them not to write.
func seal(file *os.File) error {
	_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals|oneWriter)
	if errors.Is(err, unix.EINVAL) {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals)
	}
	return os.NewSyscallError("fcntl F_ADD_SEALS", err)
}

// checkMemory refuses whatever could fault under its reader: all but a memfd of the given size whose owner can neither
// cut it nor take pages away, and all of whose pages are there.
func checkMemory(file *os.File, size int64) error {
	has, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0)
	if errors.Is(err, unix.EINVAL) {
		return errors.New("it is not a memfd; ask its owner for one that was made by Create")
	}
	if err != nil {
		return os.NewSyscallError("fcntl F_GET_SEALS", err)
	}
	if has&seals != seals || has&oneWriter == 0 && hasOneWriter() {
		return fmt.Errorf("its seals are %#x, and %#x are needed; ask its owner to seal it", has, seals|oneWriter)
	}
	stat, err := checkSize(file, size)
	if err != nil {
		return err
	}
	if present := stat.Blocks * 512; present < size {
		return fmt.Errorf("only %d of its %d bytes are allocated; ask its owner to allocate all before it is sealed", present, size)
	}
	return nil
}

// hasOneWriter reports whether this kernel, which is also the peer's, knows that seal.
func hasOneWriter() bool {
	file, err := memfd()
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, oneWriter)
	return err == nil
}

func populateWrite(mem []byte) error { return populate(mem, unix.MADV_POPULATE_WRITE) }
func populateRead(mem []byte) error  { return populate(mem, unix.MADV_POPULATE_READ) }

// populate makes pages present, which kernels before 5.14 can't.
func populate(mem []byte, advice int) error {
	err := retry(func() error { return unix.Madvise(mem, advice) })
	if errors.Is(err, unix.EINVAL) {
		return nil
	}
	return os.NewSyscallError("madvise", err)
}
