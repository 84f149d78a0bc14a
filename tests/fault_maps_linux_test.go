package tests

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Clients that have a server map as much as it lets them, each on several connections: mappings and addresses belong to the
// process, and when they are used up its heap can't grow, which ends it.

// hollow is the descriptor of a file of the given size that has no pages.
func hollow(t *testing.T, size int64) int {
	t.Helper()
	fd, err := unix.MemfdCreate("hollow", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Ftruncate(fd, size); err != nil {
		t.Fatal(err)
	}
	return fd
}

// TestFaultManyMappings passes as many segments as a connection may, on connections enough for more than a process may map.
func TestFaultManyMappings(t *testing.T) {
	const perConnection, most = 4096, 8
	text, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil {
		t.Fatal(err)
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	conns := limit/4/perConnection + 2
	if conns > most {
		t.Skipf("%d connections would be needed where a process may have %d mappings", conns, limit)
	}
	faultMappings(t, conns, perConnection, int64(os.Getpagesize()), func(server *child.Program) {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", server.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(maps, []byte("\n")); n > limit/2 {
			t.Errorf("the server has %d mappings of the %d that it may have", n, limit)
		}
	})
}

// TestFaultManyAddresses passes files of 1 TiB without any pages, more than can be addressed.
func TestFaultManyAddresses(t *testing.T) {
	faultMappings(t, 40, 1, 1<<40, func(*child.Program) {})
}

// faultMappings passes files of the given size on so many connections: a server refuses some in the end, and serves others,
// and when they are gone it has room again.
func faultMappings(t *testing.T, conns, perConnection int, size int64, check func(*child.Program)) {
	leaktest.Check(t)
	address := "ipc://" + t.TempDir() + "/suite.sock"
	server := child.Start(t, "suite", address)
	fd := hollow(t, size)
	var all []*wireMemory
	for range conns {
		m := greetMemory(t, address, wireChunks|wireShared, wireMaxFrame)
		lab := m.resolve("lab")
		for id := range perConnection {
			m.pass(uint32(id+1), wireFileKind, uint64(size), fd)
		}
		m.results(lab.request(t, "Nothing"))
		all = append(all, m)
	}
	if all[0].refused || !all[conns-1].refused {
		t.Errorf("segments of the first connection are refused: %v, and of the last: %v", all[0].refused, all[conns-1].refused)
	}
	check(server)
	l, err := c2.Connect[Lab](t.Context(), "lab", c2.On(newNode(t)), c2.At(address))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte{1}, 300<<10)
	_, err = l.Any(t.Context(), data)
	afterOneLoss(t, err)
	if got, err := l.Any(t.Context(), data); err != nil || !bytes.Equal(got.([]byte), data) {
		t.Errorf("another client: %v", err)
	}
	if got, err := l.Bytes(t.Context(), 64<<20); err != nil || len(got) != 64<<20 {
		t.Errorf("another client, much: %v", err)
	}
	for _, m := range all {
		m.conn.Close()
	}
	await.True(t, "there is room again", func() bool {
		m := greetMemory(t, address, wireChunks|wireShared, wireMaxFrame)
		lab := m.resolve("lab")
		m.pass(1, wireFileKind, uint64(size), fd)
		m.results(lab.request(t, "Nothing"))
		return !m.refused
	})
}
