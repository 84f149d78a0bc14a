package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// Key tells routes of one relay apart.
type Key struct {
	Name     string // of the resource, 1 to 255 bytes
	Instance string // of the server that has it, 1 to 128 bytes
}

func (k Key) compare(other Key) int {
	if c := strings.Compare(k.Name, other.Name); c != 0 {
		return c
	}
	return strings.Compare(k.Instance, other.Instance)
}

// Route is one resource of one server, as its relay announces it to the others. Its strings may be any bytes.
type Route struct {
	Key
	ID        string // of the resource, up to 128 bytes
	Contract  string // up to 255 bytes, as is Namespace
	Namespace string
	Version   string // of the contract, up to 128 bytes
	Reads     uint32 // methods that read
	Writes    uint32 // methods that write
}

// check says what is wrong with r, if anything.
func (r *Route) check() error {
	switch {
	case r.Name == "" || r.Instance == "":
		return fmt.Errorf("gossip: the route %q of server %q: want a name and an instance", clip(r.Name), clip(r.Instance))
	case len(r.Name) > maxName || len(r.Contract) > maxName || len(r.Namespace) > maxName:
		return fmt.Errorf("gossip: the route %q: want at most %d bytes for name, contract and namespace", clip(r.Name), maxName)
	case len(r.Instance) > maxShort || len(r.ID) > maxShort || len(r.Version) > maxShort:
		return fmt.Errorf("gossip: the route %q: want at most %d bytes for instance, id and version", clip(r.Name), maxShort)
	}
	return nil
}

// clip makes a foreign string short enough for a message.
func clip(s string) string {
	if len(s) > 64 {
		return s[:61] + "..."
	}
	return s
}

// appendTo appends the form of r that digests are made of: each string behind its length in 2 bytes, then the counts in 4
// bytes each, big-endian.
func (r *Route) appendTo(dst []byte) []byte {
	for _, s := range [...]string{r.Name, r.Instance, r.ID, r.Contract, r.Namespace, r.Version} {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
		dst = append(dst, s...)
	}
	dst = binary.BigEndian.AppendUint32(dst, r.Reads)
	return binary.BigEndian.AppendUint32(dst, r.Writes)
}

// Size is what r counts in [Limits.TableBytes]: at least as much as it takes in a delta.
func (r *Route) Size() int {
	return len(r.Name) + len(r.Instance) + len(r.ID) + len(r.Contract) + len(r.Namespace) + len(r.Version) + 48
}

// digest is r's part of its table's digest: the first 8 bytes of the SHA-256 of its form. A table's digest is the sum of
// its routes', modulo 2^64, so that a change costs as much as what has changed.
func (r *Route) digest() uint64 {
	sum := sha256.Sum256(r.appendTo(make([]byte, 0, 256)))
	return binary.BigEndian.Uint64(sum[:])
}
