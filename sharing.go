package c2

import (
	"cmp"
	"os"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/ipc"
)

// checkSharingLocked logs what this machine lacks for payloads to be shared as the settings have it. Calls go on without,
// so nobody would ever learn why they are slow. It looks once, when the node first reaches out or can be reached.
func (n *Node) checkSharingLocked() {
	m := n.settings.memory
	if n.checked || m.Off {
		return
	}
	n.checked = true
	if err := tryOut(buddy.Create(int64(os.Getpagesize()))); err != nil {
		n.log.Warn().Err(err).Msg("there is no shared memory here, so what this process sends to others is copied through sockets (C2_IPC_SHM=off says that this is meant)")
		return
	}
	dir := cmp.Or(m.SpillDir, ipc.DefaultSpillDir)
	if m.SpillBytes < 0 {
		return
	}
	if err := tryOut(buddy.CreateFile(dir, int64(os.Getpagesize()))); err != nil {
		n.log.Warn().Err(err).Str("dir", dir).Msg("there can be no files for payloads that find no memory, so those are copied through sockets (C2_SHM_SPILL_DIR is another directory, C2_SHM_SPILL_BYTES=-1 says that this is meant)")
	}
}

// tryOut lets go of what could be made.
func tryOut(s *buddy.Segment, err error) error {
	if err != nil {
		return err
	}
	return s.Close()
}
