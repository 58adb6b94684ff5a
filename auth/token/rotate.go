package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usher-scim/usher/directory"
)

// live is how many tokens a connection may have at a time: one in use and one to
// change over to.
const live = 2

// defaultOverlap is how long a replaced token still works.
const defaultOverlap = 24 * time.Hour

// LimitError says that a connection has as many live tokens as it may.
type LimitError struct {
	Connection directory.ConnectionID
	// Live are the ids of the live tokens, oldest first.
	Live []string
}

// Error tells which token to revoke: the oldest.
func (e *LimitError) Error() string {
	return fmt.Sprintf("connection %s has %d live tokens, and %d is the most; revoke %s, which is the oldest",
		e.Connection, len(e.Live), live, e.Live[0])
}

// ErrNotLive is a token that cannot be replaced because it has ended.
var ErrNotLive = errors.New("the token has expired or was revoked; create a new one")

// Rotate makes a token to take the place of another, with the same scopes and the
// same lifetime. The old one works for the overlap, so that the client can change
// over: 24 hours when it is 0, not at all when it is negative. It fails with
// directory.ErrNotFound, ErrNotLive or a *LimitError, and then the old token is as
// it was.
func (m *Manager) Rotate(ctx context.Context, id string, overlap time.Duration) (plain string, t directory.Token, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.tokens.Token(ctx, id)
	if err != nil {
		return "", directory.Token{}, fmt.Errorf("token %s: %w", id, err)
	}
	now := m.opts.Clock()
	if !old.Live(now) {
		return "", directory.Token{}, ErrNotLive
	}
	t, err = m.draft(ctx, old.Connection, CreateOptions{Scopes: old.Scopes, TTL: lifetime(old)})
	if err != nil {
		return "", directory.Token{}, err
	}
	if old.Replaced.IsZero() {
		old.Replaced, old.Lifetime = now, lifetime(old)
	}
	if end := now.Add(within(overlap)); old.Expires.IsZero() || end.Before(old.Expires) {
		old.Expires = end
	}
	var replaced string // does not count when it ends at once
	if overlap < 0 {
		replaced = id
	}
	if err := m.room(ctx, old.Connection, replaced); err != nil {
		return "", directory.Token{}, err
	}
	plain, t, err = m.add(ctx, t)
	if err != nil {
		return "", directory.Token{}, err
	}
	if err := m.put(ctx, old); err != nil {
		t.Revoked = now
		return "", directory.Token{}, errors.Join(err, m.put(ctx, t))
	}
	return plain, t, nil
}

// within returns the overlap that is meant.
func within(overlap time.Duration) time.Duration {
	if overlap == 0 {
		return defaultOverlap
	}
	return max(overlap, 0)
}

// lifetime is how long a token was made to live, whatever an overlap left of that.
func lifetime(t directory.Token) time.Duration {
	switch {
	case !t.Replaced.IsZero():
		return t.Lifetime
	case t.Expires.IsZero():
		return 0
	}
	return t.Expires.Sub(t.Created)
}

// room reports a *LimitError when one more token would be too many, not counting
// those excepted.
func (m *Manager) room(ctx context.Context, conn directory.ConnectionID, except ...string) error {
	all, err := m.tokens.Tokens(ctx, conn)
	if err != nil {
		return fmt.Errorf("tokens of connection %s: %w", conn, err)
	}
	now := m.opts.Clock()
	var ids []string
	for _, t := range all {
		if t.Live(now) && (len(except) == 0 || except[0] != t.ID) {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) >= live {
		return &LimitError{conn, ids}
	}
	return nil
}
