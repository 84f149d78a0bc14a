package relayapi_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// TestProblemIsTheError: what one side writes the other reads, of each code.
func TestProblemIsTheError(t *testing.T) {
	for c := ipc.CodeNotFound; c <= ipc.CodeStale; c++ {
		sent := &ipc.Error{Code: c, Message: "why", Names: []string{"a.b"}, MayHaveRun: true}
		p := relayapi.NewProblem(sent)
		body, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := relayapi.ParseProblem(p.Status, relayapi.TypeProblem, body).Err(); !reflect.DeepEqual(got, sent) {
			t.Errorf("code %v came as %+v, want %+v", c, got, sent)
		}
		if p.Status < 400 {
			t.Errorf("code %v has status %d", c, p.Status)
		}
	}
}

// TestForeignProblem: a proxy between may answer anything, and in JSON that looks like ours.
func TestForeignProblem(t *testing.T) {
	for status, want := range map[int]ipc.Code{
		404: ipc.CodeNotFound, 413: ipc.CodeTooLarge, 429: ipc.CodeBusy, 401: ipc.CodeDenied, 403: ipc.CodeDenied,
		503: ipc.CodeUnavailable, 504: ipc.CodeDeadline, 418: ipc.CodeInternal, 500: ipc.CodeInternal, 204: ipc.CodeInternal,
		302: ipc.CodeInternal, 101: ipc.CodeInternal,
	} {
		for contentType, body := range map[string]string{
			"text/html": "<html>", "application/json": `{"code":"unavailable","msg":"upstream"}`, "": "", "application/problem+json": `{"code":`,
		} {
			e := relayapi.ParseProblem(status, contentType, []byte(body)).Err()
			if e.Code != want {
				t.Errorf("status %d with %q is %v, want %v", status, contentType, e.Code, want)
			}
			if ran := status >= 500 || status < 300; e.MayHaveRun != ran {
				t.Errorf("status %d with %q: may have run is %v", status, contentType, e.MayHaveRun)
			}
		}
	}
}

// FuzzParseProblem takes anything for a body.
func FuzzParseProblem(f *testing.F) {
	f.Add(500, relayapi.TypeProblem, []byte(`{"code":"busy","names":["x"]}`))
	f.Add(500, relayapi.TypeProblem+"; charset=utf-8", []byte(`{"code":"ok"}`))
	f.Add(200, "", []byte(`[`))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		if e := relayapi.ParseProblem(status, contentType, body).Err(); e.Code == ipc.CodeOK {
			t.Errorf("%q with status %d is no failure", body, status)
		}
	})
}
