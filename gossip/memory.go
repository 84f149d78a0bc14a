package gossip

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// snapshot is what a relay writes down so that it finds the mesh again after a restart. It is not serf's own: that one
// takes the former node of the relay, which has the same address, for a member to join, and is content with it.
type snapshot struct {
	Incarnation uint64   `json:"incarnation"` // of the relay that wrote it
	Peers       []string `json:"peers"`       // gossip addresses
}

// The bounds of a snapshot.
const (
	maxSnapshot = 64 << 10
	maxPeers    = 64
)

// readSnapshot reads path. A file that is not there is an empty snapshot; so is one that can't be read, with the error.
func readSnapshot(path string) (snapshot, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{}, nil
	} else if err != nil {
		return snapshot{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSnapshot+1))
	if err != nil {
		return snapshot{}, err
	}
	s, err := parseSnapshot(text)
	if err != nil {
		return snapshot{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

func parseSnapshot(text []byte) (snapshot, error) {
	var s snapshot
	if len(text) > maxSnapshot {
		return snapshot{}, fmt.Errorf("more than %d bytes", maxSnapshot)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return snapshot{}, err
	}
	if len(s.Peers) > maxPeers {
		return snapshot{}, fmt.Errorf("more than %d peers", maxPeers)
	}
	return s, nil
}

// write replaces path at once, so that whoever is killed while it writes leaves the old one.
func (s snapshot) write(path string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync() // some find out only now that there is no room
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		os.Remove(next)
	}
	return err
}

// remember returns the peers that a snapshot is to have: those that live, and of those that it had the rest, as far as there is
// room. Whoever saw all others go keeps their addresses.
func remember(before, living []string) []string {
	list := slices.Clone(living)
	slices.Sort(list)
	for _, p := range before {
		if !slices.Contains(living, p) {
			list = append(list, p)
		}
	}
	return list[:min(len(list), maxPeers)]
}
