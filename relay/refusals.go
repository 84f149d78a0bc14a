package relay

import "sync"

// refusals are the last announcements that were refused, so that each is logged once: servers try again every second.
type refusals struct {
	mu   sync.Mutex
	last map[string]string // why, by address
}

// maxRefusals bounds how many are remembered.
const maxRefusals = 1024

// news tells whether this address was not refused for this reason before.
func (r *refusals) news(address, why string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || len(r.last) >= maxRefusals {
		r.last = make(map[string]string)
	}
	if r.last[address] == why {
		return false
	}
	r.last[address] = why
	return true
}

// forget tells that an address is welcome now.
func (r *refusals) forget(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.last, address)
}
