package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	c2 "github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/jsonvalue"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// fakeRelay answers as docs/relay.md says, for the resources of one node.
type fakeRelay struct {
	node  *c2.Node
	token string
}

func newFakeRelay(t testing.TB, node *c2.Node, token string) string {
	f := &fakeRelay{node, token}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/resources", f.list)
	mux.HandleFunc("GET /v1/resources/{name}", f.describe)
	mux.HandleFunc("GET /v1/stats/{name}", f.stats)
	mux.HandleFunc("POST /v1/resources/{name}/{method}", f.call)
	s := httptest.NewServer(f.guard(mux))
	t.Cleanup(s.Close)
	return s.URL
}

func (f *fakeRelay) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token {
			refuse(w, &ipc.Error{Code: ipc.CodeDenied, Message: "this relay wants a token"}, "", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, err *ipc.Error, resource, method string) {
	p := relayapi.NewProblem(err)
	p.Detail, p.Resource, p.Method = err.Message, resource, method
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}

func (f *fakeRelay) list(w http.ResponseWriter, _ *http.Request) {
	routes := relayapi.Routes{Relay: "r1"}
	for _, d := range f.node.Resources() {
		routes.Resources = append(routes.Resources, relayapi.Route{
			Name: d.Name, Contract: d.Contract, Reads: 1, Writes: len(d.Methods) - 1, Calls: 17,
			Place: relayapi.Place{Relay: "r1", URL: "http://r1:8080", Instance: "00", ID: "01"},
		})
	}
	answer(w, routes)
}

func (f *fakeRelay) descriptor(name string) *c2.Descriptor {
	for _, d := range f.node.Resources() {
		if d.Name == name {
			return &d
		}
	}
	return nil
}

func (f *fakeRelay) describe(w http.ResponseWriter, r *http.Request) {
	d := f.descriptor(r.PathValue("name"))
	if d == nil {
		refuse(w, &ipc.Error{Code: ipc.CodeNotFound, Message: "no such resource is announced here"}, r.PathValue("name"), "")
		return
	}
	answer(w, struct {
		*c2.Descriptor
		ID string `json:"id"`
	}{d, "0011223344556677"})
}

func (f *fakeRelay) stats(w http.ResponseWriter, r *http.Request) {
	l := relayapi.Latency{P50: 0.00004, P90: 0.000061, P99: 0.0001, Max: 0.0021}
	answer(w, relayapi.Stats{
		Name: r.PathValue("name"), Relay: "r1", Since: "2026-01-02T15:04:05Z", Calls: 17, InFlight: 2, Errors: map[string]uint64{"resource": 1, "busy": 3}, Latency: l,
		Methods: []relayapi.MethodStats{{Name: "Increment", Calls: 17, Errors: map[string]uint64{"resource": 1, "busy": 3}, Latency: l}},
	})
}

// call answers in the format that is accepted.
func (f *fakeRelay) call(w http.ResponseWriter, r *http.Request) {
	name, method := r.PathValue("name"), r.PathValue("method")
	d := f.descriptor(name)
	if d == nil || d.Method(method) == nil {
		refuse(w, &ipc.Error{Code: ipc.CodeNotFound, Message: "no such resource or method"}, name, method)
		return
	}
	m := d.Method(method)
	timeout, err := time.ParseDuration(r.Header.Get("C2-Timeout"))
	if err != nil {
		refuse(w, &ipc.Error{Code: ipc.CodeInvalid, Message: "C2-Timeout: " + err.Error()}, name, method)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	args, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Type") == "application/json" {
		args, err = jsonvalue.AppendArgs(nil, m.Params, m.Variadic, args)
	}
	if err != nil {
		refuse(w, &ipc.Error{Code: ipc.CodeInvalid, Message: err.Error()}, name, method)
		return
	}
	f.answerCall(ctx, w, r, m, args)
}

func (f *fakeRelay) answerCall(ctx context.Context, w http.ResponseWriter, r *http.Request, m *c2.MethodDescriptor, args []byte) {
	name := r.PathValue("name")
	conn, err := c2.ConnectDynamic(ctx, name, c2.On(f.node))
	var results []byte
	if err == nil {
		defer conn.Close()
		results, err = conn.CallCBOR(ctx, m.Name, args)
	}
	if failed := (*c2.Error)(nil); errors.As(err, &failed) {
		wire := &ipc.Error{Code: ipc.Code(failed.Code), Message: failed.Message, MayHaveRun: failed.MayHaveRun}
		if errors.Is(err, context.DeadlineExceeded) {
			wire.Names = []string{"context.deadline_exceeded"}
		}
		refuse(w, wire, name, m.Name)
		return
	}
	w.Header().Set("Content-Type", r.Header.Get("Accept"))
	if r.Header.Get("Accept") == "application/cbor" {
		w.Write(results)
		return
	}
	jsonvalue.Write(w, m.Results, results)
}
