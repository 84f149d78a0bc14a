package reach

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/certfile"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/internal/relayurl"
	"github.com/ctwo-go/c2/internal/silence"
)

// Config says how a relay is reached.
type Config struct {
	URL   string // http://host:port or https://host:port
	Token string // empty: none
	CA    string // a file of certificates that the relay's may be signed by; empty: the system's
	Cert  string // a file with the certificate that is shown to the relay; empty: none
	Key   string // its key
}

// maxAnswer bounds the answers to all but calls, in bytes: a descriptor may be as large as a type.
const maxAnswer = 64 << 20

// client speaks HTTP with one relay.
type client struct {
	http  *http.Client
	base  string // without a path
	token string
}

func newClient(config Config) (*client, error) {
	base, err := relayurl.Parse(config.URL)
	if err != nil {
		return nil, fmt.Errorf("relay %w", err)
	}
	secure, err := config.TLS()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: silence.Dialer(0).DialContext, TLSClientConfig: secure, DisableCompression: true}
	return &client{
		http:  &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		base:  base,
		token: config.Token,
	}, nil
}

// TLS is how relays are spoken to over HTTPS, as CA, Cert and Key say.
func (c *Config) TLS() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pool, err := certfile.Authorities(c.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := certfile.Pair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// request is what is asked.
type request struct {
	method, path string
	header       http.Header
	body         []byte
}

// get asks for JSON.
func (c *client) get(ctx context.Context, path string, v any) error {
	return c.ask(ctx, request{method: http.MethodGet, path: path}, v)
}

// ask asks something that is answered in JSON.
func (c *client) ask(ctx context.Context, r request, v any) error {
	return c.do(ctx, r, func(body io.Reader) error {
		text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
		if err != nil {
			return err
		}
		if err := relayapi.Unmarshal(text, maxAnswer, v); err != nil {
			return &c2.Error{Code: c2.CodeInternal, Message: fmt.Sprintf("%s answers what is no answer of a relay: %v", c.base, err)}
		}
		return nil
	})
}

// do asks something, and reads the answer.
func (c *client) do(ctx context.Context, r request, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	if r.header != nil {
		req.Header = r.header
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if until, ok := ctx.Deadline(); ok && r.method == http.MethodPost {
		req.Header.Set("C2-Timeout", max(time.Until(until), time.Millisecond).String())
	}
	var sent atomic.Bool
	trace := &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}
	resp, err := c.http.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return c.lost(ctx, err, r.method == http.MethodPost && sent.Load())
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return problem(resp)
	}
	err = read(resp.Body)
	if failed := (*c2.Error)(nil); err == nil || errors.As(err, &failed) {
		return err
	}
	return c.lost(ctx, err, r.method == http.MethodPost)
}

// lost is the error for an answer that did not come, or not to its end.
func (c *client) lost(ctx context.Context, err error, mayHaveRun bool) error {
	e := &c2.Error{Code: c2.CodeUnavailable, Message: fmt.Sprintf("no answer from the relay at %s: %v", c.base, certfile.Advise(cause(err), "--ca, C2_TLS_CA")), MayHaveRun: mayHaveRun}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		e.Code = c2.CodeDeadline
	case ctx.Err() != nil:
		e.Code = c2.CodeCanceled
	}
	return e
}

// cause is err without the request around it.
func cause(err error) error {
	if outer := (*url.Error)(nil); errors.As(err, &outer) {
		return outer.Err
	}
	return err
}

// problemError is a failure that a relay tells of.
type problemError struct {
	failed *c2.Error
	names  []string // identities of a resource's error
}

func (e *problemError) Error() string { return e.failed.Error() }

func (e *problemError) Unwrap() error { return e.failed }

// Is tells whether the resource's context was over.
func (e *problemError) Is(target error) bool {
	return target == context.DeadlineExceeded && slices.Contains(e.names, "context.deadline_exceeded")
}

// problem is the error that the relay tells of.
func problem(resp *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, relayapi.MaxProblem)) // what is cut is no problem, and taken by its status
	p := relayapi.ParseProblem(resp.StatusCode, resp.Header.Get("Content-Type"), body)
	return &problemError{names: p.Names, failed: &c2.Error{
		Code: c2.Code(relayapi.ParseCode(p.Code)), Resource: p.Resource, Method: p.Method, Message: p.Detail, MayHaveRun: p.MayHaveRun,
	}}
}
