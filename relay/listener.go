package relay

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/internal/silence"
)

// listener bounds the connections, and makes each a *conn.
type listener struct {
	net.Listener
	table *connTable
	plain bool // not below TLS
}

// crowdedBody is what a connection too many is told.
const crowdedBody = `{"type":"about:blank","title":"Too Many Requests","status":429,"code":"busy","detail":"the relay has as many connections as it takes (--max-conns)"}`

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			if l.table.await(err) {
				continue
			}
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			c.Close()
			continue
		}
		if own := l.table.add(tcp); own != nil {
			silence.Bound(tcp, l.table.stall)
			own.sealed = !l.plain
			return own, nil
		}
		l.table.refused.Add(1)
		l.refuse(tcp)
	}
}

// acceptPause is how long the relay waits for what the machine has not enough of, before it takes another connection.
const acceptPause = 50 * time.Millisecond

// await waits a little if err says that the machine lacks descriptors or memory now, or that the peer left: the relay goes on
// serving those that it has. It tells whether to try again.
func (t *connTable) await(err error) bool {
	switch {
	case errors.Is(err, syscall.ECONNABORTED):
		return true
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM):
	default:
		return false
	}
	t.refused.Add(1)
	select {
	case <-time.After(acceptPause):
		return true
	case <-t.done:
		return false
	}
}

// refuse says why, as far as that goes through at once, and closes.
func (l *listener) refuse(tcp *net.TCPConn) {
	defer tcp.Close()
	if l.plain && tcp.SetWriteDeadline(time.Now().Add(refuseTime)) == nil {
		writeRefusal(tcp, fasthttp.StatusTooManyRequests, crowdedBody)
	}
}

// refuseTime is how long who is not served may take for what it is told.
const refuseTime = 10 * time.Millisecond

// writeRefusal answers a connection that fasthttp does not see, with a problem.
func writeRefusal(tcp *net.TCPConn, status int, problem string) {
	fmt.Fprintf(tcp, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, fasthttp.StatusMessage(status), relayapi.TypeProblem, len(problem), problem)
}
