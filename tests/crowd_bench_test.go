package tests

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/child"
)

// crowdCaller is a child that calls the Echo at the address that is its first argument, polling for as long as the second one
// says, until its standard input ends. Then it says how many calls a second that were.
func crowdCaller(args []string) error {
	poll, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	node, err := c2.NewNode(c2.Polling(poll))
	if err != nil {
		return err
	}
	e, err := c2.Connect[Echo](context.Background(), "echo", c2.At(args[0]), c2.On(node))
	if err != nil {
		return err
	}
	data := make([]byte, 64)
	calls, begin := 0, time.Now()
	for ctx := child.UntilInputEnds(); ctx.Err() == nil; calls++ {
		if _, err := e.Echo(ctx, data); err != nil && ctx.Err() == nil {
			return err
		}
	}
	fmt.Println(float64(calls) / time.Since(begin).Seconds())
	return node.Shutdown(context.Background())
}

// BenchmarkCrowd has eight processes call one server, back to back, on however few cores there are, by turns with polling and
// without. It reports the calls a second of all together, and their ratio.
func BenchmarkCrowd(b *testing.B) {
	servers := map[string]string{}
	for _, poll := range []string{ipcDefault, "0s"} {
		servers[poll] = "ipc://" + b.TempDir() + "/echo.sock"
		b.Setenv("C2_IPC_POLL", poll)
		child.Start(b, "echo", servers[poll])
	}
	var with, without float64
	for b.Loop() {
		with += callsOfMany(b, servers[ipcDefault], ipcDefault)
		without += callsOfMany(b, servers["0s"], "0s")
	}
	b.ReportMetric(with/float64(b.N), "polling-calls/s")
	b.ReportMetric(without/float64(b.N), "sleeping-calls/s")
	b.ReportMetric(with/without, "polling/sleeping")
}

// ipcDefault is how long connections poll by default.
const ipcDefault = "150us"

// callsOfMany is how many calls a second eight processes make in half a second.
func callsOfMany(b *testing.B, address, poll string) (rate float64) {
	b.Helper()
	var callers []*child.Program
	for range 8 {
		callers = append(callers, child.Start(b, "crowd", address, poll))
	}
	time.Sleep(500 * time.Millisecond)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range callers {
		wg.Go(func() {
			c.In.Close()
			var r float64
			_, err := fmt.Fscan(c.Out, &r)
			io.Copy(io.Discard, c.Out)
			if waitErr := c.Wait(); err == nil {
				err = waitErr
			}
			mu.Lock()
			defer mu.Unlock()
			if rate += r; err != nil {
				fmt.Fprintln(os.Stderr, "caller:", err)
				b.Fail()
			}
		})
	}
	wg.Wait()
	return rate
}
