package gossip

import (
	"errors"
	"log"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// ether is a network in memory, for serf in a bubble of virtual time. It delays packets, and loses some, by chance.
type ether struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	loss float64 // of packets
	ends map[string]*etherEnd
	last int // port that was given out
}

func newEther(seed uint64, loss float64) *ether {
	return &ether{rnd: rand.New(rand.NewPCG(seed, 17)), loss: loss, ends: make(map[string]*etherEnd), last: 1000}
}

// How long a packet takes, or a request and its answer.
const (
	etherDelay = 300 * time.Microsecond
	etherExtra = 700 * time.Microsecond // at most
)

// draw is the delay of a packet, and whether it arrives.
func (e *ether) draw() (time.Duration, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return etherDelay + time.Duration(e.rnd.Int64N(int64(etherExtra))), e.rnd.Float64() >= e.loss
}

// pause takes as long as a request.
func (e *ether) pause() {
	d, _ := e.draw()
	time.Sleep(d) // of the bubble's time
}

// listen is a listenFunc.
func (e *ether) listen(ip string, port int, _ *log.Logger) (memberlist.NodeAwareTransport, int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if port == 0 {
		e.last++
		port = e.last
	}
	address := net.JoinHostPort(ip, strconv.Itoa(port))
	if e.ends[address] != nil {
		return nil, 0, errors.New("address already in use")
	}
	t := &etherEnd{
		ether: e, address: address, port: port, ip: net.ParseIP(ip), gone: make(chan struct{}),
		packets: make(chan *memberlist.Packet, 1024), streams: make(chan net.Conn),
	}
	e.ends[address] = t
	return t, port, nil
}

func (e *ether) end(address string) *etherEnd {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ends[address]
}

// etherEnd is a relay's end of an ether.
type etherEnd struct {
	ether   *ether
	address string
	ip      net.IP
	port    int
	packets chan *memberlist.Packet
	streams chan net.Conn
	once    sync.Once
	gone    chan struct{}
}

func (t *etherEnd) Network() string { return "ether" }

func (t *etherEnd) String() string { return t.address }

func (t *etherEnd) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return t.ip, t.port, nil }

func (t *etherEnd) PacketCh() <-chan *memberlist.Packet { return t.packets }

func (t *etherEnd) StreamCh() <-chan net.Conn { return t.streams }

func (t *etherEnd) WriteTo(b []byte, address string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: address})
}

// WriteToAddress sends a packet, which gets lost where nobody is there or has room for it.
func (t *etherEnd) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	now := time.Now()
	to := t.ether.end(a.Addr)
	delay, arrives := t.ether.draw()
	if to == nil || !arrives {
		return now, nil
	}
	time.AfterFunc(delay, func() {
		select {
		case to.packets <- &memberlist.Packet{Buf: b, From: t, Timestamp: time.Now()}:
		default:
		}
	})
	return now, nil
}

func (t *etherEnd) DialTimeout(address string, d time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: address}, d)
}

func (t *etherEnd) DialAddressTimeout(a memberlist.Address, d time.Duration) (net.Conn, error) {
	t.ether.pause()
	to := t.ether.end(a.Addr)
	if to == nil {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	select {
	case to.streams <- theirs:
		return ours, nil
	case <-to.gone:
	case <-time.After(d):
	}
	ours.Close()
	theirs.Close()
	return nil, errors.New("connection refused")
}

func (t *etherEnd) Shutdown() error {
	t.once.Do(func() {
		t.ether.mu.Lock()
		defer t.ether.mu.Unlock()
		delete(t.ether.ends, t.address)
		close(t.gone)
	})
	return nil
}
