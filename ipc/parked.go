package ipc

import "sync/atomic"

// parking is the results of one connection that are in buffers, as the peer has all the memory that they could have. They
// are on this side's heap, for as long as the peer likes, so there must not be any number of them.
type parking struct {
	limit int64 // bytes
	bytes atomic.Int64
}

// leastParking is what may be parked at least, so that a connection with little memory can have several calls wait for it.
const leastParking = 64 << 20

// enter takes n bytes in, or returns nil if they are too many.
func (p *parking) enter(n int) *parked {
	if p.bytes.Add(int64(n)) > p.limit {
		p.bytes.Add(-int64(n))
		return nil
	}
	return &parked{parking: p, bytes: int64(n)}
}

// parked is a payload's place. A nil one is none.
type parked struct {
	parking *parking
	bytes   int64
}

func (p *parked) leave() {
	if p != nil {
		p.parking.bytes.Add(-p.bytes)
	}
}
