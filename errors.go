package c2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/ctwo-go/c2/internal/sched"
	"github.com/ctwo-go/c2/ipc"
)

// Code says what kind of failure an [Error] is.
type Code uint16

// The codes. All but CodeResource speak of the way to a resource; each has a sentinel for [errors.Is].
const (
	CodeNotFound    = Code(ipc.CodeNotFound)    // ErrNotFound
	CodeUnavailable = Code(ipc.CodeUnavailable) // ErrUnavailable
	CodeBusy        = Code(ipc.CodeBusy)        // ErrBusy
	CodeClosed      = Code(ipc.CodeClosed)      // ErrClosed
	CodeMismatch    = Code(ipc.CodeMismatch)    // ErrMismatch
	CodeTooLarge    = Code(ipc.CodeTooLarge)    // ErrTooLarge
	CodeDenied      = Code(ipc.CodeDenied)      // ErrDenied
	CodeInternal    = Code(ipc.CodeInternal)    // ErrInternal
	CodeUnsupported = Code(ipc.CodeUnsupported) // ErrUnsupported
	CodeInvalid     = Code(ipc.CodeInvalid)     // ErrInvalid
	CodeCanceled    = Code(ipc.CodeCanceled)    // context.Canceled
	CodeDeadline    = Code(ipc.CodeDeadline)    // context.DeadlineExceeded
	// CodeResource is an error that the resource's own method returned.
	CodeResource = Code(ipc.CodeResource)
)

// String is the code's name in English.
func (c Code) String() string { return ipc.Code(c).String() }

// The sentinels: errors.Is(err, ErrBusy) is true of an [Error] with CodeBusy, wherever it happened.
var (
	// ErrNotFound: there is no resource of that name, or it has no such method any more.
	ErrNotFound = errors.New("c2: not found")
	// ErrUnavailable: the resource's process can't be reached, or went away during the call.
	ErrUnavailable = errors.New("c2: unavailable")
	// ErrBusy: a bound on waiting or concurrent calls, or on shared memory, was reached. The call did not run and may be
	// made again, unless Error.MayHaveRun is true: then the method ran, though it be one that writes, and only its result
	// found no memory, because the caller holds too much. Look before calling again.
	ErrBusy = errors.New("c2: busy")
	// ErrClosed: this proxy or node was closed.
	ErrClosed = errors.New("c2: closed")
	// ErrMismatch: the two sides' contracts or protocol versions do not fit.
	ErrMismatch = errors.New("c2: mismatch")
	// ErrTooLarge: the arguments or results are larger than a side takes.
	ErrTooLarge = errors.New("c2: too large")
	// ErrDenied: this user may not.
	ErrDenied = errors.New("c2: denied")
	// ErrInternal: the resource panicked, or a peer broke the protocol.
	ErrInternal = errors.New("c2: internal")
	// ErrUnsupported: not possible on this platform or in this build.
	ErrUnsupported = errors.New("c2: unsupported")
	// ErrInvalid: a contract, an option, a name or an argument is wrong.
	ErrInvalid = errors.New("c2: invalid")
)

// sentinelOf is the sentinel that belongs to a code, or nil.
func sentinelOf(c Code) error {
	switch c {
	case CodeNotFound:
		return ErrNotFound
	case CodeUnavailable:
		return ErrUnavailable
	case CodeBusy:
		return ErrBusy
	case CodeClosed:
		return ErrClosed
	case CodeMismatch:
		return ErrMismatch
	case CodeTooLarge:
		return ErrTooLarge
	case CodeDenied:
		return ErrDenied
	case CodeInternal:
		return ErrInternal
	case CodeUnsupported:
		return ErrUnsupported
	case CodeInvalid:
		return ErrInvalid
	case CodeCanceled:
		return context.Canceled
	case CodeDeadline:
		return context.DeadlineExceeded
	}
	return nil
}

// Error is how a call, or another operation on a resource, failed.
//
// With CodeResource the resource itself returned an error: Message and Error() are its text, and errors.Is holds for
// every error that it matched there and that is registered on both sides (see [RegisterError]). In the process of the
// resource itself that error is returned as it is, unless it is of a call that the resource made itself. Results beside
// an error reach callers of the same process only.
type Error struct {
	Code     Code
	Resource string // name of the resource, if one is concerned
	Method   string // name of the method, if one is concerned
	Message  string
	// MayHaveRun tells that the resource may have run the call, wholly or in part: its answer never came, or it panicked,
	// or its results could not be sent or read. Where it is false and Code is not CodeResource, nothing ran, and the
	// call may be made again.
	MayHaveRun bool

	names []string // identities of a resource's error
	cause error
}

// Error says what failed, where, and whether the outcome is unknown.
func (e *Error) Error() string {
	if e.Code == CodeResource {
		return e.Message
	}
	s := "c2: "
	switch {
	case e.Resource != "" && e.Method != "":
		s += e.Resource + "." + e.Method + ": "
	case e.Resource != "" || e.Method != "":
		s += e.Resource + e.Method + ": "
	}
	s += e.Code.String()
	if e.Message != "" && e.Message != e.Code.String() {
		s += ": " + e.Message
	}
	if e.MayHaveRun {
		s += " (the outcome is unknown: the call may have run)"
	}
	return s
}

// Is tells whether target is the sentinel of the error's code, or a registered identity of the resource's error.
func (e *Error) Is(target error) bool {
	if s := sentinelOf(e.Code); s != nil && s == target {
		return true
	}
	return slices.ContainsFunc(e.names, func(name string) bool { return errorNames.lookup(name) == target })
}

// Unwrap is the error behind this one, if it arose in this process.
func (e *Error) Unwrap() error { return e.cause }

