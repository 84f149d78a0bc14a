package peer_test

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ctwo-go/c2/tests/compare/internal/peer"
	"github.com/ctwo-go/c2/tests/compare/internal/rows"
)

// TestPeers has every peer give right answers in all its ways.
func TestPeers(t *testing.T) {
	for _, p := range peer.All() {
		t.Run(p.Name, func(t *testing.T) {
			c := connect(t, p)
			for _, way := range p.Echoes {
				t.Run("echo "+way, func(t *testing.T) { testEcho(t, c.Echo[way]) })
				t.Run("echoes at once "+way, func(t *testing.T) { testEchoes(t, c.Echo[way]) })
			}
			for _, way := range p.Tables {
				t.Run("table "+way, func(t *testing.T) { testTable(t, c.Table[way]) })
			}
		})
	}
}

// connect serves a peer in this process and connects to it.
func connect(t *testing.T, p peer.Peer) *peer.Conn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	stop, err := p.Serve(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	c, err := p.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing the client: %v", err)
		}
	})
	return c
}

func testEcho(t *testing.T, echo peer.Echo) {
	for _, size := range []int{1, 64, 1000, 64 << 10, 5 << 20} {
		for fill := byte(1); fill <= 2; fill++ { // twice, so that memory that is used again is seen
			if err := exchange(t.Context(), echo, bytes.Repeat([]byte{fill}, size)); err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	}
}

func testEchoes(t *testing.T, echo peer.Echo) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if err := exchange(t.Context(), echo, bytes.Repeat([]byte{byte(i)}, 3000)); err != nil {
					t.Errorf("caller %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func exchange(ctx context.Context, echo peer.Echo, data []byte) error {
	return echo(ctx, data, func(answer []byte) error {
		if !bytes.Equal(answer, data) {
			return errors.New("other bytes came back than were sent")
		}
		return nil
	})
}

func testTable(t *testing.T, table peer.Table) {
	for _, n := range []int{1, 1000, 100_000} {
		sum, err := table(t.Context(), n)
		if want := rows.New(n).Sum(); err != nil || sum != want {
			t.Errorf("%d rows: sum %v, %v, want %v", n, sum, err, want)
		}
	}
}

// TestPeersDescribeThemselves checks what the report is made of.
func TestPeersDescribeThemselves(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range peer.All() {
		if p.Name == "" || p.Title == "" || p.How == "" || seen[p.Name] || strings.ContainsAny(p.Name, " /") {
			t.Errorf("%q (%q): a peer has a name of its own, a title, and says how it was set up", p.Name, p.Title)
		}
		seen[p.Name] = true
		if found, ok := peer.ByName(p.Name); !ok || found.Title != p.Title {
			t.Errorf("%s is not found by its name", p.Name)
		}
	}
	if _, ok := peer.ByName("nobody"); ok {
		t.Error("nobody was found")
	}
}
