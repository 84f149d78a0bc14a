package gossip

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sample() *Delta {
	a, b := route("a", 1), route("b", 1)
	b.Namespace = "demo"
	return &Delta{
		Relay: "r1", Incarnation: 0x0102030405060708, Base: 3, Version: 300, Digest: a.digest() + b.digest(),
		Removed: []Key{route("c", 1).Key}, Put: []*Route{&a, &b},
	}
}

// TestDeltaGolden pins the format that docs/mesh.md specifies.
func TestDeltaGolden(t *testing.T) {
	r := Route{Key: Key{"ab", "i"}, ID: "9", Contract: "C", Version: "1", Reads: 1, Writes: 200}
	d := &Delta{Relay: "r1", Incarnation: 1, Base: 2, Version: 300, Digest: r.digest(), Removed: []Key{{"z", "i"}}, Put: []*Route{&r}}
	want := "01" + "027231" + "0000000000000001" + "02" + "ac02" + "5c58da9e4b57dd2b" + // who, which versions, the digest
		"07" + "017a" + "0169" + "026162" + "0139" + "0143" + "00" + "0131" + // the words z i ab 9 C "" 1
		"01" + "0001" + // removed
		"01" + "020103040506" + "01" + "c801" // put
	if got := hex.EncodeToString(d.Append(nil)); got != want {
		t.Errorf("encoded as\n%s, want\n%s", got, want)
	}
}

func TestDeltaIsReadAsWritten(t *testing.T) {
	d := sample()
	got, err := ParseDelta(d.Append(nil), Limits{})
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("read %+v, %v; want %+v", got, err, d)
	}
}

// TestParseDeltaRefuses what is malformed or beyond the limits, and every delta that is cut short.
func TestParseDeltaRefuses(t *testing.T) {
	for what, edit := range map[string]func(*Delta){
		"no relay":             func(d *Delta) { d.Relay = "" },
		"a long relay id":      func(d *Delta) { d.Relay = strings.Repeat("x", maxID+1) },
		"versions backwards":   func(d *Delta) { d.Version = 2 },
		"removals of a whole":  func(d *Delta) { d.Base = 0 },
		"routes in disorder":   func(d *Delta) { slices.Reverse(d.Put) },
		"a route twice":        func(d *Delta) { d.Put[1] = d.Put[0] },
		"removed twice":        func(d *Delta) { d.Removed = append(d.Removed, d.Removed[0]) },
		"there and removed":    func(d *Delta) { d.Removed[0] = d.Put[1].Key },
		"no name":              func(d *Delta) { d.Put[0].Name = "" },
		"no instance":          func(d *Delta) { d.Put[0].Instance = "" },
		"a long name":          func(d *Delta) { d.Put[1].Name = strings.Repeat("x", maxName+1) },
		"a long version":       func(d *Delta) { d.Put[1].Version = strings.Repeat("x", maxShort+1) },
		"more than the limits": func(d *Delta) { d.Removed = append(d.Removed, Key{"d", "i"}, Key{"e", "i"}, Key{"f", "i"}) },
	} {
		d := sample()
		edit(d)
		if got, err := ParseDelta(d.Append(nil), Limits{Routes: 3}); err == nil {
			t.Errorf("%s: read as %+v", what, got)
		}
	}
	text := sample().Append(nil)
	for n := range text {
		if _, err := ParseDelta(text[:n], Limits{}); err == nil {
			t.Errorf("%d bytes of %d are read", n, len(text))
		}
	}
	if _, err := ParseDelta(append(text, 0), Limits{}); err == nil {
		t.Error("a byte too much is read")
	}
	wordy := append([]byte(nil), deltaFormat, 1, 'r', 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
	wordy = append(wordy, wordsOfRoute+1)                      // of no bytes each
	wordy = append(wordy, make([]byte, wordsOfRoute+1+1+1)...) // nothing removed, nothing put
	if _, err := ParseDelta(wordy, Limits{Routes: 2}); err != nil {
		t.Errorf("words that are not used: %v", err)
	}
	if _, err := ParseDelta(wordy, Limits{Routes: 1}); err == nil {
		t.Error("more words are read than the routes can have")
	}
	if _, err := ParseDelta(make([]byte, 1<<20), Limits{TableBytes: 1000}); !errors.Is(err, ErrFull) {
		t.Errorf("a large delta: %v", err)
	}
}

// TestDeltaFitsItsLimit: what a table within the limits is encoded as, others take.
func TestDeltaFitsItsLimit(t *testing.T) {
	l := newLedger(strings.Repeat("r", maxID), ^uint64(0), Limits{TableBytes: 100_000}.withDefaults())
	for i := 0; ; i++ {
		name := strings.Repeat("n", i%maxName) + string(rune('a'+i%26))
		r := Route{Key: Key{Name: name, Instance: string(rune(0x4e00 + i))}, Reads: ^uint32(0), Writes: ^uint32(0)}
		if i%maxName > maxName-2 {
			continue
		}
		if _, err := l.update([]Route{r}, nil); err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
	}
	body, _ := l.answer(Query{})
	if len(body) > l.limits.DeltaBytes() {
		t.Errorf("%d bytes, and %d are taken", len(body), l.limits.DeltaBytes())
	}
	if _, err := ParseDelta(body, l.limits); err != nil {
		t.Error(err)
	}
}

// FuzzParseDelta takes anything; what it takes is written as it was read.
func FuzzParseDelta(f *testing.F) {
	f.Add(sample().Append(nil))
	f.Add((&Delta{Relay: "r", Incarnation: 1}).Append(nil))
	whole := sample()
	whole.Base, whole.Removed = 0, nil
	f.Add(whole.Append(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := ParseDelta(src, Limits{Routes: 100, TableBytes: 1 << 16})
		if err != nil {
			return
		}
		again, err := ParseDelta(d.Append(nil), Limits{Routes: 100, TableBytes: 1 << 17})
		if err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%x is read as %+v, and that as %+v, %v", src, d, again, err)
		}
	})
}

