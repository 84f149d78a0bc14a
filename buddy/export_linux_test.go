package buddy

import "io/fs"

// MachineMemoryOf is MachineMemory of a machine whose files lie below root.
func MachineMemoryOf(root fs.FS) int64 { return orUnknown(memoryOf(root)) }

// SharesOf is what this package takes of what such a machine lets a process map: ranges
// of addresses that are kept and their bytes.
func SharesOf(root fs.FS, addressBits int, space, data int64) [2]int64 {
	b := boundsOf(root, addressBits, space, data)
	return [2]int64{b.graves(), b.graveBytes()}
}
