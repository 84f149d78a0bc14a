package relay_test

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ctwo-go/c2/codec"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/relay"
)

// pacing is a rate, and how peers go on: none of their pauses is as long as a stall, and all together are longer than two.
type pacing struct {
	rate         int64
	stall, pause time.Duration
}

// paces are a rate that any waiting falls short of, and none, where a pause may become much longer than it is meant to be.
var paces = map[string]pacing{
	"fast": {1 << 40, 400 * time.Millisecond, 20 * time.Millisecond}, "any": {-1, 1500 * time.Millisecond, 50 * time.Millisecond},
}

// slowHost is soon tired of peers below the rate.
func slowHost(t *testing.T, p pacing) *host {
	h, _, _ := served(t, relay.Config{StallTimeout: p.stall, MinRate: p.rate})
	return h
}

// A caller that sends on, but less than the least rate, is given up.
func TestSendersBelowTheRate(t *testing.T) {
	for what, p := range paces {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			h := slowHost(t, p)
			c := h.dial()
			c.send(cborPost(lengthLine(20<<10)+"Connection: close\r\n", "\x81\x59\x4f\xfc")) // an array of one byte string
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for left := 20<<10 - 4; left > 0; left -= 256 {
					if _, err := c.Write(make([]byte, min(left, 256))); err != nil {
						return
					}
					time.Sleep(p.pause)
				}
			}()
			a, err := c.next()
			c.Close()
			<-ended
			switch {
			case err != nil:
				t.Fatal(err)
			case p.rate < 0 && (a.status != 200 || a.body != "\x81\x19\x4f\xfc"):
				t.Errorf("%d %q", a.status, a.body)
			case p.rate > 0:
				h.expectProblem("slow", a.status, a.body, 408, "deadline")
			}
			h.servesOn()
		})
	}
}

// A caller that reads on, but less than the least rate, is given up.
func TestReadersBelowTheRate(t *testing.T) {
	const size = 12 << 20
	for what, p := range paces {
		t.Run(what, func(t *testing.T) {
			leaktest.Check(t)
			h := slowHost(t, p)
			c := h.dial()
			if err := c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
				t.Fatal(err)
			}
			body, err := codec.Marshal([]any{size})
			if err != nil {
				t.Fatal(err)
			}
			c.send(strings.Replace(cborPost("Connection: close\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n", string(body)), "/Len", "/Made", 1))
			got := 0
			for part := make([]byte, 128<<10); err == nil; {
				var n int
				n, err = c.r.Read(part)
				got += n
				time.Sleep(p.pause)
			}
			if p.rate < 0 && (err != io.EOF || got < size) || p.rate > 0 && got >= size {
				t.Errorf("%d bytes and then %v", got, err)
			}
			h.servesOn()
			await.True(t, "nothing waits", func() bool {
				return h.metric("c2_relay_spooled_bytes") == 0 && h.metric("c2_relay_calls_in_flight") == 0
			})
		})
	}
}
