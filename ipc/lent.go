package ipc

// place is how a peer names a block that comes home.
type place struct {
	segment uint32
	offset  uint64
}

// lentBlock is a block that the peer was told of so many times more than it has given it back.
type lentBlock struct {
	block *block
	times int
}

// maxLent bounds how many blocks a peer may have. Payloads beyond that go through the socket.
const maxLent = 1 << 16

// usable tells whether the peer can be lent another block.
func (l *lender) usable() bool {
	if l == nil || l.off.Load() {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.lent) < maxLent
}

// lend enters references to blocks as known to the peer. The sender's mu is held: nobody learns of them before.
func (l *lender) lend(refs []reference, blocks []*block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lent == nil {
		return
	}
	for i, b := range blocks {
		b.retain()
		at := place{refs[i].segment, refs[i].offset}
		times := l.lent[at].times
		l.lent[at] = lentBlock{b, times + 1}
		if times == 0 {
			l.lentBytes += b.taken
		}
	}
}

// kept is how much of the pool's memory the peer has.
func (l *lender) kept() (bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entry := range l.lent {
		if entry.block.home == l {
			bytes += entry.block.taken
		}
	}
	return bytes
}

// onFree takes blocks back that the peer is done with.
func (l *lender) onFree(body []byte) error {
	for ; len(body) > 0; body = body[freeSize:] {
		segment, offset, err := parseFree(body)
		if err != nil {
			return err
		}
		b := l.takeBack(place{segment, offset})
		if b == nil {
			return protocolErrorf("block %d of segment %d back, which it does not have", offset, segment)
		}
		b.release()
	}
	return nil
}

func (l *lender) takeBack(at place) *block {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry, ok := l.lent[at]
	if !ok {
		return nil
	}
	if entry.times--; entry.times > 0 {
		l.lent[at] = entry
	} else {
		delete(l.lent, at)
		l.lentBytes -= entry.block.taken
	}
	return entry.block
}

// lends tells whether there are loans.
func (l *lender) lends() bool { return l != nil && !l.loans.empty() }
