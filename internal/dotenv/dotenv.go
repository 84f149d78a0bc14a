// Package dotenv reads settings from .env files.
//
// It knows the format, not the settings: which variables there are and what they take is
// for those who ask. It imports the standard library only, and never changes the
// process's environment.
package dotenv

import (
	"fmt"
	"io"
)

// MaxSize is the size in bytes of the largest file that [Parse] reads.
const MaxSize = 1 << 20

// Parse reads variables, one KEY=VALUE after another, a later one replacing an earlier
// one of the same name.
//
// A line may begin with the word export, a # at the start of a line or after a space
// begins a comment, and spaces around keys and values do not count. A value in quotes
// keeps its spaces and may span lines: 'single' quotes take everything as it is, "double"
// ones know \n \r \t \\ \" and \$. A $ stands for itself everywhere: no other variable is
// put in. An error names the line.
func Parse(r io.Reader) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading variables: %w", err)
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("more than %d bytes; keep data out of the file of variables", MaxSize)
	}
	return parse(string(text))
}

// Lookup returns a function like [os.LookupEnv] that asks env first and file second, so
// that the environment always wins, even with an empty value.
func Lookup(env func(string) (string, bool), file map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		if value, ok := env(key); ok {
			return value, true
		}
		value, ok := file[key]
		return value, ok
	}
}
