package gossip

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// keeper keeps the snapshot's file what the mesh is, in a goroutine of its own: a disk may stand still.
type keeper struct {
	path        string
	log         zerolog.Logger
	incarnation uint64

	living atomic.Pointer[[]string] // gossip addresses of who lives, in order
	news   bell

	saved   snapshot // what is in the file; run's alone, like all that follows
	peers   []string // who is to be in it
	failing bool     // that was said
}

// keepRetry is when a snapshot that could not be written is tried again, if nobody comes or goes before.
const keepRetry = 10 * time.Second

func newKeeper(path string, log zerolog.Logger, incarnation uint64, saved snapshot) *keeper {
	return &keeper{path: path, log: log, incarnation: incarnation, news: make(bell, 1), saved: saved, peers: saved.Peers}
}

// note tells who lives. It keeps the list, and is called by one goroutine only.
func (k *keeper) note(living []string) {
	slices.Sort(living)
	if before := k.living.Load(); before == nil || !slices.Equal(*before, living) {
		k.living.Store(&living)
		k.news.ring()
	}
}

// run writes the file when there is something new, until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for k.news.wait(ctx, keepRetry) {
		if living := k.living.Load(); living != nil {
			k.keep(*living)
		}
	}
}

// keep writes the file if it is not what it should be.
func (k *keeper) keep(living []string) {
	k.peers = remember(k.peers, living)
	if k.saved.Incarnation == k.incarnation && slices.Equal(k.saved.Peers, k.peers) {
		return
	}
	s := snapshot{Incarnation: k.incarnation, Peers: k.peers}
	err := s.write(k.path)
	if err == nil {
		k.saved = s
	}
	k.tell(err)
}

// tell logs once that the file can't be written, and once that it is again.
func (k *keeper) tell(err error) {
	switch {
	case err != nil && !k.failing:
		k.log.Warn().Err(err).Msg("the mesh's snapshot can't be written; trying on. Until it can, a restart may not find the mesh")
	case err == nil && k.failing:
		k.log.Info().Str("file", k.path).Msg("the mesh's snapshot is written again")
	}
	k.failing = err != nil
}
