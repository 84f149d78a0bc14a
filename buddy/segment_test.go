package buddy_test

import (
	"errors"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/leaktest"
)

func newSegment(t testing.TB, size int64) *buddy.Segment {
	t.Helper()
	s, err := buddy.Create(size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the segment: %v", err)
		}
	})
	return s
}

func newFileSegment(t testing.TB, size int64) *buddy.Segment {
	t.Helper()
	s, err := buddy.CreateFile(t.TempDir(), size)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// attach attaches to a segment as its kind asks for.
func attach(t testing.TB, s *buddy.Segment) *buddy.View {
	t.Helper()
	open := buddy.Attach
	if s.OnDisk() {
		open = buddy.AttachFile
	}
	v, err := open(s.File(), s.Size())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestViewShowsWhatTheOwnerWrites(t *testing.T) {
	for _, kind := range []struct {
		name   string
		create func(t testing.TB, size int64) *buddy.Segment
	}{{"memory", newSegment}, {"file", newFileSegment}} {
		t.Run(kind.name, func(t *testing.T) {
			leaktest.Check(t)
			s := kind.create(t, 3*int64(os.Getpagesize()))
			v := attach(t, s)
			defer v.Release()
			if n := len(v.Bytes()); n != len(s.Bytes()) || v.Size() != s.Size() {
				t.Fatalf("the view has %d bytes, the segment %d", n, len(s.Bytes()))
			}
			for _, b := range v.Bytes() {
				if b != 0 {
					t.Fatal("a new segment is not zero")
				}
			}
			fill(s.Bytes(), 7)
			if !filled(v.Bytes(), 7) {
				t.Error("the view does not show what was written")
			}
		})
	}
}

func TestSizesAreRoundedToPages(t *testing.T) {
	page := int64(os.Getpagesize())
	for _, size := range []int64{1, page - 1, page} {
		if got := newSegment(t, size).Size(); got != page {
			t.Errorf("Create(%d) has %d bytes, want %d", size, got, page)
		}
	}
	for _, size := range []int64{0, -1, 1<<63 - 1} {
		if s, err := buddy.Create(size); err == nil {
			s.Close()
			t.Errorf("Create(%d) gives no error", size)
		}
	}
}

func TestViewSlice(t *testing.T) {
	s := newSegment(t, 1)
	v := attach(t, s)
	defer v.Release()
	size := uint64(v.Size())
	for _, c := range []struct {
		off, n uint64
		ok     bool
	}{
		{0, size, true}, {size, 0, true}, {size - 1, 1, true}, {5, 7, true},
		{size, 1, false}, {0, size + 1, false}, {size + 1, 0, false}, {1, size, false},
		{1, 1<<64 - 1, false}, {1<<64 - 1, 1, false}, {1<<64 - 1, 1<<64 - 1, false}, {1 << 63, 1 << 63, false},
	} {
		got, err := v.Slice(c.off, c.n)
		if (err == nil) != c.ok || uint64(len(got)) != c.n && c.ok || cap(got) != len(got) {
			t.Errorf("Slice(%d, %d) has %d bytes, capacity %d, error %v", c.off, c.n, len(got), cap(got), err)
		}
	}
}

func FuzzViewSlice(f *testing.F) {
	f.Add(uint64(0), uint64(0))
	f.Add(uint64(4095), uint64(1))
	f.Add(uint64(1)<<63, uint64(1)<<63)
	f.Add(^uint64(0), uint64(2))
	s := newSegment(f, 1)
	v := attach(f, s)
	f.Cleanup(v.Release)
	f.Fuzz(func(t *testing.T, off, n uint64) {
		b, err := v.Slice(off, n)
		if err == nil && uint64(len(b)) != n {
			t.Errorf("Slice(%d, %d) has %d bytes", off, n, len(b))
		}
		for range b {
			_ = b[0] + b[len(b)-1] // faults if the bounds are wrong
			break
		}
	})
}

func TestViewReadAt(t *testing.T) {
	s := newSegment(t, 1)
	fill(s.Bytes(), 1)
	v := attach(t, s)
	defer v.Release()
	got, err := io.ReadAll(io.NewSectionReader(v, 0, 1<<40))
	if err != nil || int64(len(got)) != v.Size() || !filled(got, 1) {
		t.Errorf("read %d bytes of %d, error %v", len(got), v.Size(), err)
	}
	if _, err := v.ReadAt(got, -1); err == nil {
		t.Error("a negative offset gives no error")
	}
	if n, err := v.ReadAt(got[:1], v.Size()); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d, %v, want EOF", n, err)
	}
}

// An owner that cuts a file that others have mapped must not be able to end them.
func TestReadAtOfAFileThatWasCut(t *testing.T) {
	s := newFileSegment(t, 4*int64(os.Getpagesize()))
	v := attach(t, s)
	defer v.Release()
	if err := s.File().Truncate(int64(os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, v.Size())
	if n, err := v.ReadAt(buf, 0); err == nil || !strings.Contains(err.Error(), "cut") {
		t.Errorf("ReadAt = %d, %v; want an error that says it was cut", n, err)
	}
	if n, err := v.ReadAt(buf[:10], 0); n != 10 || err != nil {
		t.Errorf("ReadAt of what is left = %d, %v", n, err)
	}
}

func TestViewStaysUntilTheLastRelease(t *testing.T) {
	leaktest.Check(t)
	s := newSegment(t, 1)
	fill(s.Bytes(), 3)
	v := attach(t, s)
	if !v.Retain() {
		t.Fatal("a view can't be retained")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	v.Release()
	if !filled(v.Bytes(), 3) {
		t.Error("the view is gone while it is held")
	}
	v.Release()
	if v.Retain() {
		t.Error("a view that is gone can be retained")
	}
	defer func() {
		if recover() == nil {
			t.Error("a release too many does not panic")
		}
	}()
	v.Release()
}

func TestWritingThroughAViewFaults(t *testing.T) {
	s := newSegment(t, 1)
	v := attach(t, s)
	defer v.Release()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() == nil || s.Bytes()[0] != 0 {
			t.Error("a write through a view went through")
		}
	}()
	v.Bytes()[0] = 1
}

// Holders come and go, and each that holds the view can read it.
func TestViewIsSharedByMany(t *testing.T) {
	leaktest.Check(t)
	s := newSegment(t, 1)
	fill(s.Bytes(), 3)
	for range 200 {
		v := attach(t, s)
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for i := 0; i < 10 && v.Retain(); i++ {
					if !filled(v.Bytes(), 3) {
						t.Error("the view is gone while it is held")
					}
					v.Release()
				}
			})
		}
		v.Release()
		all.Wait()
	}
}

