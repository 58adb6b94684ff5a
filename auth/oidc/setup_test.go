package oidc_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/directory"
)

// connections keeps connections in a map.
type connections struct {
	mu   sync.Mutex
	byID map[directory.ConnectionID]directory.Connection
	err  error
}

func (c *connections) Connection(_ context.Context, id directory.ConnectionID) (directory.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one, ok := c.byID[id]
	if !ok && c.err == nil {
		return one, directory.ErrNotFound
	}
	return one, c.err
}

func (c *connections) Connections(context.Context, directory.OrgID) ([]directory.Connection, error) {
	return nil, c.err
}

func (c *connections) PutConnection(_ context.Context, one directory.Connection) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byID[one.ID] = one
	return c.err
}

// clock is the real time and what tests add.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

type fixture struct {
	*oidc.Verifier
	conns *connections
	clock *clock
}

// setup has the connections a of organization A and b of B.
func setup(t testing.TB, bindings ...oidc.Binding) *fixture {
	t.Helper()
	f := &fixture{clock: &clock{}, conns: &connections{byID: map[directory.ConnectionID]directory.Connection{
		"a": {ID: "a", Org: "A"}, "b": {ID: "b", Org: "B"},
	}}}
	v, err := oidc.New(bindings, f.conns, oidc.Options{Clock: f.clock.now, AllowLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	f.Verifier = v
	return f
}

func issuer(t testing.TB) *oidctest.Issuer {
	t.Helper()
	i := oidctest.New()
	t.Cleanup(i.Close)
	return i
}

// bind returns a binding of the issuer for organization A.
func bind(i *oidctest.Issuer) oidc.Binding {
	return oidc.Binding{Issuer: i.URL, Audience: []string{"usher"}, Org: "A", Connection: "a", ScopeClaim: "scope"}
}

func (f *fixture) accepts(t testing.TB, token string) auth.Principal {
	t.Helper()
	p, err := f.Verify(t.Context(), token)
	if err != nil {
		t.Fatalf("refused: %v, %v", err, err.(*auth.Error).Cause)
	}
	return p
}

// refuses checks that the answer is the one that all bad tokens get.
func (f *fixture) refuses(t testing.TB, token string) {
	t.Helper()
	p, err := f.Verify(t.Context(), token)
	want := auth.Invalid(nil)
	got, ok := err.(*auth.Error)
	switch {
	case !ok || p.Org != "":
		t.Errorf("got %+v, %v", p, err)
	case got.Status != http.StatusUnauthorized || got.Detail != want.Detail || got.Challenge != want.Challenge:
		t.Errorf("got %v, %v", err, got.Cause)
	case got.Cause == nil:
		t.Error("no cause for the log")
	}
}

// unavailable checks that the answer is to try again.
func (f *fixture) unavailable(t testing.TB, token string) {
	t.Helper()
	p, err := f.Verify(t.Context(), token)
	if e, ok := err.(*auth.Error); !ok || e.Status != http.StatusServiceUnavailable || p.Org != "" {
		t.Errorf("got %+v, %v", p, err)
	}
}
