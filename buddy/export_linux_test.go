package buddy

import "io/fs"

// MachineMemoryOf is MachineMemory of a machine whose files lie below root.
func MachineMemoryOf(root fs.FS) int64 { return orUnknown(memoryOf(root)) }

// SharesOf is what this package takes of what such a machine lets a process map: segments and views, views and their bytes,
// ranges of addresses that are kept and their bytes.
func SharesOf(root fs.FS, addressBits int, space, data int64) [5]int64 {
	b := boundsOf(root, addressBits, space, data)
	return [5]int64{b.most(), b.views(), b.viewBytes(), b.graves(), b.graveBytes()}
}
