package buddy

import (
	"io/fs"
	"iter"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// noLimit is less than what a control group of version 1 says if it has no limit, and more than any machine has.
const noLimit = 1 << 60

func machineMemory() int64 { return memoryOf(os.DirFS("/")) }

// memoryOf is the least of what the files below root say, or 0 if they say nothing.
func memoryOf(root fs.FS) int64 {
	least := int64(noLimit)
	for _, bytes := range append(groupLimits(root), installed(root)) {
		if bytes > 0 {
			least = min(least, bytes)
		}
	}
	return least % noLimit
}

// installed is what the machine has.
func installed(root fs.FS) int64 {
	for line := range lines(root, "proc/meminfo") {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			return kilobytes(rest)
		}
	}
	return 0
}

// kilobytes reads a number of them, as in "16384 kB".
func kilobytes(text string) int64 {
	number, isKB := strings.CutSuffix(strings.TrimSpace(text), " kB")
	if n := parseBytes(number); isKB && n <= math.MaxInt64>>10 {
		return n << 10
	}
	return 0
}

// groupLimits is the limits of the control groups that this process is in. A container may see its own group at the root
// of the tree and be told a path that is not there: so each group from the path up to the root is asked.
func groupLimits(root fs.FS) (limits []int64) {
	for line := range lines(root, "proc/self/cgroup") {
		_, rest, _ := strings.Cut(line, ":") // its number
		controllers, group, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case controllers == "":
			limits = append(limits, limitsUp(root, "sys/fs/cgroup", group, "memory.max")...)
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			limits = append(limits, limitsUp(root, "sys/fs/cgroup/memory", group, "memory.limit_in_bytes")...)
		}
	}
	return limits
}

// limitsUp reads the limit of a group and of all those above it.
func limitsUp(root fs.FS, mount, group, file string) (limits []int64) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		if text, err := fs.ReadFile(root, path.Join(mount, group, file)); err == nil {
			limits = append(limits, parseBytes(string(text)))
		}
		if group == "/" {
			return limits
		}
	}
}

// parseBytes reads a number, and is 0 for all else, as the "max" of a group without a limit.
func parseBytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// lines goes through a file, if it can be read.
func lines(root fs.FS, name string) iter.Seq[string] {
	text, _ := fs.ReadFile(root, name)
	return strings.SplitSeq(string(text), "\n")
}
