package leaktest

import (
	"fmt"
	"os"
	"strings"
)

// files returns the open descriptors by number and target: a number that is used again
// for another file is another descriptor. It is empty where there is no /proc.
func files() map[string]string {
	const dir = "/proc/self/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	found := make(map[string]string, len(entries))
	for _, entry := range entries {
		target, err := os.Readlink(dir + entry.Name())
		if err != nil {
			continue // closed since, as the descriptor of the listing itself is
		}
		shown := entry.Name() + " -> " + target
		found[shown] = shown
	}
	return found
}

// mappings returns how many bytes of each piece of shared memory are mapped. Neighbours
// are shown as one mapping, so that where one starts says nothing. It is empty where there
// is no /proc.
func mappings() map[string]uint64 {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil
	}
	found := make(map[string]uint64)
	for line := range strings.Lines(string(maps)) {
		if id, size, ok := sharedMapping(line); ok {
			found[id] += size
		}
	}
	return found
}

// sharedMapping reads a line of /proc/self/maps, and reports whether it is one of shared
// memory. Its fields are the range, the permissions (the last letter is s where writes
// are shared), offset, device, inode and path.
func sharedMapping(line string) (id string, size uint64, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 {
		return "", 0, false
	}
	path := strings.Join(fields[5:], " ")
	if !strings.HasSuffix(fields[1], "s") && !strings.HasPrefix(path, "/memfd:") && !strings.HasPrefix(path, "/dev/shm/") {
		return "", 0, false
	}
	var start, end uint64
	if _, err := fmt.Sscanf(fields[0], "%x-%x", &start, &end); err != nil {
		return "", 0, false
	}
	return "inode " + fields[4] + " on " + fields[3] + ", " + path, end - start, true
}
