package ring

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/ctwo-go/c2/internal/leaktest"
)

// bell holds at most one ring of it.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// stream is one direction of a pair, with what wakes its two ends. If a wake is lost, it hangs.
type stream struct {
	w             *Writer
	r             *Reader
	forIn, forOut bell
}

// send writes all of p.
func (s *stream) send(p []byte) error {
	for len(p) > 0 {
		n, err := s.w.Write(p)
		if err != nil {
			return err
		}
		if s.w.PeerSleeps() != Awake {
			s.forIn.ring()
		}
		if p = p[n:]; len(p) > 0 && s.w.Await() {
			<-s.forOut
			s.w.Go()
		}
	}
	return nil
}

// receive reads something.
func (s *stream) receive(p []byte) (int, error) {
	for {
		n, wake, err := s.r.Read(p)
		if wake {
			s.forOut.ring()
		}
		if n > 0 || err != nil {
			return n, err
		}
		if s.r.Sleep() {
			<-s.forIn
			s.r.Wake()
		}
	}
}

// TestStress sends much through a small ring, both ways at a time, with pauses on either side so that each waits for the
// other now and then.
func TestStress(t *testing.T) {
	leaktest.Check(t)
	total := 8 << 20
	if testing.Short() {
		total = 1 << 20
	}
	sides, _ := pair(t, MinSize)
	ends := make(chan error, 4)
	for i := range sides {
		s := &stream{w: sides[i].w, r: sides[1-i].r, forIn: make(bell, 1), forOut: make(bell, 1)}
		go func() { ends <- sendAll(s, total, uint64(i)) }()
		go func() { ends <- receiveAll(t, s, total, uint64(i+2)) }()
	}
	late := time.After(time.Minute)
	for range cap(ends) {
		select {
		case err := <-ends:
			if err != nil {
				t.Error(err)
			}
		case <-late:
			t.Fatal("a wake was lost")
		}
	}
}

// at is the byte at a position of the stream.
func at(position int) byte { return byte(position) ^ byte(position>>8) ^ byte(position>>16) }

func sendAll(s *stream, total int, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 0))
	buf := make([]byte, 3*MinSize)
	for sent := 0; sent < total; {
		p := buf[:min(1+rnd.IntN(len(buf))>>rnd.IntN(12), total-sent)]
		for i := range p {
			p[i] = at(sent + i)
		}
		if err := s.send(p); err != nil {
			return err
		}
		sent += len(p)
		pause(rnd)
	}
	return nil
}

func receiveAll(t *testing.T, s *stream, total int, seed uint64) error {
	rnd := rand.New(rand.NewPCG(seed, 0))
	buf := make([]byte, MinSize)
	for got := 0; got < total; {
		n, err := s.receive(buf[:1+rnd.IntN(len(buf))>>rnd.IntN(12)])
		if err != nil {
			return err
		}
		for i, b := range buf[:n] {
			if b != at(got+i) {
				t.Errorf("byte %d is %d, want %d", got+i, b, at(got+i))
				return nil
			}
		}
		got += n
		pause(rnd)
	}
	return nil
}

// pause lets the other side run, now and then.
func pause(rnd *rand.Rand) {
	if rnd.IntN(4) == 0 {
		runtime.Gosched()
	}
}

// BenchmarkPingPong is 64 bytes there and back between two goroutines that poll: the floor of a call.
func BenchmarkPingPong(b *testing.B) {
	sides, _ := pair(b, 64<<10)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 64)
		for {
			n, _, _ := sides[1].r.Read(p)
			if n > 0 {
				sides[1].w.Write(p[:n])
				continue
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	p := make([]byte, 64)
	for b.Loop() {
		sides[0].w.Write(p)
		for n := 0; n == 0; {
			n, _, _ = sides[0].r.Read(p)
		}
	}
	close(stop)
	<-done
}
