package silence_test

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/silence"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// TestBothEndsAreBound: the kernel has what it needs to notice an end that is gone, whether something is under way or not.
func TestBothEndsAreBound(t *testing.T) {
	leaktest.Check(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := silence.Dialer(time.Second).Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, c := range []struct {
		what      string
		conn      net.Conn
		set, want time.Duration
	}{
		{"dialled", out, 0, silence.Limit},
		{"accepted", in, time.Second, silence.Limit},
		{"with more patience", in, time.Hour, time.Hour},
	} {
		tcp := c.conn.(*net.TCPConn)
		if c.set > 0 {
			silence.Bound(tcp, c.set)
		}
		if got := option(t, tcp, unix.TCP_USER_TIMEOUT); got != int(c.want.Milliseconds()) {
			t.Errorf("%s: what was sent may stay unanswered for %d ms, want %v", c.what, got, c.want)
		}
		idle, interval, count := option(t, tcp, unix.TCP_KEEPIDLE), option(t, tcp, unix.TCP_KEEPINTVL), option(t, tcp, unix.TCP_KEEPCNT)
		if asks := time.Duration(idle+interval*count) * time.Second; asks != silence.Limit {
			t.Errorf("%s: an idle end is given up after %v, want %v", c.what, asks, silence.Limit)
		}
	}
}

func option(t *testing.T, c *net.TCPConn, name int) (value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	return value
}
