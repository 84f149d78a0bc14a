package buddy

import (
	"slices"
	"time"
)

// watchLocked has idle segments looked for as long as there are segments.
func (p *Pool) watchLocked() {
	switch {
	case p.closed || len(p.members.all()) == 0:
		p.timer = nil
	case p.timer == nil:
		p.timer = time.AfterFunc(p.config.IdleTime, p.sweep)
	}
}

// sweep gives segments back that have no block and were not touched since the last sweep.
func (p *Pool) sweep() {
	p.mu.Lock()
	var dropped []*member
	for _, m := range slices.Concat(p.warm, p.carved.all()) {
		if !m.touched.Swap(false) && (m.blocks == nil || m.takeAll()) {
			p.dropLocked(m)
			dropped = append(dropped, m)
		}
	}
	p.mu.Unlock()
	p.giveBack(dropped)
	if len(dropped) > 0 {
		p.waiters.wake()
	}
	p.mu.Lock()
	p.timer = nil
	p.watchLocked() // only now, so that sweeps do not overlap
	p.mu.Unlock()
}
