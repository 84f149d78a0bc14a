package tests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/child"
	"github.com/ctwo-go/c2/internal/leaktest"
)

// Processes that lack what shared memory takes: the system's consent, descriptors, mappings, room on a disk.

// faults are what a child can be made to lack, before it does anything else.
var faults = map[string]func() error{
	"memfd":    func() error { return forbid(unix.SYS_MEMFD_CREATE, unix.ENOSYS, nil) },
	"mappings": func() error { return forbid(unix.SYS_MMAP, unix.ENOMEM, sharedMappings) },
	"memory":   func() error { return forbid(unix.SYS_FALLOCATE, unix.ENOMEM, nil) },
	"dev-shm":  withFullDevShm,
	"fsize": func() error {
		return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: unix.RLIM_INFINITY})
	},
}

// sharedMappings lets the instruction after the next one decide on mmap calls with MAP_SHARED only: of those the runtime
// makes none.
var sharedMappings = []unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16 + 3*8}, // the flags
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: unix.MAP_SHARED},
}

// forbid has a system call return errno from now on, where the condition holds.
func forbid(number uint32, errno unix.Errno, condition []unix.SockFilter) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(len(condition) + 1), K: number},
	}
	filter = append(append(filter, condition...),
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	return install(filter)
}

const devShmVar = "C2_TESTS_DEV_SHM"

// withFullDevShm starts the program again where /dev/shm is a file system of its own that has no room.
func withFullDevShm() error {
	if os.Getenv(devShmVar) != "" {
		return nil
	}
	runtime.LockOSThread() // Exec makes this thread the process
	err := errors.Join(
		unix.Unshare(unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/dev/shm", "tmpfs", 0, "size=4k"),
		os.WriteFile("/dev/shm/full", make([]byte, 4<<10), 0o600))
	if err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), devShmVar+"=full"))
}

// skipUnless skips the test if a process can't be made to lack that here.
func skipUnless(t *testing.T, fault string) {
	t.Helper()
	lacking := child.Start(t, "lacking", depotSetup{Fault: fault}.String())
	if line := lacking.Line(t); line != "so it does" {
		t.Skipf("no process can be made to lack %s here: %s", fault, line)
	}
}

var _ = addRoles(child.Roles{"lacking": depotLacking})

// depotLacking tells what comes of a fault.
func depotLacking(args []string) error {
	err := depotRole(func(depotSetup) error { return nil })(args)
	fmt.Println("ready")
	if err == nil {
		err = errors.New("so it does")
	}
	fmt.Println(err)
	return nil
}

// starve takes all descriptors away that this process could still open, but so many. feed gives them back.
func starve(left int) (feed func(), err error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	low := limit
	low.Cur = uint64(len(open) + left)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		return nil, err
	}
	var taken []int
	for {
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			break
		}
		taken = append(taken, fd)
	}
	for ; left > 0 && len(taken) > 0; left-- {
		unix.Close(taken[0])
		taken = taken[1:]
	}
	return func() {
		for _, fd := range taken {
			unix.Close(fd)
		}
		unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
	}, nil
}

// footprint is what a process has of the system's.
type footprint struct {
	descriptors int
	mapped      uint64 // bytes of shared memory
}

func footprintOf(t *testing.T, pid int) (f footprint) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(mode, "s") || strings.Contains(line, "/memfd:") {
			f.mapped += to - from
		}
	}
	f.descriptors = descriptors(t, pid)
	return f
}

func (f footprint) within(bound footprint) bool {
	return f.descriptors <= bound.descriptors && f.mapped <= bound.mapped
}

// named lists what has a name in some directories.
func named(t *testing.T, dirs ...string) (list []string) {
	t.Helper()
	for _, dir := range dirs {
		found, err := filepath.Glob(dir + "/*")
		if err != nil {
			t.Fatal(err)
		}
		hidden, err := filepath.Glob(dir + "/.[!.]*")
		if err != nil {
			t.Fatal(err)
		}
		list = append(append(list, found...), hidden...)
	}
	return list
}