// FuzzReceive gives a catalog that knows one relay anything for a push: it stays what it was, or is what its owner says.
func FuzzReceive(f *testing.F) {
	r := route("a", 1)
	d := &Delta{Relay: "a", Incarnation: 7, Version: 1, Digest: r.digest(), Put: []*Route{&r}}
	f.Add(d.Append(nil))
	d.Base, d.Version = 1, 3
	f.Add(d.Append(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		c := catalogWith("a", Tag{ID: "a", URL: at("a"), Incarnation: 7})
		err := c.receive(epoch, src)
		p := c.peers["a"]
		sum := sums{}
		for _, r := range p.table.routes {
			sum.add(r)
		}
		if sum.digest != p.table.digest || sum.count != len(c.index.all()) || c.routes != sum.count {
			t.Errorf("after %x (%v) the table is %+v", src, err, p.table)
		}
	})
}

func TestTag(t *testing.T) {
	most := ^uint64(0)
	tag := Tag{
		ID: strings.Repeat("r", maxID), URL: "https://" + strings.Repeat("h", maxURL-8), Incarnation: most, Version: most, Digest: most,
	}
	text := tag.String()
	if len(text) > 400 {
		t.Errorf("a tag takes %d bytes", len(text))
	}
	if got, err := ParseTag(text); err != nil || got != tag {
		t.Errorf("read %+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "c2/1", "c2/2 0000000000000001 0 0000000000000000 r http://h:1", "c2/1 1 0 0000000000000000 r http://h:1",
		"c2/1 0000000000000001 -1 0000000000000000 r http://h:1", "c2/1 0000000000000001 0 0000000000000000  http://h:1",
		"c2/1 0000000000000001 0 0000000000000000 r ftp://h:1", "c2/1 0000000000000001 0 0000000000000000 r http://u:p@h:1",
		"c2/1 0000000000000001 0 0000000000000000 r http://h:1?q", "c2/1 0000000000000001 0 0000000000000000 r\n http://h:1",
	} {
		if got, err := ParseTag(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, got)
		}
	}
}

// FuzzParseTag takes anything; what it takes is written as it was read.
func FuzzParseTag(f *testing.F) {
	f.Add(Tag{ID: "r1", URL: "http://h:1", Incarnation: 1, Version: 2, Digest: 3}.String())
	f.Add("c2/1 0000000000000001 0 0000000000000000 r ")
	f.Fuzz(func(t *testing.T, s string) {
		tag, err := ParseTag(s)
		if err != nil {
			return
		}
		if again, err := ParseTag(tag.String()); err != nil || again != tag {
			t.Errorf("%q is read as %+v, and that as %+v, %v", s, tag, again, err)
		}
	})
}

// FuzzParseSnapshot takes anything.
func FuzzParseSnapshot(f *testing.F) {
	f.Add([]byte(`{"incarnation":1,"peers":["127.0.0.1:1"]}`))
	f.Add(bytes.Repeat([]byte("["), 1000))
	f.Fuzz(func(t *testing.T, text []byte) {
		if s, err := parseSnapshot(text); err == nil && len(s.Peers) > maxPeers {
			t.Errorf("%d peers", len(s.Peers))
		}
	})
}
