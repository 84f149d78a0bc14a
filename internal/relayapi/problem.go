package relayapi

import (
	"encoding/json"
	"fmt"
	"mime"
	"slices"

	"github.com/ctwo-go/c2/ipc"
)

// Problem is a failure as application/problem+json, RFC 9457.
type Problem struct {
	Type       string   `json:"type"`
	Title      string   `json:"title"`
	Status     int      `json:"status"`
	Code       string   `json:"code"`
	Detail     string   `json:"detail,omitempty"`
	Resource   string   `json:"resource,omitempty"`
	Method     string   `json:"method,omitempty"`
	MayHaveRun bool     `json:"may_have_run,omitempty"`
	Names      []string `json:"names,omitempty"`
}

// codeForm is how HTTP and JSON put a code.
type codeForm struct {
	name   string
	status int
	title  string
}

// codes are the forms of the codes, by number.
var codes = [...]codeForm{
	ipc.CodeOK:          {"ok", 200, "OK"},
	ipc.CodeNotFound:    {"not_found", 404, "Not Found"},
	ipc.CodeUnavailable: {"unavailable", 503, "Service Unavailable"},
	ipc.CodeBusy:        {"busy", 429, "Too Many Requests"},
	ipc.CodeClosed:      {"closed", 503, "Service Unavailable"},
	ipc.CodeMismatch:    {"mismatch", 409, "Conflict"},
	ipc.CodeTooLarge:    {"too_large", 413, "Content Too Large"},
	ipc.CodeDenied:      {"denied", 403, "Forbidden"},
	ipc.CodeInternal:    {"internal", 500, "Internal Server Error"},
	ipc.CodeUnsupported: {"unsupported", 501, "Not Implemented"},
	ipc.CodeInvalid:     {"invalid", 400, "Bad Request"},
	ipc.CodeCanceled:    {"canceled", 499, "Client Closed Request"},
	ipc.CodeDeadline:    {"deadline", 504, "Gateway Timeout"},
	ipc.CodeResource:    {"resource", 500, "Internal Server Error"},
	ipc.CodeStale:       {"stale", 410, "Gone"},
}

// CodeName is how JSON names a code. One that is not known is internal.
func CodeName(c ipc.Code) string {
	if int(c) >= len(codes) {
		c = ipc.CodeInternal
	}
	return codes[c].name
}

// ParseCode is the code of that name, CodeInternal if there is none.
func ParseCode(name string) ipc.Code {
	for c := range codes {
		if codes[c].name == name {
			return ipc.Code(c)
		}
	}
	return ipc.CodeInternal
}

// NewProblem is e as a problem, without a place.
func NewProblem(e *ipc.Error) *Problem {
	c := e.Code
	if int(c) >= len(codes) {
		c = ipc.CodeInternal
	}
	p := &Problem{
		Type: "about:blank", Title: codes[c].title, Status: codes[c].status, Code: codes[c].name,
		Detail: e.Error(), MayHaveRun: e.MayHaveRun, Names: e.Names,
	}
	if c == ipc.CodeUnavailable && e.MayHaveRun {
		p.Status, p.Title = 502, "Bad Gateway"
	}
	return p
}

// MaxProblem is how many bytes a reader of problems should take: an error's message has up to 64 KiB, which JSON may write
// six times as long.
const MaxProblem = 512 << 10

// ParseProblem reads an answer that is not the one which was asked for. One whose content type is not that of a problem, as of a
// proxy between, is a failure by its status. Then only a status that blames the request says that nothing ran: what passes
// requests on answers with 503, too, when it lost one that it had passed on.
func ParseProblem(status int, contentType string, body []byte) *Problem {
	p := new(Problem)
	if got, _, err := mime.ParseMediaType(contentType); err == nil && got == TypeProblem {
		if json.Unmarshal(body, p) == nil && p.Code != "" && ParseCode(p.Code) != ipc.CodeOK {
			return p
		}
	}
	c := ipc.CodeInternal
	known := slices.IndexFunc(codes[:], func(f codeForm) bool { return f.status == status })
	if known > int(ipc.CodeOK) {
		c = ipc.Code(known)
	} else if status == 401 {
		c = ipc.CodeDenied
	}
	p = NewProblem(&ipc.Error{Code: c, Message: fmt.Sprintf("status %d, without a word of what is wrong; is there a relay at that URL?", status)})
	p.Status = status
	p.MayHaveRun = status/100 != 3 && status/100 != 4
	return p
}

// Err is the failure that the problem tells of.
func (p *Problem) Err() *ipc.Error {
	return &ipc.Error{Code: ParseCode(p.Code), Message: p.Detail, Names: p.Names, MayHaveRun: p.MayHaveRun}
}
