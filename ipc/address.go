package ipc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Scheme begins every address of this package.
const Scheme = "ipc://"

const maxName = 64

// SocketPath gives the path of the socket that address means: `ipc://name` is a socket in the user's runtime
// directory (see [RuntimeDir]), `ipc:///abs/path` is that path. It creates nothing.
func SocketPath(address string) (string, error) {
	rest, ok := strings.CutPrefix(address, Scheme)
	if !ok {
		return "", fmt.Errorf("address %q: want ipc://name or ipc:///abs/path.sock", address)
	}
	if strings.HasPrefix(rest, "/") {
		return checkPath(filepath.Clean(rest))
	}
	if err := checkName(rest); err != nil {
		return "", fmt.Errorf("address %q: %w", address, err)
	}
	return checkPath(filepath.Join(RuntimeDir(), rest+socketSuffix))
}

func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.HasPrefix(name, ".") {
		return fmt.Errorf("a name has 1 to %d characters and does not begin with a dot; for a path write ipc:///abs/path.sock", maxName)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return fmt.Errorf("a name is made of letters, digits, '-', '_' and '.', not %q; for a path write ipc:///abs/path.sock", c)
		}
	}
	return nil
}

// checkPath refuses what bind and connect would: a socket's address holds the path and a zero byte.
func checkPath(path string) (string, error) {
	if limit := len(syscall.RawSockaddrUnix{}.Path) - 1; len(path) > limit {
		return "", fmt.Errorf("socket path %s has %d bytes, the system takes %d; use a shorter one", path, len(path), limit)
	}
	return path, nil
}

// RuntimeDir is the directory of the sockets that are addressed by name: c2 under $XDG_RUNTIME_DIR, or, where that
// is not set, c2-UID under the directory for temporary files.
func RuntimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "c2")
	}
	return filepath.Join(os.TempDir(), "c2-"+strconv.Itoa(os.Getuid()))
}

// makeRuntimeDir creates RuntimeDir if it is missing. One that is there must be a directory of this user that nobody
// else can enter: the directory for temporary files is open to all.
func makeRuntimeDir() error {
	dir := RuntimeDir()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("runtime directory for sockets: %w; set XDG_RUNTIME_DIR or use ipc:///abs/path.sock", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("runtime directory for sockets: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("runtime directory %s must be a directory of user %d with mode 0700, it is %s of user %d",
			dir, os.Getuid(), info.Mode(), stat.Uid)
	}
	return nil
}
