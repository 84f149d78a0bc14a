package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/gossip"
)

// The codes that c3 exits with, as its help has them.
const (
	exitOK          = 0
	exitResource    = 1
	exitUsage       = 2
	exitUnavailable = 3
	exitNotFound    = 4
	exitDenied      = 5
	exitDeadline    = 6
	exitBusy        = 7
	exitOther       = 8
	exitInterrupted = 130
)

// otherError is what went wrong that neither the command line nor a resource has to do with, such as a broken pipe.
type otherError struct{ error }

func (e otherError) Unwrap() error { return e.error }

// exitCode is the code for an error. What is no failure of a call was found fault with before there was one: it is the command line's
// fault, unless the system or the network had a part in it, which may end otherwise the next time.
func exitCode(err error) int {
	var failed *c2.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &failed):
		return codeOf(failed.Code)
	case errors.As(err, new(otherError)), ofSystem(err):
		return exitOther
	case errors.Is(err, context.DeadlineExceeded):
		return exitDeadline
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitUsage
}

// ofSystem tells of failures such as that of a port that is in use.
func ofSystem(err error) bool {
	return errors.Is(err, gossip.ErrListen) || errors.As(err, new(*os.SyscallError)) || errors.As(err, new(*net.DNSError))
}

func codeOf(c c2.Code) int {
	switch c {
	case c2.CodeResource:
		return exitResource
	case c2.CodeInvalid:
		return exitUsage
	case c2.CodeUnavailable, c2.CodeClosed:
		return exitUnavailable
	case c2.CodeDenied:
		return exitDenied
	case c2.CodeDeadline:
		return exitDeadline
	case c2.CodeBusy:
		return exitBusy
	case c2.CodeCanceled:
		return exitInterrupted
	}
	if name := c2.CodeName(c); name == "not_found" || name == "stale" {
		return exitNotFound
	}
	return exitOther
}

// oneLine is the text of an error in one line, whoever wrote it.
func oneLine(err error) string {
	text := err.Error()
	var failed *c2.Error
	if errors.As(err, &failed) && failed.Code == c2.CodeResource && failed.Resource != "" {
		text = fmt.Sprintf("%s.%s returned an error: %s", failed.Resource, failed.Method, failed.Message)
	}
	lines := strings.Split(strings.TrimPrefix(text, "c2: "), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return visible(strings.TrimSpace(strings.Join(lines, " ")))
}