// leftBehind is what has a name that was not there before. What another process has mapped is its own business: what the
// dead leave nobody has.
func leftBehind(t *testing.T, before []string, dirs ...string) []string {
	t.Helper()
	others, err := filepath.Glob("/proc/[0-9]*/maps")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(named(t, dirs...), func(name string) bool {
		return slices.Contains(before, name) || slices.ContainsFunc(others, func(maps string) bool {
			text, _ := os.ReadFile(maps) // fails if that process has ended
			return maps != fmt.Sprintf("/proc/%d/maps", os.Getpid()) && strings.Contains(string(text), " "+name+"\n")
		})
	})
}

var largeSizes = []int{20 << 10, 300 << 10, 3 << 20, 20 << 20}

// TestFaultNoMemfd has a process to which the system gives no shared memory: what it sends goes through the socket, and it
// still reads what others share.
func TestFaultNoMemfd(t *testing.T) { faultLacking(t, "memfd") }

// TestFaultNoMemory has a process to which the system gives segments, and files, but nothing to put into them.
func TestFaultNoMemory(t *testing.T) { faultLacking(t, "memory") }

// TestFaultFileSize has a process that may not make large files, as which segments count: the signal that it would get must
// not end it.
func TestFaultFileSize(t *testing.T) { faultLacking(t, "fsize") }

// TestFaultNoMappings has a process that can't map anything, not its own memory either. Whoever shares with it learns
// that by the loss of at most one call, and sends the next through the socket.
func TestFaultNoMappings(t *testing.T) { faultLacking(t, "mappings") }

// TestFaultIsLogged has a process say once, whatever it does, that it gets no shared memory.
func TestFaultIsLogged(t *testing.T) {
	skipUnless(t, "memfd")
	leaktest.Check(t)
	log := filepath.Join(t.TempDir(), "log")
	_, address := startDepot(t, depotSetup{Fault: "memfd", Log: log})
	for range 2 {
		d, _ := connectDepot(t, address, c2.MemoryConfig{})
		if err := bothWays(t.Context(), d, largeSizes[0]); err != nil {
			t.Error(err)
		}
		if err := c2.Close(d); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(log)
	if err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), "memfd_create") {
		t.Errorf("the log is %q, %v", text, err)
	}
}

func faultLacking(t *testing.T, fault string) {
	skipUnless(t, fault)
	memory := c2.MemoryConfig{SpillDir: t.TempDir()}
	t.Run("server", func(t *testing.T) {
		leaktest.Check(t)
		_, address := startDepot(t, depotSetup{Fault: fault, Memory: memory})
		d, client := connectDepot(t, address, memory)
		before := footprintOf(t, os.Getpid())
		afterOneLoss(t, bothWays(t.Context(), d, largeSizes[0]))
		for _, n := range largeSizes {
			if err := bothWays(t.Context(), d, n); err != nil {
				t.Errorf("the server can't have %s: %v", fault, err)
			}
		}
		stats, err := d.Memory(t.Context())
		if err != nil || stats.Chunks == 0 || stats.Bytes+stats.Files+stats.Block+stats.Dedicated+stats.Spilled > 0 {
			t.Errorf("the server sends %+v (%v)", stats, err)
		}
		if stats := client.MemoryStats(); fault != "mappings" && stats.Dedicated == 0 {
			t.Errorf("to a server that can read shared memory the client sends %+v", stats)
		}
		if err := c2.Close(d); err != nil {
			t.Error(err)
		}
		await.True(t, "the client has its memory back", func() bool { return footprintOf(t, os.Getpid()).within(before) })
	})
	t.Run("client", func(t *testing.T) {
		leaktest.Check(t)
		node := newNode(t, c2.SharedMemory(memory))
		if err := hostDepot(node, func() {}); err != nil {
			t.Fatal(err)
		}
		client := child.Start(t, "depot-caller", depotSetup{Address: node.Address(), Fault: fault, Memory: memory}.String())
		for line := client.Line(t); line != "done"; line = client.Line(t) {
			t.Error(line)
		}
		if stats := node.MemoryStats(); fault != "mappings" && stats.Dedicated == 0 || fault == "mappings" && stats.Chunks == 0 {
			t.Errorf("to a client without %s the server sends %+v", fault, stats)
		}
		client.Stop(t)
		await.True(t, "the server has its memory back", func() bool {
			stats := node.MemoryStats()
			return stats.Connections == 0 && stats.Lent+stats.Bytes == 0
		})
	})
}

