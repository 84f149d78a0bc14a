package relayapi

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxName is the longest that the name of a resource or a method may be, in bytes.
const MaxName = 255

// ValidName tells whether a resource may have that name.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// FormatID is how a resource's id is written.
func FormatID(id uint64) string { return fmt.Sprintf("%016x", id) }

// ParseID reads the id of a resource, which has sixteen digits and is not zero: that is the directory of every server.
func ParseID(text string) (id uint64, ok bool) {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 || id == 0 {
		return 0, false
	}
	return id, true
}

// ValidToken tells whether a header can carry a token. None at all is valid.
func ValidToken(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
