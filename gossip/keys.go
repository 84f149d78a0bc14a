package gossip

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// ErrPlain is returned for changes of keys where the gossip is not encrypted.
var ErrPlain = errors.New("gossip: the mesh is not encrypted; start its relays with a key")

// InstallKey gives all members another key for the gossip, which they accept from then on. To rotate, install the new
// key, use it, remove the old one, and start relays with the new one from then on: what was installed is not kept over a
// restart. The error names members that did not do it; it is safe to call again. It takes up to some seconds.
func (m *Mesh) InstallKey(key []byte) error { return m.changeKeys(key, (*serf.KeyManager).InstallKey) }

// UseKey makes all members encrypt by a key that they have.
func (m *Mesh) UseKey(key []byte) error { return m.changeKeys(key, (*serf.KeyManager).UseKey) }

// RemoveKey makes all members forget a key that they don't encrypt by.
func (m *Mesh) RemoveKey(key []byte) error { return m.changeKeys(key, (*serf.KeyManager).RemoveKey) }

func (m *Mesh) changeKeys(key []byte, change func(*serf.KeyManager, string) (*serf.KeyResponse, error)) error {
	if !m.membership.serf.EncryptionEnabled() {
		return ErrPlain
	}
	if err := memberlist.ValidateKey(key); err != nil {
		return fmt.Errorf("gossip: a key of %d bytes; want 16, 24 or 32", len(key))
	}
	answer, err := change(m.membership.serf.KeyManager(), base64.StdEncoding.EncodeToString(key))
	if err == nil {
		return nil
	}
	var said []string
	for name, message := range answer.Messages {
		said = append(said, name+": "+message)
	}
	slices.Sort(said)
	return fmt.Errorf("gossip: changing keys: %w; %s", err, strings.Join(said, "; "))
}
