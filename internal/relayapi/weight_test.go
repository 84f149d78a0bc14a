package relayapi_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/internal/relayapi"
)

// TestHeavyTexts refuses what is long, and what is short and would take much memory, before it is read.
func TestHeavyTexts(t *testing.T) {
	var routes relayapi.Routes
	for name, c := range map[string]struct {
		text  string
		limit int64
		large bool
	}{
		"fits":                 {`{"resources":[{},{}]}`, 50, false},
		"has a byte too many":  {`{"resources":[{},{}]}`, 20, true},
		"of the smallest":      {`{"resources":[` + strings.Repeat("{},", 99) + `{}]}`, 1000, true},
		"of them, in its size": {`{"resources":[` + strings.Repeat("{},", 99) + `{}]}`, 2000, false},
	} {
		err := relayapi.Unmarshal([]byte(c.text), c.limit, &routes)
		if errors.Is(err, relayapi.ErrTooLarge) != c.large || err != nil && !c.large {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := relayapi.Unmarshal([]byte("{"), 100, &routes); err == nil || errors.Is(err, relayapi.ErrTooLarge) {
		t.Errorf("half an object: %v", err)
	}
}
