package relayapi_test

import (
	"math"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/relayapi"
)

func TestIDs(t *testing.T) {
	for _, id := range []uint64{1, 0xf1, math.MaxUint64} {
		if got, ok := relayapi.ParseID(relayapi.FormatID(id)); !ok || got != id {
			t.Errorf("%x came back as %x, %v", id, got, ok)
		}
	}
	for _, text := range []string{"", "1", "0000000000000000", "00000000000000001", "000000000000000g", "-000000000000001"} {
		if id, ok := relayapi.ParseID(text); ok {
			t.Errorf("%q is %x", text, id)
		}
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "a/b ü": true, strings.Repeat("x", relayapi.MaxName): true,
		"": false, "a\nb": false, "\xff": false, strings.Repeat("x", relayapi.MaxName+1): false,
	} {
		if relayapi.ValidName(name) != want {
			t.Errorf("%.20q: want %v", name, want)
		}
	}
}

func TestTokens(t *testing.T) {
	for token, valid := range map[string]bool{"": true, "sesame": true, "a+b/c==": true, "!~": true, "open sesame": false, "a\nb": false, "sésame": false, "\x7f": false, "a\x00": false} {
		if relayapi.ValidToken(token) != valid {
			t.Errorf("%q is %v", token, !valid)
		}
	}
}