// afterOneLoss fails the test unless a call went well, or ended with the news that the receiver can't map it.
func afterOneLoss(t *testing.T, err error) {
	t.Helper()
	if err != nil && (!errors.Is(err, c2.ErrUnavailable) || !strings.Contains(err.Error(), "raise the limits")) {
		t.Errorf("the first call with a large payload: %v", err)
	}
}

var _ = addRoles(child.Roles{"depot-caller": depotRole(depotCaller)})

// depotCaller makes one call of each size in each direction, and prints what goes wrong.
func depotCaller(s depotSetup) error {
	d, err := s.connect()
	if err != nil {
		return err
	}
	ended := child.UntilInputEnds()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	const n = 20 << 10
	for range 2 { // each direction may lose one
		if err := bothWays(ctx, d, n); err != nil && !errors.Is(err, c2.ErrUnavailable) {
			fmt.Println("the first calls:", err)
		}
	}
	for _, n := range largeSizes {
		if err := bothWays(ctx, d, n); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("done")
	<-ended.Done()
	return nil
}

// TestFaultNoDescriptors takes all descriptors away from one side in the middle of a connection: what it is sent is lost
// once at most, what it sends is not, and there are as many as before when it has them back.
func TestFaultNoDescriptors(t *testing.T) {
	for _, side := range []string{"server", "client"} {
		t.Run(side, func(t *testing.T) {
			leaktest.Check(t)
			server, address := startDepot(t, depotSetup{})
			d, _ := connectDepot(t, address, c2.MemoryConfig{})
			if _, err := d.Memory(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := []footprint{footprintOf(t, os.Getpid()), footprintOf(t, server.Process.Pid)}
			feed := func() error { return d.Starve(t.Context(), false) }
			if side == "server" {
				if err := d.Starve(t.Context(), true); err != nil {
					t.Fatal(err)
				}
			} else {
				own, err := starve(0)
				if err != nil {
					t.Fatal(err)
				}
				feed = func() error { own(); return nil }
			}
			var errs []error
			for _, n := range largeSizes {
				const seed = 5
				errs = append(errs, storeGoods(t.Context(), d, seed, stock(make([]byte, n), seed)), fetchGoods(t.Context(), d, seed, n))
			}
			if err := feed(); err != nil {
				t.Fatal(err)
			}
			// The starved side sends through the socket from the start; what the other one sends it is lost once.
			lost := 0
			for i, err := range errs {
				if err != nil {
					lost++
					afterOneLoss(t, err)
					t.Logf("call %d: %v", i, err)
				}
			}
			if lost > 1 {
				t.Errorf("%d calls were lost, want one at most", lost)
			}
			for _, n := range largeSizes {
				if err := bothWays(t.Context(), d, n); err != nil {
					t.Errorf("when there are descriptors again: %v", err)
				}
			}
			if err := c2.Close(d); err != nil {
				t.Error(err)
			}
			await.True(t, "the server has given back what it took", func() bool { return footprintOf(t, server.Process.Pid).within(before[1]) })
			await.True(t, "the client has given back what it took", func() bool { return footprintOf(t, os.Getpid()).within(before[0]) })
		})
	}
}

// TestFaultDevShmFull has both sides where /dev/shm has no room: it is not what shared memory is made of.
func TestFaultDevShmFull(t *testing.T) {
	skipUnless(t, "dev-shm")
	leaktest.Check(t)
	_, address := startDepot(t, depotSetup{Fault: "dev-shm"})
	client := child.Start(t, "depot-caller", depotSetup{Address: address, Fault: "dev-shm"}.String())
	for line := client.Line(t); line != "done"; line = client.Line(t) {
		t.Error(line)
	}
	d, _ := connectDepot(t, address, c2.MemoryConfig{})
	stats, err := d.Memory(t.Context())
	if err != nil || stats.Block == 0 || stats.Dedicated == 0 || stats.Chunks+stats.Spilled > 0 {
		t.Errorf("the server sends %+v (%v)", stats, err)
	}
}

// TestFaultFewDescriptors has a client connect that can open so many descriptors and no more: with less than a connection takes
// that fails at once, and with one too few for the half of the server's rings the client does without.
func TestFaultFewDescriptors(t *testing.T) {
	leaktest.Check(t)
	_, address := startDepot(t, depotSetup{})
	var connected []int
	for left := range 6 {
		node := newNode(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		feed, err := starve(left)
		if err != nil {
			t.Skipf("no process can be starved here: %v", err)
		}
		d, err := c2.Connect[Depot](ctx, "depot", c2.On(node), c2.At(address))
		if err == nil {
			connected = append(connected, left)
			err = fetchGoods(ctx, d, 1, 1000)
		}
		feed()
		if ctx.Err() != nil || err != nil && !errors.Is(err, c2.ErrUnavailable) {
			t.Errorf("a client with %d descriptors: %v", left, err)
		}
	}
	t.Logf("a connection came about with %v descriptors", connected)
	if len(connected) == 0 || connected[0] == 0 {
		t.Error("this test shows nothing")
	}
}

// TestFaultFullDisk has a server spill to a disk of one megabyte: what it can't spill goes through the socket, and what it
// tried is not left there.
func TestFaultFullDisk(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("only who may mount can fill a disk: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("something is left in use: %v", err)
		}
	}()
	free := func() uint64 {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err != nil {
			t.Fatal(err)
		}
		return stat.Bfree
	}
	before := free()
	memory := c2.MemoryConfig{ConnBytes: 1 << 20, Dedicated: 256 << 10, SpillDir: dir}
	server, address := startDepot(t, depotSetup{Memory: memory})
	d, _ := connectDepot(t, address, memory)
	for _, n := range []int{4 << 20, 20 << 20, 4 << 20} { // beyond the memory, and beyond the disk
		if err := bothWays(t.Context(), d, n); err != nil {
			t.Error(err)
		}
		if now := free(); now != before {
			t.Errorf("%d blocks of the disk are free, %d were before", now, before)
		}
	}
	ctx, held := c2.Hold(t.Context())
	defer held.Release()
	const seed = 3
	var shelf [][]byte
	for range 4 { // each has a place of its own: memory, the disk, the socket
		goods, err := d.Lease(ctx, seed, 600<<10)
		if err != nil {
			t.Fatal(err)
		}
		shelf = append(shelf, goods)
	}
	for _, goods := range shelf {
		if !intact(goods, seed) {
			t.Error(errSpoiled)
		}
	}
	stats, err := d.Memory(t.Context())
	if err != nil || stats.Chunks == 0 || stats.Busy > 0 {
		t.Errorf("the server sends %+v (%v)", stats, err)
	}
	held.Release()
	await.True(t, "the disk is as empty as before", func() bool { return free() == before })
	if err := bothWays(t.Context(), d, 600<<10); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if found := named(t, dir); len(found) > 0 {
		t.Errorf("left behind: %v", found)
	}
	server.Kill()
	if now := free(); now != before {
		t.Errorf("%d blocks of the disk are free after the server's end, %d were before", now, before)
	}
}
