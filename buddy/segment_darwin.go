package buddy

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// createMemory makes a shared-memory object with a name that nobody can guess and that is gone before anybody could
// use it. The descriptor that is kept can only read; macOS has no way to make it one that writes. The size of such an
// object can be set once, which does the work of the seals that there are none of.
func createMemory(size int64) (_ *os.File, _ []byte, err error) {
	name := "/c2." + rand.Text()
	writer, err := shmOpen(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return nil, nil, fmt.Errorf("shm_open: %w (%w): use files or sockets instead", err, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, nil, os.NewSyscallError("shm_open", err)
	}
	defer writer.Close()
	reader, err := shmOpen(name, unix.O_RDONLY)
	if err := errors.Join(err, shmUnlink(name)); err != nil {
		return nil, nil, os.NewSyscallError("shm_open", err)
	}
	mem, err := sizeAndMap(writer, size)
	if err != nil {
		return nil, nil, errors.Join(err, reader.Close())
	}
	return reader, mem, nil
}

func sizeAndMap(file *os.File, size int64) ([]byte, error) {
	if err := retry(func() error { return unix.Ftruncate(int(file.Fd()), size) }); err != nil {
		return nil, os.NewSyscallError("ftruncate", err)
	}
	mem, err := unix.Mmap(int(file.Fd()), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return mem, nil
}

// allocateAndMap gives an empty file its size and its disk space, and maps it to be written.
func allocateAndMap(file *os.File, size int64) ([]byte, error) {
	store := unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: size}
	if err := retry(func() error { return unix.FcntlFstore(file.Fd(), unix.F_PREALLOCATE, &store) }); err != nil {
		return nil, os.NewSyscallError("fcntl F_PREALLOCATE", err)
	}
	return sizeAndMap(file, size)
}

// checkMemory refuses whatever could fault under its reader: all but a shared-memory object of the given size. The
// kernel gives such an object no type; what can be cut has one.
func checkMemory(file *os.File, size int64) error {
	stat, err := checkSize(file, size)
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != 0 {
		return errors.New("it is not a shared-memory object; ask its owner for one that was made by Create")
	}
	return nil
}

// macOS can't make pages present other than by use.
func populateWrite([]byte) error { return nil }
func populateRead([]byte) error  { return nil }
