package rows

import "sync"

// Cache is a server's tables in the form in which it sends them, made when they are first asked for. So a peer whose form
// is bytes is not charged with making them for each call.
type Cache[T any] struct {
	makeOne func(n int) (T, error)

	mu   sync.Mutex
	made map[int]T
}

// NewCache returns a Cache of what makeOne makes.
func NewCache[T any](makeOne func(n int) (T, error)) *Cache[T] {
	return &Cache[T]{makeOne: makeOne, made: make(map[int]T)}
}

// NewBytesCache returns a Cache of tables as bytes.
func NewBytesCache() *Cache[[]byte] {
	return NewCache(func(n int) ([]byte, error) { return New(n).AppendBytes(make([]byte, 0, n*Bytes)), nil })
}

// NewTableCache returns a Cache of tables as columns.
func NewTableCache() *Cache[Table] {
	return NewCache(func(n int) (Table, error) { return New(n), nil })
}

// Get returns the table of n rows.
func (c *Cache[T]) Get(n int) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t, ok := c.made[n]; ok {
		return t, nil
	}
	t, err := c.makeOne(n)
	if err == nil {
		c.made[n] = t
	}
	return t, err
}
