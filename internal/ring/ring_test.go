package ring

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ctwo-go/c2/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// side is one side's ends.
type side struct {
	r *Reader
	w *Writer
}

// pair is two sides with rings of n bytes, and their halves.
func pair(t testing.TB, n int) (sides [2]side, halves [2][]byte) {
	t.Helper()
	halves = [2][]byte{memory(HalfSize(n)), memory(HalfSize(n))}
	for i := range sides {
		r, w, err := New(halves[i], halves[1-i])
		if err != nil {
			t.Fatal(err)
		}
		sides[i] = side{r, w}
	}
	return sides, halves
}

func TestNewRefuses(t *testing.T) {
	good := memory(HalfSize(MinSize))
	for what, bad := range map[string][]byte{
		"nothing":             nil,
		"less than a page":    memory(1024),
		"too small a ring":    memory(HalfSize(MinSize / 2)),
		"no power of two":     memory(HalfSize(MinSize + 8)),
		"a ring and a bit":    memory(HalfSize(MinSize) + 8),
		"no ring, only words": memory(HalfSize(0)),
	} {
		if _, _, err := New(bad, good); err == nil {
			t.Errorf("%s is taken for one's own half", what)
		}
		if _, _, err := New(good, bad); err == nil {
			t.Errorf("%s is taken for the peer's half", what)
		}
	}
}

// run has one side write and the other one read as the program says, a byte for each step, and compares with what a plain
// buffer does.
func run(t testing.TB, program []byte) {
	t.Helper()
	sides, _ := pair(t, MinSize)
	w, r := sides[0].w, sides[1].r
	var model bytes.Buffer
	next := byte(0)
	for at := 0; at+2 < len(program); at += 3 {
		n := int(program[at+1])<<8 | int(program[at+2])
		if program[at]&1 == 0 {
			data := make([]byte, n%(2*MinSize))
			for i := range data {
				data[i] = next + byte(i)
			}
			k, err := w.Write(data)
			if err != nil {
				t.Fatalf("step %d: Write: %v", at/3, err)
			}
			if k < len(data) && w.HasRoom() {
				t.Fatalf("step %d: %d of %d bytes were written, though there is room", at/3, k, len(data))
			}
			model.Write(data[:k])
			next += byte(k)
			continue
		}
		if ready := r.Ready(); ready != (model.Len() > 0) || ready != r.Pending() {
			t.Fatalf("step %d: Ready is %v, Pending %v with %d bytes unread", at/3, ready, r.Pending(), model.Len())
		}
		p := make([]byte, 1+n%(MinSize/2))
		k, _, err := r.Read(p)
		if err != nil || k == 0 != (model.Len() == 0) {
			t.Fatalf("step %d: Read gives %d, %v with %d bytes unread", at/3, k, err, model.Len())
		}
		if want := model.Next(k); !bytes.Equal(p[:k], want) {
			t.Fatalf("step %d: %d bytes are not those that were written", at/3, k)
		}
		if head, unread := w.Unread(); unread != (model.Len() > 0) || head > w.Position() {
			t.Fatalf("step %d: Unread is %v at %d of %d with %d bytes unread", at/3, unread, head, w.Position(), model.Len())
		}
	}
}

func TestDoesWhatABufferDoes(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		program := make([]byte, 600)
		for i := range program {
			program[i] = byte(rnd.Uint32())
		}
		run(t, program)
	}
}

// FuzzRing runs programs of writes and reads; see run.
func FuzzRing(f *testing.F) {
	f.Add([]byte{0, 0, 5, 1, 0, 9, 0, 31, 255, 0, 31, 255, 1, 7, 255, 1, 0, 0})
	f.Add(bytes.Repeat([]byte{0, 3, 253, 1, 4, 0}, 20))
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 3000 {
			return
		}
		run(t, program)
	})
}

// TestFullRing: what is not taken is not half there, and there is room again as soon as a record was read.
func TestFullRing(t *testing.T) {
	sides, _ := pair(t, MinSize)
	w, r := sides[0].w, sides[1].r
	n, err := w.Write(make([]byte, 2*MinSize))
	if err != nil || n == 0 || n >= MinSize || w.HasRoom() {
		t.Fatalf("%d bytes went into a ring of %d, %v; there is room: %v", n, MinSize, err, w.HasRoom())
	}
	if !w.Await() {
		t.Fatal("a writer without room must not wait")
	}
	got, wake := 0, false
	for !wake && got < n {
		k, asked, err := r.Read(make([]byte, MinSize))
		if err != nil || k == 0 {
			t.Fatalf("Read gives %d, %v after %d of %d bytes", k, err, got, n)
		}
		got, wake = got+k, asked
	}
	if !wake {
		t.Fatalf("all was read, and nobody is to wake the writer")
	}
	if !w.HasRoom() {
		t.Error("the writer is to be woken, and has no room")
	}
	w.Go()
}

