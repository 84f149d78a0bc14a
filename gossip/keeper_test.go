package gossip

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// TestKeeperRetries: a snapshot that can't be written is said once and tried on, though nobody comes or goes, and when it can be
// written again it has all who were there meanwhile.
func TestKeeperRetries(t *testing.T) {
	leaktest.Check(t)
	path := filepath.Join(t.TempDir(), "later", "mesh.json")
	bubble.Test(t, func(t *testing.T) {
		var log logged
		k := newKeeper(path, log.logger(), 7, snapshot{Incarnation: 6, Peers: []string{"10.0.0.1:1"}})
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go k.run(ctx)
		k.note([]string{"10.0.0.3:1"})
		synctest.Wait()
		k.note([]string{"10.0.0.2:1"})
		time.Sleep(time.Minute)
		if n := log.count("can't be written"); n != 1 {
			t.Errorf("the log says %d times that the snapshot can't be written", n)
		}
		if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(keepRetry)
		synctest.Wait()
		s, err := readSnapshot(path)
		if want := []string{"10.0.0.2:1", "10.0.0.3:1", "10.0.0.1:1"}; err != nil || s.Incarnation != 7 || !slices.Equal(s.Peers, want) {
			t.Errorf("the snapshot is %+v, %v; want peers %v", s, err, want)
		}
		time.Sleep(time.Minute)
		if n := log.count("is written again"); n != 1 {
			t.Errorf("the log says %d times that the snapshot is written again", n)
		}
	})
}
