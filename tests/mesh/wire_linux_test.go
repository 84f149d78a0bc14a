package mesh

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wire is what lies between the hosts of a world: each has a network interface whose packets come here and go out at the
// host that they are for. So a test decides what gets lost, how long it takes, and who reaches whom, with no need of what a
// kernel may have been built without.
type wire struct {
	tasks sync.WaitGroup

	mu    sync.Mutex
	ports map[netip.Addr]*os.File
	pairs map[pair]*line
	shut  bool
}

// pair is a direction in which packets go.
type pair struct{ from, to netip.Addr }

// line is how packets fare in one direction. Those that take time keep their order.
type line struct {
	delay   time.Duration
	loss    float64 // from 0 to 1
	cut     bool
	packets int
	queue   chan delayed // nil until something is delayed
}

type delayed struct {
	at     time.Time
	packet []byte
}

// queueLength is how many packets may be under way on one line; those beyond it are lost.
const queueLength = 4096

func newWire() *wire {
	return &wire{ports: make(map[netip.Addr]*os.File), pairs: make(map[pair]*line)}
}

// attach gives the network namespace of that name an interface, whose packets come here.
func (w *wire) attach(namespace, device string, addr netip.Addr) error {
	fd := -1
	err := inNamespace(namespace, func() (err error) {
		fd, err = openTun(device)
		return err
	})
	if err != nil {
		return err
	}
	port := os.NewFile(uintptr(fd), device)
	w.mu.Lock()
	w.ports[addr] = port
	w.mu.Unlock()
	w.tasks.Go(func() { w.carry(addr, port) })
	return nil
}

// openTun makes an interface in the namespace of the thread.
func openTun(device string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("/dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("making the interface %s: %w", device, err)
	}
	return fd, nil
}

// inNamespace runs f on a thread in the network namespace of that name.
func inNamespace(name string, f func() error) error {
	there, err := unix.Open("/run/netns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(there)
	runtime.LockOSThread()
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(here)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	err = f()
	if e := unix.Setns(here, unix.CLONE_NEWNET); e != nil {
		return e // the thread ends with its goroutine, as it is locked still
	}
	runtime.UnlockOSThread()
	return err
}

// carry takes the packets of one host to the others, until its interface is closed.
func (w *wire) carry(from netip.Addr, port *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := port.Read(buf)
		if err != nil {
			return
		}
		if n < 20 || buf[0]>>4 != 4 {
			continue // IPv6, which looks for neighbours
		}
		to := netip.AddrFrom4([4]byte(buf[16:20]))
		w.send(pair{from, to}, buf[:n])
	}
}

// send has a packet go its way, or get lost.
func (w *wire) send(p pair, packet []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	port, l := w.ports[p.to], w.lineLocked(p)
	if port == nil || w.shut {
		return
	}
	l.packets++
	switch {
	case l.cut || l.loss > 0 && rand.Float64() < l.loss:
	case l.delay == 0:
		port.Write(packet) // a full queue loses it
	default:
		if l.queue == nil {
			l.queue = make(chan delayed, queueLength)
			w.tasks.Go(func() { deliver(l.queue, port) })
		}
		select {
		case l.queue <- delayed{time.Now().Add(l.delay), append([]byte(nil), packet...)}:
		default:
		}
	}
}

// deliver takes packets out of a line when their time has come.
func deliver(queue <-chan delayed, port *os.File) {
	for d := range queue {
		time.Sleep(time.Until(d.at))
		port.Write(d.packet)
	}
}

func (w *wire) lineLocked(p pair) *line {
	l := w.pairs[p]
	if l == nil {
		l = new(line)
		w.pairs[p] = l
	}
	return l
}

// between changes the lines between two hosts, in both directions.
func (w *wire) between(a, b netip.Addr, change func(*line)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.lineLocked(pair{a, b}))
	change(w.lineLocked(pair{b, a}))
}

// packets is how many there were from one host to another.
func (w *wire) packets(from, to netip.Addr) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lineLocked(pair{from, to}).packets
}

// close takes the interfaces away, and waits for what goes on.
func (w *wire) close() {
	w.mu.Lock()
	w.shut = true
	for _, port := range w.ports {
		port.Close()
	}
	for _, l := range w.pairs {
		if l.queue != nil {
			close(l.queue)
		}
	}
	w.mu.Unlock()
	w.tasks.Wait()
}
