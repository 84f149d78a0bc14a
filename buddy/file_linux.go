package buddy

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// nameless opens a new file in dir that never has a name, where the file system can do so.
func nameless(dir string) (*os.File, error) {
	file, err := os.OpenFile(dir, unix.O_TMPFILE|os.O_RDWR|unix.O_CLOEXEC, 0o600)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		return createAndUnlink(dir)
	}
	return file, err
}
