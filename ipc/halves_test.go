package ipc

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/ctwo-go/c2/buddy"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/ring"
)

// TestHalvesAreWholePages has halves as they are where pages are larger than here.
func TestHalvesAreWholePages(t *testing.T) {
	leaktest.Check(t)
	for _, page := range []int{4 << 10, 16 << 10, 64 << 10} {
		for n := ring.MinSize; n <= maxRing; n *= 2 {
			if size := halfSize(n, page); size%page != 0 || size < ring.HalfSize(n) || size >= ring.HalfSize(n)+page {
				t.Errorf("a half with a ring of %d bytes has %d where pages have %d", n, size, page)
			}
		}
		a, b := ringPair(t, page)
		if n, err := a.try([]byte("through")); n != len("through") || err != nil {
			t.Errorf("pages of %d: %d bytes were written: %v", page, n, err)
		}
		got := make([]byte, len("through"))
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "through" {
			t.Errorf("pages of %d: read %q, %v", page, got, err)
		}
	}
}

// ringPair is two sides of a connection, with halves as they are where pages have so many bytes.
func ringPair(t *testing.T, page int) (a, b *rings) {
	t.Helper()
	conns := socketPair(t)
	var own [2]*buddy.Segment
	var sides [2]*rings
	size := int64(halfSize(ringSize, page))
	for i := range own {
		var err error
		if own[i], err = buddy.Create(size); err != nil {
			t.Skipf("there is no shared memory here: %v", err)
		}
	}
	for i := range sides {
		peer, err := buddy.Attach(own[1-i].File(), own[1-i].Size())
		if err != nil {
			t.Fatal(err)
		}
		if sides[i], err = newRings(conns[i], halves{own: own[i], peer: peer, size: ringSize}, NewPolling(0)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(sides[i].end)
	}
	return sides[0], sides[1]
}

// socketPair is both ends of a connection, which end with the test.
func socketPair(t *testing.T) (ends [2]*socket) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/s.sock", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for i, c := range []*net.UnixConn{client, server} {
		if ends[i], err = newSocket(c, true); err != nil {
			t.Fatal(err)
		}
	}
	return ends
}

// TestRingsThatWereNotOffered has a server answer with rings where the client had none: what would go into them nobody reads.
func TestRingsThatWereNotOffered(t *testing.T) {
	leaktest.Check(t)
	path := t.TempDir() + "/s.sock"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	config := Config{}.withDefaults()
	end := make(chan error, 1)
	go func() {
		_, _, _, err := config.meet(t.Context(), Scheme+path, path, newInstance(), false)
		end <- err
	}()
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	server, err := newSocket(c, true)
	if err != nil {
		t.Fatal(err)
	}
	h := config.offerRings()
	defer h.release()
	hello := config.hello(newInstance())
	if hello.ring = h.ring(); hello.ring == 0 {
		t.Skip("there is no shared memory here")
	}
	if err := h.sendHello(server, hello); err != nil {
		t.Fatal(err)
	}
	if err := <-end; err == nil || !strings.Contains(err.Error(), "not offered") {
		t.Errorf("the client says %v", err)
	}
}

// TestNoDescriptorsAfterTheEnd: what comes when all have been closed is nobody's to close, so it must not be taken.
func TestNoDescriptorsAfterTheEnd(t *testing.T) {
	leaktest.Check(t)
	ends := socketPair(t)
	ends[1].closeFiles()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := ends[0].sendRights(wakeByte[:], file); err != nil {
		t.Fatal(err)
	}
	if n, err := ends[1].Read(make([]byte, 8)); n != 1 || err != nil || len(ends[1].rights.files) > 0 {
		t.Errorf("%d bytes and %d descriptors were read, %v", n, len(ends[1].rights.files), err)
	}
}
