package relay

import (
	"errors"
	"testing"

	"github.com/ctwo-go/c2/ipc"
)

// TestParted: a call whose route went as it was found may go to another candidate.
func TestParted(t *testing.T) {
	client := ipc.NewClient("ipc:///nowhere.sock", ipc.Config{})
	client.Close()
	_, err := client.Call(t.Context(), ipc.Request{Args: ipc.Bytes("x")})
	if e := asError(parted(err)); e.Code != ipc.CodeUnavailable || !new(exchange).mayGoOn(e) {
		t.Errorf("%v became %v, with which nothing goes on", err, e)
	}
	if e := asError(parted(&ipc.Error{Code: ipc.CodeClosed, MayHaveRun: true})); !e.MayHaveRun || new(exchange).mayGoOn(e) {
		t.Errorf("a call that may have run became %+v", e)
	}
	if other := errors.New("other"); parted(other) != other || parted(nil) != nil {
		t.Error("other errors change")
	}
}
