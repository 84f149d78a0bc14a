package bubble_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/bubble"
)

// TestManyTimers has so many goroutines wait at once that the race detector, with several processors, does not survive it.
func TestManyTimers(t *testing.T) {
	before, began := runtime.GOMAXPROCS(0), time.Now()
	bubble.Test(t, func(t *testing.T) {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				ticker := time.NewTicker(time.Duration(1+i%7) * time.Minute)
				defer ticker.Stop()
				for range 200 {
					done := make(chan bool)
					time.AfterFunc(time.Minute, func() { close(done) })
					<-done
					<-ticker.C
				}
			})
		}
		wg.Wait()
		if d := time.Since(began); d < 200*7*time.Minute {
			t.Errorf("200 times 7 minutes took %v of the bubble's time", d)
		}
	})
	if d := time.Since(began); d > time.Hour {
		t.Errorf("%v of real time went by", d)
	}
	if n := runtime.GOMAXPROCS(0); n != before {
		t.Errorf("%d processors are left of %d", n, before)
	}
}
