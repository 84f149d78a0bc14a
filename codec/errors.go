package codec

import (
	"fmt"
	"strconv"
	"strings"
)

// Error says where inside a value encoding or decoding stopped, and why.
type Error struct {
	Path string // such as "Points[3].X" or `Limits["cpu"]`; empty for the value itself
	Err  error
}

func (e *Error) Error() string {
	if e.Path == "" {
		return e.Err.Error()
	}
	return e.Path + ": " + e.Err.Error()
}

// Unwrap returns what went wrong there.
func (e *Error) Unwrap() error { return e.Err }

// within puts step in front of err's path. Errors that come from users' methods are wrapped
// before they get here, so an *Error was always made by this encoding and may be changed.
func within(step string, err error) error {
	e, ok := err.(*Error)
	if !ok {
		return &Error{Path: step, Err: err}
	}
	e.Path = shorten(join(step, e.Path), 256)
	return e
}

// join puts two parts of a path together: a dot parts names, brackets stand by themselves.
func join(outer, inner string) string {
	if outer == "" || inner == "" || strings.HasPrefix(inner, "[") {
		return outer + inner
	}
	return outer + "." + inner
}

func withinIndex(i int, err error) error { return within("["+strconv.Itoa(i)+"]", err) }

func withinKey(key any, err error) error {
	if s, ok := key.(string); ok {
		return within("["+strconv.Quote(clip(s))+"]", err)
	}
	return within("["+clip(fmt.Sprint(key))+"]", err)
}

// clip keeps a peer's text from filling a log.
func clip(s string) string { return shorten(s, 64) }

func shorten(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}
