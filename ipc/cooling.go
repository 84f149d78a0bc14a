package ipc

import (
	"slices"
	"sync"
	"time"
)

// cooling keeps blocks of middling size that came home from being used again at once. The peer has just read them, so that
// they lie in its core's cache; to write there takes several times as long as to write to what only the cache that both
// cores share has left. So blocks go round, as many as it takes for that, where a pool alone would use the last one first.
type cooling struct {
	pool func(*block) // where they go in the end

	mu     sync.Mutex
	blocks []*block // the longest first
	bytes  int
	timer  *time.Timer
	armed  bool
	off    int // blocks go to the pool at once while somebody needs them, and when the connection has ended
}

const (
	// coolFrom and coolUpTo are the sizes for which it pays: smaller blocks have more in common with the cost of the
	// call, larger ones are not left in the cache anyway.
	coolFrom = 16 << 10
	coolUpTo = 1 << 20
	// coolBytes and coolBlocks bound what goes round: more than one core's cache, less than the shared one.
	coolBytes  = 4 << 20
	coolBlocks = 16
	// coolTime is after how long all go to the pool.
	coolTime = time.Second
)

func (c *cooling) init(pool func(*block)) {
	c.pool = pool
	c.timer = time.AfterFunc(time.Hour, c.flush)
	c.timer.Stop()
}

// add takes a block that nobody has. Those that are cool by then go to the pool.
func (c *cooling) add(b *block) {
	n := cap(b.bytes)
	if n < coolFrom || n > coolUpTo {
		c.pool(b)
		return
	}
	c.mu.Lock()
	if c.off > 0 {
		c.mu.Unlock()
		c.pool(b)
		return
	}
	c.blocks = append(c.blocks, b)
	c.bytes += n
	cool := 0
	for c.bytes > coolBytes || len(c.blocks)-cool > coolBlocks {
		c.bytes -= cap(c.blocks[cool].bytes)
		cool++
	}
	var done [coolBlocks]*block
	copy(done[:], c.blocks[:cool])
	c.blocks = slices.Delete(c.blocks, 0, cool)
	if !c.armed {
		c.armed = true
		c.timer.Reset(coolTime)
	}
	c.mu.Unlock()
	for _, b := range done[:cool] {
		c.pool(b)
	}
}

// flush gives all blocks to the pool.
func (c *cooling) flush() {
	c.mu.Lock()
	blocks := c.blocks
	c.blocks, c.bytes, c.armed = nil, 0, false
	c.mu.Unlock()
	for _, b := range blocks {
		c.pool(b)
	}
}

// stop gives all blocks to the pool, and from then on at once, until as many calls of start.
func (c *cooling) stop() {
	c.mu.Lock()
	c.off++
	c.timer.Stop()
	c.mu.Unlock()
	c.flush()
}

func (c *cooling) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off--
}
