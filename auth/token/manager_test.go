package token_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, tok := f.create(t, "a", token.CreateOptions{Scopes: []string{"users:read"}, TTL: time.Hour})
	stored := f.tokens[tok.ID]
	if stored.Org != "A" || stored.Connection != "a" || !slices.Equal(stored.Scopes, []string{"users:read"}) ||
		!stored.Created.Equal(f.clock.now()) || !stored.Expires.Equal(f.clock.now().Add(time.Hour)) || len(stored.Hash) != 32 {
		t.Errorf("got %+v", stored)
	}
	for _, tt := range []struct {
		name string
		conn directory.ConnectionID
		opts token.CreateOptions
		want string
	}{
		{"no connection", "none", token.CreateOptions{}, "not found"},
		{"bad scope", "a", token.CreateOptions{Scopes: []string{"users:delete"}}, `"users:delete" is not a scope`},
		{"negative lifetime", "a", token.CreateOptions{TTL: -1}, "negative"},
	} {
		plain, _, err := f.Create(t.Context(), tt.conn, tt.opts)
		if plain != "" || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}

func TestAtMostTwoLiveTokens(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, first := f.create(t, "a", token.CreateOptions{TTL: time.Hour})
	f.clock.advance(time.Minute)
	_, second := f.create(t, "a", token.CreateOptions{})
	_, _, err := f.Create(t.Context(), "a", token.CreateOptions{})
	limit, ok := errors.AsType[*token.LimitError](err)
	if !ok || !slices.Equal(limit.Live, []string{first.ID, second.ID}) || !strings.Contains(err.Error(), "revoke "+first.ID) {
		t.Fatalf("got %v", err)
	}
	f.create(t, "b", token.CreateOptions{}) // others are not concerned
	f.clock.advance(time.Hour)              // the first expires
	f.create(t, "a", token.CreateOptions{})
	if err := f.Revoke(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	f.create(t, "a", token.CreateOptions{})
}

func TestAtMostTwoConcurrently(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { _, _, _ = f.Create(t.Context(), "a", token.CreateOptions{}) })
	}
	wg.Wait()
	if len(f.tokens) != 2 {
		t.Errorf("%d tokens were made", len(f.tokens))
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	f := setup(t)
	oldPlain, old := f.create(t, "a", token.CreateOptions{Scopes: []string{"users:read"}, TTL: 90 * 24 * time.Hour})
	f.clock.advance(time.Hour)
	plain, tok, err := f.Rotate(t.Context(), old.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(tok.Scopes, old.Scopes) || !tok.Expires.Equal(f.clock.now().Add(90*24*time.Hour)) || tok.ID == old.ID {
		t.Errorf("got %+v", tok)
	}
	f.accepts(t, plain)
	f.accepts(t, oldPlain)
	var limit *token.LimitError
	if _, _, err := f.Rotate(t.Context(), tok.ID, time.Hour); !errors.As(err, &limit) || limit.Live[0] != old.ID {
		t.Errorf("a third live token: %v", err)
	}
	f.clock.advance(24 * time.Hour)
	f.refuses(t, oldPlain)
	f.accepts(t, plain)
	if _, _, err := f.Rotate(t.Context(), old.ID, 0); !errors.Is(err, token.ErrNotLive) {
		t.Errorf("an expired token was rotated: %v", err)
	}
	if _, _, err := f.Rotate(t.Context(), "none", 0); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestRotateOverlap(t *testing.T) {
	t.Parallel()
	f := setup(t)
	plain, tok := f.create(t, "a", token.CreateOptions{TTL: time.Hour})
	// The end of a token is not put off.
	if _, _, err := f.Rotate(t.Context(), tok.ID, 2*time.Hour); err != nil || !f.tokens[tok.ID].Expires.Equal(tok.Expires) {
		t.Fatalf("%v, expires %v", err, f.tokens[tok.ID].Expires)
	}
	// Without an overlap a second one is no obstacle, and the token ends at once.
	f.accepts(t, plain)
	if _, _, err := f.Rotate(t.Context(), tok.ID, -1); err != nil {
		t.Fatal(err)
	}
	f.refuses(t, plain)
}

// A rotation that breaks off leaves the old token as it was and no new one.
// Who lost the new token revokes it and replaces the old one again; what comes of that
// lives as long as the old one was to live, and not for an overlap.
func TestRotateAgainKeepsTheLifetime(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{0, 90 * 24 * time.Hour} {
		f := setup(t)
		_, old := f.create(t, "a", token.CreateOptions{TTL: ttl})
		for range 3 {
			f.clock.advance(time.Minute)
			_, tok, err := f.Rotate(t.Context(), old.ID, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if want := f.clock.now().Add(ttl); ttl == 0 && !tok.Expires.IsZero() || ttl != 0 && !tok.Expires.Equal(want) {
				t.Errorf("a token in place of one for %s expires %s", ttl, tok.Expires)
			}
			if err := f.Revoke(t.Context(), tok.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRotateIsAllOrNothing(t *testing.T) {
	t.Parallel()
	for failAt := 1; failAt <= 2; failAt++ {
		f := setup(t)
		plain, tok := f.create(t, "a", token.CreateOptions{})
		f.failAt = failAt
		if got, _, err := f.Rotate(t.Context(), tok.ID, 0); !errors.Is(err, directory.ErrBusy) || got != "" {
			t.Fatalf("got %v", err)
		}
		f.clock.advance(48 * time.Hour)
		f.accepts(t, plain)
		f.create(t, "a", token.CreateOptions{}) // there is room still
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	f := setup(t)
	_, tok := f.create(t, "a", token.CreateOptions{})
	for range 2 {
		if err := f.Revoke(t.Context(), tok.ID); err != nil {
			t.Fatal(err)
		}
		if got := f.tokens[tok.ID].Revoked; !got.Equal(tok.Created) {
			t.Errorf("revoked at %v", got)
		}
		f.clock.advance(time.Hour)
	}
	if err := f.Revoke(t.Context(), "none"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestManagerAdopt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	own := strings.Repeat("5f6e7d8c", 4)
	first, err := f.Manager.Adopt(t.Context(), "a", own, token.CreateOptions{Scopes: []string{"users:read"}})
	if err != nil {
		t.Fatal(err)
	}
	if p := f.accepts(t, own); p.Credential != first.ID || !slices.Equal(p.Scopes, []string{"users:read"}) {
		t.Errorf("got %+v", p)
	}
	if err := f.Revoke(t.Context(), first.ID); err != nil {
		t.Fatal(err)
	}
	again, err := f.Manager.Adopt(t.Context(), "a", own, token.CreateOptions{})
	if err != nil || again.Revoked.IsZero() {
		t.Errorf("a revoked token came back to life at a restart: %+v, %v", again, err)
	}
	f.refuses(t, own)
	if _, err := f.Manager.Adopt(t.Context(), "b", own, token.CreateOptions{}); !errors.Is(err, directory.ErrExists) {
		t.Errorf("got %v", err)
	}
	if _, err := f.Manager.Adopt(t.Context(), "a", "short", token.CreateOptions{}); !errors.Is(err, token.ErrShort) {
		t.Errorf("got %v", err)
	}
}