// A slice that is used too late reads zeros, and not what was mapped at its place since.
func TestSlicesOfWhatIsGoneAreZero(t *testing.T) {
	s, err := buddy.Create(1)
	if err != nil {
		t.Fatal(err)
	}
	v := attach(t, s)
	written, read := s.Bytes(), v.Bytes()
	fill(written, 9)
	v.Release()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	others := newSegment(t, 1)
	fill(others.Bytes(), 5)
	written[0] = 1 // is lost
	if written[1] != 0 || read[0] != 0 || read[len(read)-1] != 0 {
		t.Error("memory that is gone is not zero")
	}
	if !filled(others.Bytes(), 5) {
		t.Error("a late write hit another segment")
	}
}

// Slices of what is gone can be read after thousands of others are gone as well.
func TestSlicesOutliveManySegments(t *testing.T) {
	leaktest.Check(t)
	cycle := func() (written, read []byte) {
		s, err := buddy.Create(1)
		if err != nil {
			t.Fatal(err)
		}
		v := attach(t, s)
		v.Release()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return s.Bytes(), v.Bytes()
	}
	written, read := cycle()
	for range 2500 {
		cycle()
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("a late read: %v", fault)
		}
	}()
	if read[0] != 0 || read[len(read)-1] != 0 || written[0] != 0 {
		t.Error("memory that is gone is not zero")
	}
}

func TestSegmentCloseAndPrefault(t *testing.T) {
	s, err := buddy.Create(32 << 20)
	if err != nil {
		t.Fatal(err)
	}
	v := attach(t, s)
	if err := v.Prefault(); err != nil {
		t.Errorf("prefaulting the view: %v", err)
	}
	v.Release()
	done := make(chan error)
	go func() { done <- s.Prefault() }()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil && err != os.ErrClosed {
		t.Errorf("prefaulting a segment that is closed meanwhile: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// An owner may close the descriptor that it has passed on; the memory stays for all who have it.
func TestCloseFile(t *testing.T) {
	for _, kind := range []struct {
		name   string
		create func(t testing.TB, size int64) *buddy.Segment
	}{{"memory", newSegment}, {"file", newFileSegment}} {
		t.Run(kind.name, func(t *testing.T) {
			leaktest.Check(t)
			s := kind.create(t, 1)
			v := attach(t, s)
			defer v.Release()
			for range 2 {
				if err := s.CloseFile(); err != nil {
					t.Errorf("closing the descriptor: %v", err)
				}
			}
			if _, err := s.File().Stat(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("the descriptor can be used: %v, want ErrClosed", err)
			}
			fill(s.Bytes(), 3)
			if err := s.Prefault(); err != nil || !filled(s.Bytes(), 3) || !filled(v.Bytes(), 3) {
				t.Errorf("the memory went with the descriptor: %v", err)
			}
			for range 2 {
				if err := s.Close(); err != nil {
					t.Errorf("closing the segment: %v", err)
				}
			}
			if err := s.CloseFile(); err != nil {
				t.Errorf("closing the descriptor after the segment: %v", err)
			}
		})
	}
}

// A pool does not need the descriptors of its segments.
func TestPoolWithoutDescriptors(t *testing.T) {
	leaktest.Check(t)
	config := small()
	config.OnSegment = func(_ uint32, s *buddy.Segment) error { return s.CloseFile() }
	p := newPool(t, config)
	for _, n := range []int{1, 4 << 20} {
		b := mustAlloc(t, p, n)
		fill(b.Bytes, 1)
		mustFree(t, p, b)
	}
	p.Trim()
	if s := p.Stats(); s.Segments != 0 {
		t.Errorf("%d segments are left", s.Segments)
	}
	mustAlloc(t, p, 1)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
