package cache_test

import (
	"sync"
	"testing"

	"github.com/usher-scim/usher/auth/internal/cache"
)

func TestBound(t *testing.T) {
	t.Parallel()
	c := cache.New[int, int](10)
	for i := range 1000 {
		c.Put(c.Generation(), i, i)
		if v, ok := c.Get(i); !ok || v != i {
			t.Fatalf("%d was not kept", i)
		}
	}
	var n int
	for i := range 1000 {
		if _, ok := c.Get(i); ok {
			n++
		}
	}
	if n != 10 {
		t.Errorf("holds %d", n)
	}
}

func TestInvalidate(t *testing.T) {
	t.Parallel()
	c := cache.New[string, int](10)
	before := c.Generation()
	c.Put(before, "a", 1)
	c.Put(before, "b", 1)
	c.Invalidate("a")
	if _, ok := c.Get("a"); ok {
		t.Error("a was not forgotten")
	}
	if _, ok := c.Get("b"); !ok {
		t.Error("b was forgotten")
	}
	if c.Put(before, "a", 2); has(c, "a") {
		t.Error("what was read before the invalidation was kept")
	}
	c.InvalidateAll()
	if has(c, "b") {
		t.Error("b was not forgotten")
	}
}

func has(c *cache.Cache[string, int], key string) bool { _, ok := c.Get(key); return ok }

func TestConcurrent(t *testing.T) {
	t.Parallel()
	c := cache.New[int, int](8)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 1000 {
				c.Put(c.Generation(), j%16, i)
				c.Get(j % 16)
				if j%100 == 0 {
					c.Invalidate(j % 16)
				}
			}
		})
	}
	wg.Wait()
}
