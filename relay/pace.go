package relay

import "time"

// pace tells which peers are too slow, even if something moves now and then: of the time that the relay spends waiting for a peer,
// each span has to bring so many bytes a second, on average. What a server or the relay itself takes does not count.
type pace struct {
	rate   int64 // bytes per second, 0 for any
	span   time.Duration
	waited time.Duration // in this span
	moved  int64         // meanwhile
}

// paceSpans is how many stall timeouts a span has: a peer may be still for one, if it makes up for it.
const paceSpans = 2

func newPace(c *Config) pace {
	return pace{rate: max(c.MinRate, 0), span: paceSpans * c.StallTimeout}
}

// count adds that n bytes were waited for so long, and tells whether that is too slow. It is again, then, the next time.
func (p *pace) count(waited time.Duration, n int) (slow bool) {
	p.waited += waited
	p.moved += int64(n)
	if p.rate == 0 || p.waited < p.span {
		return false
	}
	if p.moved < int64(p.waited.Seconds()*float64(p.rate)) {
		return true
	}
	p.waited, p.moved = 0, 0
	return false
}