func newError(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// connectionClosed is the error of anything that is done with a proxy that was closed.
func connectionClosed() *Error {
	return newError(CodeClosed, "the connection to the resource was closed")
}

// nodeClosed is the error of anything that is done with a node after Shutdown.
func nodeClosed() *Error { return newError(CodeClosed, "the node is shut down") }

// invalid makes one ErrInvalid of all that is wrong, or nil if nothing is.
func invalid(faults ...error) error {
	var lines []string
	for _, err := range faults {
		var own *Error
		switch {
		case err == nil:
		case errors.As(err, &own):
			lines = append(lines, own.Message)
		default:
			lines = append(lines, err.Error())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return newError(CodeInvalid, "%s", strings.Join(lines, "\n"))
}

// at is the error, and says where it happened, unless that is known. A name that no resource can have stays out of the text. It is a
// copy: all who wait for the same thing share its error.
func (e *Error) at(resource, method string) *Error {
	placed := *e
	if placed.Resource == "" && checkResourceName(resource) == nil {
		placed.Resource = resource
	}
	if placed.Method == "" {
		placed.Method = method
	}
	return &placed
}

// callError makes an *Error of anything that went wrong on the way to a resource.
func callError(err error) *Error {
	var own *Error
	var wire *ipc.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &wire):
		return &Error{Code: Code(wire.Code), Message: wire.Message, MayHaveRun: wire.MayHaveRun, names: wire.Names, cause: err}
	case errors.Is(err, sched.ErrBusy):
		return &Error{Code: CodeBusy, Message: err.Error()}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeDeadline, Message: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCanceled, Message: err.Error()}
	}
	return &Error{Code: CodeInternal, Message: err.Error(), cause: err}
}

// wireError is what a failed call is answered with.
func (e *Error) wireError() *ipc.Error {
	return &ipc.Error{Code: ipc.Code(e.Code), Message: e.Message, Names: e.names, MayHaveRun: e.MayHaveRun}
}

// resourceError is what is answered when the resource's method returned err.
func resourceError(err error) *ipc.Error {
	return &ipc.Error{Code: ipc.CodeResource, Message: err.Error(), Names: errorNames.of(err)}
}

// RegisterError gives an error of the user's an identity that crosses processes: where a resource returns an error
// that errors.Is finds to be err, the caller's errors.Is finds its own err of that name. It is called on both sides,
// at package level or early in main:
//
//	var ErrOverdrawn = errors.New("overdrawn")
//	var _ = c2.RegisterError("bank.overdrawn", ErrOverdrawn)
//
// The name has 1 to 255 bytes and belongs to one error only, as err has one name only; anything else is an ErrInvalid,
// and changes nothing. The errors of package context, of c2 itself, io.EOF, io.ErrUnexpectedEOF and those of package fs
// are known from the start.
func RegisterError(name string, err error) error {
	if name == "" || len(name) > maxNameLen || err == nil {
		return newError(CodeInvalid, "RegisterError(%q, %v): want a name of 1 to %d bytes and an error", name, err, maxNameLen)
	}
	if !reflect.ValueOf(err).Comparable() {
		return newError(CodeInvalid, "RegisterError(%q): a %T can't be compared, so errors.Is would never find it; register a sentinel", name, err)
	}
	return errorNames.add(name, err)
}

// errorRegistry maps the names of errors to errors and back.
type errorRegistry struct {
	mu     sync.RWMutex
	byName map[string]error
	names  []string // in the order of registration
}

var errorNames = &errorRegistry{
	byName: map[string]error{
		"context.canceled": context.Canceled, "context.deadline_exceeded": context.DeadlineExceeded,
		"io.eof": io.EOF, "io.unexpected_eof": io.ErrUnexpectedEOF,
		"fs.exist": fs.ErrExist, "fs.not_exist": fs.ErrNotExist, "fs.permission": fs.ErrPermission,
		"c2.not_found": ErrNotFound, "c2.unavailable": ErrUnavailable, "c2.busy": ErrBusy, "c2.closed": ErrClosed,
		"c2.mismatch": ErrMismatch, "c2.too_large": ErrTooLarge, "c2.denied": ErrDenied, "c2.internal": ErrInternal,
		"c2.unsupported": ErrUnsupported, "c2.invalid": ErrInvalid,
	},
	names: []string{
		"context.canceled", "context.deadline_exceeded", "io.eof", "io.unexpected_eof", "fs.exist", "fs.not_exist",
		"fs.permission", "c2.not_found", "c2.unavailable", "c2.busy", "c2.closed", "c2.mismatch", "c2.too_large",
		"c2.denied", "c2.internal", "c2.unsupported", "c2.invalid",
	},
}

func (r *errorRegistry) add(name string, err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for known, e := range r.byName {
		if known == name && e == err {
			return nil
		}
		if known == name || e == err {
			return newError(CodeInvalid, "RegisterError(%q, %q): %q is registered for %q already", name, err, known, e)
		}
	}
	r.byName[name] = err
	r.names = append(r.names, name)
	return nil
}

func (r *errorRegistry) lookup(name string) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.byName[name]
}

// of lists the names of all registered errors that err is. That is asked without the lock: an error's Is method may be
// anyone's, and Error's own asks the registry.
func (r *errorRegistry) of(err error) (names []string) {
	r.mu.RLock()
	all := r.names // only ever appended to
	r.mu.RUnlock()
	for _, name := range all {
		if errors.Is(err, r.lookup(name)) {
			names = append(names, name)
		}
	}
	return names
}

// indent prints an error of several lines so that it can stand below another.
func indent(err error) string { return strings.ReplaceAll(err.Error(), "\n", "\n\t") }
