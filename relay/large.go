package relay

import (
	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/ipc"
)

// large has one value for each large body of a kind that is in memory, as each may take megabytes. Small ones are not counted.
type large chan struct{}

// maxLarge is how many there may be of a kind at a time.
const maxLarge = 16

func newLarge() large { return make(large, maxLarge) }

// begin lets a request's body be read, or says that it has to come later. end is called when the body is in memory no more.
func (l large) begin(ctx *fasthttp.RequestCtx) (end func(), err error) {
	if n := ctx.Request.Header.ContentLength(); n >= 0 && n <= smallBody {
		return func() {}, nil
	}
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	default:
		return nil, &ipc.Error{Code: ipc.CodeBusy, Message: "others tell this relay of much just now; tell it later"}
	}
}
