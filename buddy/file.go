package buddy

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// createFile makes a file without a name in dir, with its disk space, and maps it.
func createFile(dir string, size int64) (*os.File, []byte, error) {
	file, err := nameless(dir)
	if err != nil {
		return nil, nil, err
	}
	mem, err := allocateAndMap(file, size)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, mem, nil
}

// createAndUnlink makes a file and takes its name away, for systems that can't make one without.
func createAndUnlink(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, ".c2-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// checkFile refuses what is not a regular file of the given size.
func checkFile(file *os.File, size int64) error {
	stat, err := checkSize(file, size)
	if err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return errors.New("it is not a regular file; ask its owner for one that was made by CreateFile")
	}
	return nil
}

// checkSize returns what the kernel knows of file, if it has the given size.
func checkSize(file *os.File, size int64) (*unix.Stat_t, error) {
	var stat unix.Stat_t
	if err := retry(func() error { return unix.Fstat(int(file.Fd()), &stat) }); err != nil {
		return nil, os.NewSyscallError("fstat", err)
	}
	if stat.Size != size {
		return nil, fmt.Errorf("it has %d bytes, and %d were agreed on", stat.Size, size)
	}
	return &stat, nil
}

// retry calls a system call again that a signal interrupted, as the runtime's own signals do.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
