package relay

import (
	"bytes"
	"errors"
	"slices"
)

// RotateKeys makes the first of keys the one that encrypts the gossip of the whole mesh, and the others those that may still be
// used; former ones that are not among them are removed. It takes some seconds and is to be done at one relay; the
// configuration of all has to follow, as what was changed lasts until they stop. It fails if not all relays took part: then
// it can be done again.
func (r *Relay) RotateKeys(keys [][]byte) error {
	m := r.mesh
	errNoKeys := errors.New("there are no keys to be rotated: a mesh is encrypted from its start or not at all")
	if m == nil || len(keys) == 0 {
		return errNoKeys
	}
	m.keyMu.Lock()
	defer m.keyMu.Unlock()
	if len(m.keys) == 0 {
		return errNoKeys
	}
	for _, k := range keys {
		if err := m.members.InstallKey(k); err != nil {
			return err
		}
	}
	if err := m.members.UseKey(keys[0]); err != nil {
		return err
	}
	for _, old := range m.keys {
		if slices.ContainsFunc(keys, func(k []byte) bool { return bytes.Equal(k, old) }) {
			continue
		}
		if err := m.members.RemoveKey(old); err != nil {
			return err
		}
	}
	m.keys = keys
	return nil
}
