package turn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// Call makes one call of those that a Request asks for. It returns the sum of a table.
type Call func(ctx context.Context) (sum float64, err error)

// Serve answers requests until in ends. prepare returns what a turn is to repeat.
func Serve(in io.Reader, out io.Writer, prepare func(Request) (Call, error)) error {
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var req Request
		if err := requests.Decode(&req); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading a request for a turn: %w", err)
		}
		if err := answers.Encode(play(req, prepare)); err != nil {
			return fmt.Errorf("answering a request for a turn: %w", err)
		}
	}
}

// play takes a turn, with no garbage of the turn before.
func play(req Request, prepare func(Request) (Call, error)) Answer {
	call, err := prepare(req)
	if err != nil {
		return Answer{Error: err.Error()}
	}
	runtime.GC()
	a := run(context.Background(), req, call)
	if IsLarge(req) {
		debug.FreeOSMemory()
	}
	return a
}

// IsLarge says whether a turn leaves so much garbage that it has to be given back to the system: the processes of all peers
// are there at once. The first calls of the next turn, which do not count, fetch memory again.
func IsLarge(req Request) bool {
	const large = 32 << 20
	size := req.Size
	if req.Work == Table {
		size *= rows.Bytes
	}
	return size >= large
}
