package access

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ByName returns what a method's name says: Read where its first word is a verb that
// asks (Get, List, Is, …), else Write.
//
// A word ends where a lower-case letter is followed by anything else: GetMesh, GetHTTP,
// Get2, Get_x and Get read, while Getaway, Issue and GETMesh do not.
func ByName(method string) Access {
	switch firstWord(method) {
	case "Get", "List", "Is", "Has", "Find", "Count", "Len", "Size", "Read", "Peek",
		"Describe", "Lookup", "Query", "Search", "Stat", "Show", "Contains", "Exists":
		return Read
	}
	return Write
}

// firstWord is the name's first letter with the lower-case letters that follow it.
func firstWord(name string) string {
	_, first := utf8.DecodeRuneInString(name)
	rest := strings.TrimLeftFunc(name[first:], unicode.IsLower)
	return name[:len(name)-len(rest)]
}
