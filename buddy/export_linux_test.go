package buddy

import "io/fs"

// MachineMemoryOf is MachineMemory of a machine whose files lie below root.
func MachineMemoryOf(root fs.FS) int64 { return orUnknown(memoryOf(root)) }
