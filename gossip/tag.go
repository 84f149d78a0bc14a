package gossip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ctwo-go/c2/internal/relayurl"
)

// Tag is all that serf carries of a relay.
type Tag struct {
	ID          string // the relay's, 1 to 64 bytes
	URL         string // where it serves HTTP, up to 255 bytes; empty: others can't reach it, and it has no table for them
	Incarnation uint64 // grows each time the relay starts
	Version     uint64 // of its table, 0 as long as it has been empty
	Digest      uint64 // of its table at that version
}

const (
	tagKey    = "c2"   // the name of serf's tag
	tagFormat = "c2/1" // what its value begins with
	maxID     = 64
	maxURL    = 255
)

// String is the value of serf's tag: at most 400 bytes of the 512 that serf has for all.
func (t Tag) String() string {
	return fmt.Sprintf("%s %016x %d %016x %s %s", tagFormat, t.Incarnation, t.Version, t.Digest, t.ID, t.URL)
}

var errTag = errors.New("gossip: not a relay's tag")

// ParseTag reads what String wrote.
func ParseTag(s string) (Tag, error) {
	f := strings.Split(s, " ")
	if len(f) != 6 || f[0] != tagFormat || len(f[1]) != 16 || len(f[3]) != 16 {
		return Tag{}, errTag
	}
	var t Tag
	var errs [3]error
	t.Incarnation, errs[0] = strconv.ParseUint(f[1], 16, 64)
	t.Version, errs[1] = strconv.ParseUint(f[2], 10, 64)
	t.Digest, errs[2] = strconv.ParseUint(f[3], 16, 64)
	t.ID, t.URL = f[4], f[5]
	if err := errors.Join(errs[:]...); err != nil {
		return Tag{}, fmt.Errorf("%w: %w", errTag, err)
	}
	return t, t.check()
}

func (t Tag) check() error {
	if err := checkID(t.ID); err != nil {
		return err
	}
	return checkURL(t.URL)
}

func checkID(id string) error {
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, unprintable) {
		return fmt.Errorf("gossip: relay id %q: want 1 to %d bytes of letters, digits and punctuation", clip(id), maxID)
	}
	return nil
}

// checkURL says what is wrong with a relay's URL. None is right, too.
func checkURL(text string) error {
	if text == "" {
		return nil
	}
	if len(text) > maxURL || strings.ContainsFunc(text, unprintable) {
		return fmt.Errorf("gossip: relay URL %q: want up to %d bytes of ASCII", clip(text), maxURL)
	}
	if _, err := relayurl.Parse(text); err != nil {
		return fmt.Errorf("gossip: relay URL %w", err)
	}
	return nil
}

func unprintable(r rune) bool { return r <= ' ' || r > '~' }
