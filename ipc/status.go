package ipc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// Code says why a call failed. The numbers are part of the wire protocol.
type Code uint16

// The codes of an answer.
const (
	CodeOK          Code = 0
	CodeNotFound    Code = 1  // no such resource or method
	CodeUnavailable Code = 2  // the server is gone, going, or was never there
	CodeBusy        Code = 3  // a bound was reached; the call did not run
	CodeClosed      Code = 4  // this end was closed
	CodeMismatch    Code = 5  // contracts or protocol versions differ
	CodeTooLarge    Code = 6  // a payload is larger than the peer accepts
	CodeDenied      Code = 7  // not for this user
	CodeInternal    Code = 8  // the resource panicked, or the framework failed
	CodeUnsupported Code = 9  // not possible on this platform or build
	CodeInvalid     Code = 10 // bad arguments or bad bytes
	CodeCanceled    Code = 11 // the caller gave up
	CodeDeadline    Code = 12 // the caller's deadline passed
	CodeResource    Code = 13 // the resource returned an error of its own
	CodeStale       Code = 14 // the resource id is not (or no longer) known: resolve the name again
)

var codeNames = [...]string{
	"ok", "not found", "unavailable", "busy", "closed", "mismatch", "too large", "denied", "internal",
	"unsupported", "invalid", "canceled", "deadline exceeded", "resource error", "stale",
}

// String is the code's name in English.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// Error is how a call failed: what the peer answered, or what became of the way to it.
type Error struct {
	Code    Code
	Message string
	// Names are the registered identities of a resource's own error.
	Names []string
	// MayHaveRun tells that the call had been sent when it failed without an answer, so that the resource
	// may have run it.
	MayHaveRun bool
}

// Error is the message, or the code's name where there is none.
func (e *Error) Error() string {
	if e.Message == "" {
		return e.Code.String()
	}
	return e.Message
}

func errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// asError gives any error a code: its own where it is an *Error, that of a context's error, else CodeInternal.
func asError(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeDeadline, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCanceled, Message: err.Error()}
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}

// Bounds of an error's parts on the wire. A longer message is cut, a longer or later name dropped.
const (
	maxErrorMessage = 64 << 10
	maxErrorNames   = 64
	maxErrorName    = 255
)

// appendError appends the payload of a failed answer: the names, each with its length, then the message. Names that
// do not fit into limit bytes are dropped, and the message is cut.
func appendError(dst []byte, e *Error, limit uint64) []byte {
	if limit < 2 {
		return dst
	}
	room := int(min(limit, math.MaxInt)) - 2
	var names []string
	for _, n := range e.Names {
		if len(n) <= maxErrorName && len(names) < maxErrorNames && 2+len(n) <= room {
			names = append(names, n)
			room -= 2 + len(n)
		}
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(names)))
	for _, n := range names {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(n)))
		dst = append(dst, n...)
	}
	return append(dst, cutMessage(e.Message, min(room, maxErrorMessage))...)
}

// cutMessage cuts s to at most limit bytes, between two characters.
func cutMessage(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	end := limit
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}

// parseError is the inverse of appendError. Bytes that make no sense still give an *Error with the code: the
// call has failed either way.
func parseError(code Code, src []byte) *Error {
	e := &Error{Code: code}
	if len(src) < 2 {
		return e
	}
	n := int(binary.LittleEndian.Uint16(src))
	src = src[2:]
	for ; n > 0; n-- {
		if len(src) < 2 {
			return e
		}
		l := int(binary.LittleEndian.Uint16(src))
		if len(src) < 2+l || len(e.Names) == maxErrorNames {
			return e
		}
		e.Names = append(e.Names, string(src[2:2+l]))
		src = src[2+l:]
	}
	e.Message = string(src[:min(len(src), maxErrorMessage)])
	return e
}
