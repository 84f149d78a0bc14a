package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// keyed gives a relay keys, and who is asked to change them some seconds to answer: sixteen rounds of gossip.
func keyed(keys ...[]byte) func(*Config) {
	return func(c *Config) { c.Keys, c.Tuning.GossipInterval = keys, 200*time.Millisecond }
}

// TestKeys: who has not the key can't join, and keys are rotated without anybody falling out.
func TestKeys(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a", keyed(key(1)))
	b := w.start("b", keyed(key(1)), seeded(a))
	if err := b.Update([]Route{route("counter", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	await.Nothing(t, 10*time.Second, w.whole)

	stranger := newWorld(t)
	for _, m := range []*Mesh{stranger.start("plain"), stranger.start("other", keyed(key(9)))} {
		if err := m.Join(t.Context(), a.Address()); err == nil {
			t.Errorf("%s joins an encrypted mesh without its key", m.ID())
		}
	}
	await.Nothing(t, 10*time.Second, w.whole) // a stranger would be one too many

	for _, step := range []func() error{
		func() error { return a.InstallKey(key(2)) },
		func() error { return b.UseKey(key(2)) },
		func() error { return a.RemoveKey(key(1)) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.RemoveKey(key(2)); err == nil {
		t.Error("the key in use is removed")
	}
	w.start("c", keyed(key(2)), seeded(a))
	await.Nothing(t, 10*time.Second, w.whole)
}

// TestKeysOfTheAbsent: a relay that was down while keys were rotated is back with the new one in front, and one that was cut off
// when it is given it.
func TestKeysOfTheAbsent(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a", keyed(key(1)))
	down := w.start("down", keyed(key(1)), seeded(a))
	cut := w.start("cut", keyed(key(1)), seeded(a))
	await.Nothing(t, 10*time.Second, w.whole)
	w.kill(down)
	w.split("cut")
	for _, m := range []*Mesh{a, cut} {
		await.Nothing(t, 20*time.Second, func() string {
			if n := others(m.Members()); n != 0 {
				return fmt.Sprintf("%s sees %d others alive", m.ID(), n)
			}
			return ""
		})
	}
	rotate := func(m *Mesh) {
		t.Helper()
		if err := errors.Join(m.InstallKey(key(2)), m.UseKey(key(2)), m.RemoveKey(key(1))); err != nil {
			t.Fatal(err)
		}
	}
	rotate(a)
	w.start("down", keyed(key(2), key(1)), seeded(a))
	await.Nothing(t, 10*time.Second, func() string {
		if n := others(a.Members()); n != 1 {
			return fmt.Sprintf("a sees %d others alive", n)
		}
		return ""
	})
	w.heal()
	if err := a.Join(t.Context(), cut.Address()); err == nil {
		t.Error("the new key opens what the old one closed")
	}
	rotate(cut)
	await.Nothing(t, 20*time.Second, w.whole)
}

func TestKeyErrors(t *testing.T) {
	leaktest.Check(t)
	w := newWorld(t)
	a := w.start("a")
	if err := a.InstallKey(key(1)); !errors.Is(err, ErrPlain) {
		t.Errorf("a key for a mesh that is not encrypted: %v", err)
	}
	b := w.start("b", keyed(key(1)))
	if err := b.InstallKey([]byte("short")); err == nil {
		t.Error("a key of 5 bytes is installed")
	}
	if m, err := Start(Config{ID: "c", URL: at("c"), Fetch: a.config.Fetch, Keys: [][]byte{[]byte("short")}}); err == nil {
		m.Shutdown()
		t.Error("a relay starts with a key of 5 bytes")
	}
}
