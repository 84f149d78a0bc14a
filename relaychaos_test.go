package c2_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Log takes entries, and knows how often it took each.
type Log interface {
	Append(ctx context.Context, key string, data []byte) error
}

type entries struct {
	mu    sync.Mutex
	times map[string]int
}

func (e *entries) Append(_ context.Context, key string, _ []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.times[key]++
	return nil
}

// cutter passes connections on, and ends them anywhere while it is sharp.
type cutter struct {
	to    string
	sharp atomic.Bool
	tasks sync.WaitGroup
}

// listen returns the URL of who is behind it.
func (c *cutter) listen(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		c.tasks.Wait()
	})
	c.tasks.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", c.to)
			if err != nil {
				in.Close()
				continue
			}
			c.tasks.Go(func() { c.pass(out, in) })
			c.tasks.Go(func() { c.pass(in, out) })
		}
	})
	return "http://" + l.Addr().String()
}

func (c *cutter) pass(dst, src net.Conn) {
	defer dst.Close()
	defer src.Close()
	for buf := make([]byte, 1+rand.IntN(2000)); ; {
		n, err := src.Read(buf)
		if err == nil && c.sharp.Load() && rand.IntN(30) == 0 {
			dst.Write(buf[:rand.IntN(n+1)])
			if rand.IntN(2) == 0 { // so that who reads is told of a reset
				dst.(*net.TCPConn).SetLinger(0)
			}
			return
		}
		if _, e := dst.Write(buf[:n]); e != nil || err != nil {
			return
		}
	}
}

// TestConnectionsThatAreCut anywhere: no call runs twice, and none that is said not to have run.
func TestConnectionsThatAreCut(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	log := &entries{times: make(map[string]int)}
	register[Log](t, server, "log", log, c2.Concurrency(c2.Parallel))
	r.awaitRoute("log")
	cut := &cutter{to: r.address}
	c := connect[Log](t, client, "log", c2.Relay(cut.listen(t)))
	cut.sharp.Store(true)
	var failed sync.Map // errors by key, nil for what ran
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				key := fmt.Sprintf("%d-%d", g, i)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+rand.IntN(200))*time.Millisecond)
				failed.Store(key, c.Append(ctx, key, make([]byte, rand.IntN(1<<rand.IntN(22)))))
				cancel()
			}
		})
	}
	all.Wait()
	shutdown(t, server) // so that nothing runs any more
	var ran, not, unsure int
	failed.Range(func(key, err any) bool {
		times := log.times[key.(string)]
		var e *c2.Error
		switch known := errors.As(asError(err), &e); {
		case !known:
			ran++
			if times != 1 {
				t.Errorf("%s ran %d times", key, times)
			}
		case !e.MayHaveRun:
			not++
			if times != 0 {
				t.Errorf("%s ran %d times, and its caller got %v", key, times, e)
			}
		default:
			unsure++
			if times > 1 {
				t.Errorf("%s ran %d times", key, times)
			}
		}
		return true
	})
	t.Logf("%d calls ran, %d did not, of %d it is unknown", ran, not, unsure)
}

func asError(v any) error {
	err, _ := v.(error)
	return err
}

// TestEverythingAtOnceByRelay: resources come and go, clients connect, call, close and shut down. Calls end as they may, and nothing is left.
func TestEverythingAtOnceByRelay(t *testing.T) {
	bothWays(t, func(t *testing.T, r *fakeRelay) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		var all sync.WaitGroup
		for range 2 {
			server := newNode(t, c2.RelayURL(r.url()))
			all.Go(func() {
				for ctx.Err() == nil {
					register[Counter](t, server, "counter", &counter{})
					time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // is there for a while
					if err := c2.Unregister(within(t), "counter", c2.On(server)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 3 {
			all.Go(func() {
				for ctx.Err() == nil {
					callAndGo(t, r.url())
				}
			})
		}
		all.Wait()
	})
}

// callAndGo has a node with some connections, which are used and closed, and shuts it down, perhaps under its users.
func callAndGo(t *testing.T, relay string) {
	client, err := c2.NewNode(c2.RelayURL(relay))
	if err != nil {
		t.Error(err)
		return
	}
	may := func(err error) bool {
		switch {
		case err == nil, errors.Is(err, c2.ErrNotFound), errors.Is(err, c2.ErrClosed):
		case errors.Is(err, c2.ErrUnavailable) && strings.Contains(err.Error(), "replaced"): // again and again
		default:
			t.Error(err)
		}
		return err == nil
	}
	var users sync.WaitGroup
	for range 3 {
		cnt, err := c2.Connect[Counter](within(t), "counter", c2.On(client))
		if !may(err) {
			continue
		}
		for range 3 {
			users.Go(func() {
				for i := 0; i < 20; i++ {
					_, err := cnt.Value(within(t))
					may(err)
				}
			})
		}
		users.Go(func() {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) // while they call
			c2.Close(cnt)
		})
	}
	if rand.IntN(2) == 0 {
		users.Wait()
	}
	shutdown(t, client)
	users.Wait()
}
