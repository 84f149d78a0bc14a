package gossip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Delta is how a relay's table got from one version to a later one, or all of it.
type Delta struct {
	Relay       string // the owner's id
	Incarnation uint64 // the owner's
	Base        uint64 // the version from which on it tells all that changed; 0: it is the whole table
	Version     uint64 // the version to which it leads
	Digest      uint64 // of the table at that version
	Removed     []Key
	Put         []*Route // new and changed ones, as they are at Version
}

// deltaFormat is the first byte of an encoded delta.
const deltaFormat = 1

// Append appends d as docs/mesh.md specifies it. The caller has checked its routes, and both lists are in the order of their keys.
func (d *Delta) Append(dst []byte) []byte {
	dst = append(dst, deltaFormat)
	dst = appendText(dst, d.Relay)
	dst = binary.BigEndian.AppendUint64(dst, d.Incarnation)
	dst = binary.AppendUvarint(dst, d.Base)
	dst = binary.AppendUvarint(dst, d.Version)
	dst = binary.BigEndian.AppendUint64(dst, d.Digest)
	var words wordlist
	body := make([]byte, 0, 16+12*(len(d.Removed)+len(d.Put)))
	body = binary.AppendUvarint(body, uint64(len(d.Removed)))
	for _, k := range d.Removed {
		body = words.append(body, k.Name, k.Instance)
	}
	body = binary.AppendUvarint(body, uint64(len(d.Put)))
	for _, r := range d.Put {
		body = words.append(body, r.Name, r.Instance, r.ID, r.Contract, r.Namespace, r.Version)
		body = binary.AppendUvarint(body, uint64(r.Reads))
		body = binary.AppendUvarint(body, uint64(r.Writes))
	}
	dst = binary.AppendUvarint(dst, uint64(len(words.list)))
	for _, s := range words.list {
		dst = appendText(dst, s)
	}
	return append(dst, body...)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// wordlist numbers strings in the order in which they come first: routes of one server share most of theirs.
type wordlist struct {
	list   []string
	number map[string]uint64
}

// append appends the strings' numbers.
func (w *wordlist) append(dst []byte, words ...string) []byte {
	if w.number == nil {
		w.number = make(map[string]uint64)
	}
	for _, s := range words {
		n, ok := w.number[s]
		if !ok {
			n = uint64(len(w.list))
			w.number[s] = n
			w.list = append(w.list, s)
		}
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// wordsOfRoute is how many words a route has at most, once removed and once put.
const wordsOfRoute = 2 + 6

var errDelta = errors.New("gossip: not a delta of a route table")

// ParseDelta reads what Append wrote. It takes memory in proportion to src, keeps nothing of it, and refuses what is beyond
// the limits, not in order, or more than a delta.
func ParseDelta(src []byte, limits Limits) (*Delta, error) {
	limits = limits.withDefaults()
	if len(src) > limits.DeltaBytes() {
		return nil, full("bytes in a delta", len(src), limits.DeltaBytes())
	}
	p := parser{rest: src}
	if p.byte() != deltaFormat {
		return nil, fmt.Errorf("%w of format %d; do all relays have the same release?", errDelta, deltaFormat)
	}
	d := &Delta{Relay: p.text(maxID), Incarnation: p.fixed(), Base: p.number(), Version: p.number(), Digest: p.fixed()}
	words := make([]string, p.count(1, wordsOfRoute*limits.Routes))
	for i := range words {
		words[i] = p.text(maxName)
	}
	d.Removed = p.keys(words, limits.Routes)
	d.Put = p.routes(words, limits.Routes)
	switch {
	case p.failed || len(p.rest) > 0 || d.Relay == "":
		return nil, errDelta
	case d.Base > d.Version || d.Base == 0 && len(d.Removed) > 0:
		return nil, fmt.Errorf("%w: it leads from version %d to %d", errDelta, d.Base, d.Version)
	}
	return d, d.checkOrder()
}

// checkOrder makes sure that no key is there twice.
func (d *Delta) checkOrder() error {
	for i := 1; i < len(d.Removed); i++ {
		if d.Removed[i-1].compare(d.Removed[i]) >= 0 {
			return fmt.Errorf("%w: what was removed is not in order", errDelta)
		}
	}
	removed := d.Removed
	for i, r := range d.Put {
		if err := r.check(); err != nil {
			return err
		}
		if i > 0 && d.Put[i-1].compare(r.Key) >= 0 {
			return fmt.Errorf("%w: its routes are not in order", errDelta)
		}
		for len(removed) > 0 && removed[0].compare(r.Key) < 0 {
			removed = removed[1:]
		}
		if len(removed) > 0 && removed[0] == r.Key {
			return fmt.Errorf("%w: the route %q is both there and removed", errDelta, clip(r.Name))
		}
	}
	return nil
}

// parser reads from the front of rest. After a failure it returns zeros.
type parser struct {
	rest   []byte
	failed bool
}

func (p *parser) fail() { p.rest, p.failed = nil, true }

func (p *parser) take(n int) []byte {
	if n > len(p.rest) {
		p.fail()
		return nil
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) fixed() uint64 {
	if b := p.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.rest)
	if size <= 0 {
		p.fail()
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

// count is the number of items that follow, of which each takes size bytes or more.
func (p *parser) count(size, limit int) int {
	n := p.number()
	if n > uint64(len(p.rest)/size) || n > uint64(limit) {
		p.fail()
		return 0
	}
	return int(n)
}

func (p *parser) text(limit int) string {
	n := p.number()
	if n > uint64(limit) {
		p.fail()
		return ""
	}
	return string(p.take(int(n)))
}

func (p *parser) word(words []string) string {
	n := p.number()
	if n >= uint64(len(words)) {
		p.fail()
		return ""
	}
	return words[n]
}

func (p *parser) small() uint32 {
	n := p.number()
	if n > math.MaxUint32 {
		p.fail()
		return 0
	}
	return uint32(n)
}

func (p *parser) keys(words []string, limit int) []Key {
	keys := make([]Key, p.count(2, limit))
	for i := range keys {
		keys[i] = Key{Name: p.word(words), Instance: p.word(words)}
	}
	return keys
}

func (p *parser) routes(words []string, limit int) []*Route {
	routes := make([]*Route, p.count(8, limit))
	for i := range routes {
		routes[i] = &Route{
			Key: Key{Name: p.word(words), Instance: p.word(words)},
			ID:  p.word(words), Contract: p.word(words), Namespace: p.word(words), Version: p.word(words),
			Reads: p.small(), Writes: p.small(),
		}
	}
	return routes
}
