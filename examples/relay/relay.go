package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/ctwo-go/c2/relay"
)

// all is the whole example: this process is the relay and a client, and starts this program again as the server. Then it ends
// the relay and starts another one in its place, which keeps to itself where the server is.
func all(ctx context.Context) error {
	first, err := startRelay("127.0.0.1:0", relay.Config{ID: "first"})
	if err != nil {
		return err
	}
	fmt.Printf("process %d is the relay %s\n", os.Getpid(), first.url)
	server, err := startServer(ctx, first.url)
	if err != nil {
		return errAfter(err, first)
	}
	defer server.Wait()
	defer server.Process.Signal(syscall.SIGTERM)

	if _, err = awaitWind(ctx, first.url); err == nil {
		fmt.Printf("\nprocess %d asks the relay where \"wind\" is, and calls it without the relay, as they are on one host:\n", os.Getpid())
		err = visit(ctx, first.url)
	}
	if err = errAfter(err, first); err != nil {
		return err
	}
	second, err := startRelay(first.address, relay.Config{ID: "second", NoDirect: true})
	if err != nil {
		return err
	}
	took, err := awaitWind(ctx, second.url)
	if err == nil {
		fmt.Printf("\nthe relay has ended, and another one begun: the server found it, and announced itself, within %v\n", took.Round(time.Millisecond))
		fmt.Printf("\nthis one tells nobody where the server is, so all calls go through it, as from another host:\n")
		err = visit(ctx, second.url)
	}
	return errAfter(err, second)
}

// hub is a relay that serves.
type hub struct {
	relay        *relay.Relay
	address, url string
}

// startRelay does what c3 relay does.
func startRelay(address string, config relay.Config) (*hub, error) {
	r, err := relay.New(config)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	go r.Serve(ln)
	return &hub{r, ln.Addr().String(), "http://" + ln.Addr().String()}, nil
}

// errAfter ends a relay, and returns the first error.
func errAfter(err error, h *hub) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if ended := h.relay.Shutdown(ctx); err == nil {
		err = ended
	}
	return err
}

// startServer starts this program again as the server.
func startServer(ctx context.Context, relayURL string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	server := exec.CommandContext(ctx, self, "-serve", relayURL)
	server.Stdout, server.Stderr = os.Stdout, os.Stderr
	return server, server.Start()
}

// awaitWind waits until a relay knows the wind field, and tells how long that took.
func awaitWind(ctx context.Context, relayURL string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	begin := time.Now()
	for {
		_, err := passedOn(ctx, relayURL)
		if err == nil || ctx.Err() != nil {
			return time.Since(begin), err
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// passedOn asks a relay how many calls to the wind field went through it: GET /v1/stats/wind.
func passedOn(ctx context.Context, relayURL string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, relayURL+"/v1/stats/wind", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the relay does not know the wind field: %s", resp.Status)
	}
	var stats struct{ Calls int }
	return stats.Calls, json.NewDecoder(resp.Body).Decode(&stats)
}