// TestOneBellForOneSleep: a reader that sleeps is to be woken once, and again for the next sleep.
func TestOneBellForOneSleep(t *testing.T) {
	sides, _ := pair(t, MinSize)
	w, r := sides[0].w, sides[1].r
	for _, nap := range []Nap{Asleep, Asleep, Dozing, Dozing, Asleep} {
		sleep := r.Sleep
		if nap == Dozing {
			sleep = r.Doze
		}
		if !sleep() || !r.Asleep() {
			t.Fatal("the reader has nothing to read and does not sleep")
		}
		for i := range 3 {
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			want := nap
			if i > 0 {
				want = Awake
			}
			if got := w.PeerSleeps(); got != want {
				t.Fatalf("write %d: PeerSleeps is %v, want %v", i, got, want)
			}
		}
		r.Wake()
		if w.PeerSleeps() != Awake || r.Sleep() || r.Asleep() {
			t.Fatal("a reader that has something to read sleeps")
		}
		for range 3 {
			if n, _, err := r.Read(make([]byte, 8)); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
	}
}

// TestCorrupt: each rule that a peer can break is an ErrCorrupt.
func TestCorrupt(t *testing.T) {
	t.Run("a record larger than any", func(t *testing.T) {
		for _, size := range []uint64{MinSize/4 + 1, MinSize, 1 << 32, 1<<64 - 1} {
			sides, halves := pair(t, MinSize)
			wordAt(halves[0][ringAt:], 0).Store(size)
			if n, _, err := sides[1].r.Read(make([]byte, 100)); n != 0 || !errors.Is(err, ErrCorrupt) {
				t.Errorf("a record of %d bytes gives %d, %v", size, n, err)
			}
		}
	})
	t.Run("a head that is nowhere", func(t *testing.T) {
		for _, head := range []uint64{8, 7, 1, MinSize, 1 << 63, 1<<64 - 8} {
			sides, halves := pair(t, MinSize)
			word(halves[1][headAt:]).Store(head)
			if n, err := sides[0].w.Write(make([]byte, 2*MinSize)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("head %d gives %d, %v", head, n, err)
			}
		}
	})
	t.Run("a head that goes back", func(t *testing.T) {
		sides, halves := pair(t, MinSize)
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			if _, err = sides[0].w.Write(make([]byte, 500)); err == nil {
				_, _, err = sides[1].r.Read(make([]byte, 500))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		word(halves[1][headAt:]).Store(8)
		for i := 0; i < 100 && err == nil; i++ {
			_, err = sides[0].w.Write(make([]byte, 500))
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	})
}

// FuzzHostile reads from and writes beside a half of any bytes, which change at each step. Nothing but an ErrCorrupt may
// come of it.
func FuzzHostile(f *testing.F) {
	f.Add([]byte{1, 2, 3}, []byte{0, 0, 0, 0, 0, 0, 0, 0, 16})
	f.Add(make([]byte, 64), bytes.Repeat([]byte{255}, 40))
	f.Fuzz(func(t *testing.T, content, program []byte) {
		sides, halves := pair(t, MinSize)
		r, w := sides[0].r, sides[0].w
		peer := halves[1]
		copy(peer[ringAt:], content)
		p := make([]byte, MinSize)
		for at, op := range program {
			words := []int{stateAt, headAt, wantAt, ringAt, ringAt + int(op)*8}
			word(peer[words[int(op)%len(words)]:]).Store(uint64(op) << (at % 64))
			n, _, err := r.Read(p[:1+int(op)*16])
			if n > MinSize/4 || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("Read gives %d, %v", n, err)
			}
			if n, err := w.Write(p[:int(op)*8]); n > int(op)*8 || err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatalf("Write gives %d, %v", n, err)
			}
			w.PeerSleeps()
			w.Unread()
			r.Pending()
			if r.Sleep() {
				r.Wake()
			}
		}
	})
}
