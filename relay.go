package c2

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ctwo-go/c2/internal/certfile"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// relay is a relay as its clients and servers see it: docs/relay.md specifies what they say to each other. What this file
// asks of it is no call: nothing has run when it fails.
type relay struct {
	node *Node
	url  string
	only uint64 // the id of the resource that is meant, of several of a name; 0 for any

	budget *atomic.Int64 // what is left of the memory that its answers may take together; nil for no such bound
}

// Bounds of what a relay is asked, and of what it says.
const (
	askTimeout      = 5 * time.Second
	announceTimeout = 30 * time.Second // the relay asks for each resource that is new to it
	maxResolution   = 1 << 20          // bytes, as are the others
	maxDescription  = 4 << 20
	maxRoutes       = 64 << 20
	// maxPlaces is how many places are tried of those where a resource is said to be.
	maxPlaces = 16
)

// resolve asks where a resource is.
func (r relay) resolve(ctx context.Context, name string, timeout time.Duration) (*relayapi.Resolution, error) {
	res := new(relayapi.Resolution)
	err := r.ask(ctx, question{path: relayapi.PathResolve + pathSegment(name), limit: maxResolution, timeout: timeout}, res)
	if err == nil && len(res.Candidates) == 0 {
		err = r.fault(ipc.CodeNotFound, "it names no place where this resource is")
	}
	return res, err
}

// description is a descriptor as relays give it.
type description struct {
	Descriptor
	ID string `json:"id"`
}

// describe implements [endpoint].
func (r relay) describe(ctx context.Context, name string) (uint64, *Descriptor, error) {
	d := new(description)
	q := question{path: relayapi.PathResources + "/" + pathSegment(name), only: r.only, limit: maxDescription}
	err := r.ask(ctx, q, d)
	if r.only != 0 && isStale(err) { // it was replaced; who told of it has yet to hear
		q.only = 0
		err = r.ask(ctx, q, d)
	}
	if err != nil {
		return 0, nil, err
	}
	id, err := parseResourceID(d.ID)
	if err == nil && d.Name != name {
		err = fmt.Errorf("asked for %q it describes %.40q", name, d.Name)
	}
	if err != nil {
		return 0, nil, r.fault(ipc.CodeInternal, "%v", err)
	}
	return id, &d.Descriptor, nil
}

// parseResourceID reads the id of a resource, which has sixteen digits and is not the directory's.
func parseResourceID(text string) (uint64, error) {
	id, ok := relayapi.ParseID(text)
	if !ok {
		return 0, fmt.Errorf("a resource's id is %.40q, want 16 hexadecimal digits", text)
	}
	return id, nil
}

// announce tells the relay what a server has, or asks whether it knows.
func (r relay) announce(ctx context.Context, a *relayapi.Announcement) (*relayapi.Acceptance, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	q := question{path: relayapi.PathRoutes, body: body, limit: maxRoutes}
	if a.Resources != nil {
		q.timeout = announceTimeout
	}
	answer := new(relayapi.Acceptance)
	return answer, r.ask(ctx, q, answer)
}

// question is what a relay can be asked.
type question struct {
	path    string
	body    []byte        // JSON, to be posted; nil if there is nothing to tell
	only    uint64        // the id of the resource that is meant, if there may be several; 0 for any
	limit   int64         // of the answer, in bytes
	timeout time.Duration // zero is askTimeout
}

func (q *question) request(ctx context.Context, url string) (*http.Request, error) {
	if q.body == nil {
		return http.NewRequestWithContext(ctx, http.MethodGet, url+q.path, nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+q.path, bytes.NewReader(q.body))
	if err == nil {
		req.Header.Set("Content-Type", relayapi.TypeJSON)
	}
	return req, err
}

// ask asks a question, and reads the answer into a value. The error is an *[ipc.Error] or *Error, or that of ctx.
func (r relay) ask(ctx context.Context, q question, answer any) error {
	timeout := cmp.Or(q.timeout, askTimeout)
	asked, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := r.answer(asked, q, answer)
	var wire *ipc.Error
	switch {
	case err == nil, errors.As(err, &wire):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case r.node.http.closing.Err() != nil:
		return nodeClosed()
	case asked.Err() != nil:
		return r.fault(ipc.CodeUnavailable, "no answer within %v", timeout)
	}
	return r.fault(ipc.CodeUnavailable, "%v", certfile.Advise(err, "C2_TLS_CA"))
}

func (r relay) answer(ctx context.Context, q question, answer any) error {
	req, err := q.request(ctx, r.url)
	if err != nil {
		return r.fault(ipc.CodeInvalid, "%v", err)
	}
	req.Header.Set("Accept", relayapi.TypeJSON)
	if q.only != 0 {
		req.Header.Set(relayapi.HeaderResource, relayapi.FormatID(q.only))
	}
	resp, stop, err := r.node.http.do(req)
	if err != nil {
		return err
	}
	defer stop()
	defer resp.Body.Close()
	if err := r.refusal(resp); err != nil {
		err.Message, err.MayHaveRun = r.url+": "+err.Message, false
		return err
	}
	if err := r.checkType(resp, relayapi.TypeJSON); err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, q.limit+1))
	switch {
	case err != nil:
		return err
	case r.budget != nil && r.budget.Add(-relayapi.Weight(text)) < 0:
		return r.fault(ipc.CodeTooLarge, "its answers take more than %d bytes of memory together", maxListed)
	}
	switch err := relayapi.Unmarshal(text, q.limit, answer); {
	case errors.Is(err, relayapi.ErrTooLarge):
		return r.fault(ipc.CodeTooLarge, "its answer is %v", err)
	case err != nil:
		return r.fault(ipc.CodeInternal, "its answer can't be read: %v", err)
	}
	return nil
}

// refusal is the failure that an answer tells of, or nil.
func (r relay) refusal(resp *http.Response) *ipc.Error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, relayapi.MaxProblem)) // half of it is taken for none
	e := relayapi.ParseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body).Err()
	if e.Code == ipc.CodeClosed { // the relay is, not this side
		e.Code = ipc.CodeUnavailable
	}
	return e
}

// checkType finds fault with an answer that no relay gives.
func (r relay) checkType(resp *http.Response, want string) *ipc.Error {
	header := resp.Header.Get("Content-Type")
	if got, _, err := mime.ParseMediaType(header); err == nil && strings.EqualFold(got, want) {
		return nil
	}
	return r.fault(ipc.CodeInternal, "its answer is %.80q, want %s; is there a relay at that URL?", header, want)
}

// fault is a failure of the way to the relay, or of the relay.
func (r relay) fault(code ipc.Code, format string, args ...any) *ipc.Error {
	return &ipc.Error{Code: code, Message: "relay " + r.url + ": " + fmt.Sprintf(format, args...)}
}

// loans implements [endpoint]: nothing is lent over HTTP.
func (relay) loans(context.Context) (*ipc.Loans, error) { return nil, nil }

// release implements [endpoint]. What the node's relays have in common is counted by links.
func (relay) release() {}

// leave implements [endpoint].
func (relay) leave() {}
