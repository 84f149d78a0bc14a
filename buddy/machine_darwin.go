package buddy

import (
	"math"

	"golang.org/x/sys/unix"
)

// machineMemory is what the machine has, or 0 if it does not say.
func machineMemory() int64 {
	bytes, err := unix.SysctlUint64("hw.memsize")
	if err != nil || bytes > math.MaxInt64 {
		return 0
	}
	return int64(bytes)
}
