package relay

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"
)

// A client that speaks plain HTTP to a relay that serves HTTPS would see its connection close, and nothing that says why.

// misledBody is what it is told.
const misledBody = `{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid","detail":"this relay speaks HTTPS; ask at https://…"}`

// errMisled is the end of a TLS connection that is none.
var errMisled = errors.New("the client speaks HTTP, and the relay HTTPS")

// Read implements [net.Conn]. Below TLS the first bytes show who speaks something else.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if c.sealed && n > 0 {
		c.sealed = false
		if b[0] >= 'A' && b[0] <= 'Z' { // of a method; a record of TLS begins with a control
			c.tellMisled()
			return 0, errMisled
		}
	}
	return n, err
}

// tellMisled answers as far as that goes through at once.
func (c *conn) tellMisled() {
	expectMore(c, true)
	if c.SetWriteDeadline(time.Now().Add(refuseTime)) == nil {
		writeRefusal(c.TCPConn, fasthttp.StatusBadRequest, misledBody)
	}
}
