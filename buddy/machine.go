package buddy

// unknownMemory is what a machine counts as having that does not say.
const unknownMemory = 1 << 30

// MachineMemory is how many bytes of memory this process may count on, others on the machine left aside: what the machine
// has, or the limit that is set for the process, if that is less. On Linux that is the least memory.max (or, of version 1,
// memory.limit_in_bytes) of its control group and those around it. If nothing is to be learnt it is 1 GiB.
//
// It reads files: call it once, to choose a [Budget].
func MachineMemory() int64 { return orUnknown(machineMemory()) }

// orUnknown replaces what is not known.
func orUnknown(bytes int64) int64 {
	if bytes <= 0 {
		return unknownMemory
	}
	return bytes
}
