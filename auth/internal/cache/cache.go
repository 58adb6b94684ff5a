// Package cache is a small bounded map for what was read from somewhere else and
// may be forgotten at any time.
package cache

import "sync"

// Cache holds at most a fixed number of values. It is safe for concurrent use.
type Cache[K comparable, V any] struct {
	mu         sync.RWMutex
	values     map[K]V
	limit      int
	generation uint64
}

// New returns an empty cache for the given number of values.
func New[K comparable, V any](limit int) *Cache[K, V] {
	return &Cache[K, V]{values: map[K]V{}, limit: limit}
}

// Get returns the value of a key and whether there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.RLock()
	v, ok := c.values[key]
	c.mu.RUnlock()
	return v, ok
}

// Generation counts the invalidations. A reader takes it before it reads, and
// hands it to Put.
func (c *Cache[K, V]) Generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.generation
}

// Put keeps a value that was read at the given generation. It does nothing when
// something was invalidated since: the value may be from before that.
func (c *Cache[K, V]) Put(generation uint64, key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if _, known := c.values[key]; !known && len(c.values) >= c.limit {
		for old := range c.values {
			delete(c.values, old)
			break
		}
	}
	c.values[key] = value
}

// Invalidate forgets the value of a key.
func (c *Cache[K, V]) Invalidate(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	delete(c.values, key)
}

// InvalidateAll forgets everything.
func (c *Cache[K, V]) InvalidateAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation++
	clear(c.values)
}
