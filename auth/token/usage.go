package token

import (
	"context"
	"sync"
	"time"

	"github.com/usher-scim/usher/directory"
)

// usage collects when tokens were last used, at most once a minute each, so that
// requests do not wait for a write.
type usage struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const usageEvery = 60 // seconds

// touch notes a use. Most calls end after one atomic read.
func (u *usage) touch(rec *record, now time.Time) {
	before := rec.touched.Load()
	if now.Unix()-before < usageEvery || !rec.touched.CompareAndSwap(before, now.Unix()) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == nil {
		u.last = map[string]time.Time{}
	}
	u.last[rec.token.ID] = now
}

func (u *usage) flush(ctx context.Context, tokens directory.Tokens) error {
	u.mu.Lock()
	batch := u.last
	u.last = nil
	u.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := tokens.TouchTokens(ctx, batch)
	if err != nil {
		u.restore(batch)
	}
	return err
}

// restore puts back what could not be written, unless a later use came since.
func (u *usage) restore(batch map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, at := range u.last {
		batch[id] = at
	}
	u.last = batch
}
