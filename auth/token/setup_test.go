package token_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/token"
	"github.com/usher-scim/usher/directory"
)

// memory keeps tokens and connections in maps.
type memory struct {
	mu     sync.Mutex
	tokens map[string]directory.Token
	conns  map[directory.ConnectionID]directory.Connection
	reads  int
	err    error // of every call
	failAt int   // PutToken calls until one fails, when not 0
}

func (m *memory) Token(_ context.Context, id string) (directory.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	t, ok := m.tokens[id]
	if !ok && m.err == nil {
		return t, directory.ErrNotFound
	}
	return t, m.err
}

func (m *memory) Tokens(_ context.Context, conn directory.ConnectionID) ([]directory.Token, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.DeleteFunc(slices.Collect(maps.Values(m.tokens)), func(t directory.Token) bool {
		return conn != "" && t.Connection != conn
	})
	slices.SortFunc(list, func(a, b directory.Token) int { return a.Created.Compare(b.Created) })
	return list, m.err
}

func (m *memory) PutToken(_ context.Context, t directory.Token) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failAt--; m.failAt == 0 {
		return directory.ErrBusy
	}
	if m.err == nil {
		m.tokens[t.ID] = t
	}
	return m.err
}

func (m *memory) TouchTokens(_ context.Context, used map[string]time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	for id, at := range used {
		t := m.tokens[id]
		t.LastUsed = at
		m.tokens[id] = t
	}
	return nil
}

func (m *memory) Connection(_ context.Context, id directory.ConnectionID) (directory.Connection, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.conns[id]
	if !ok && m.err == nil {
		return c, directory.ErrNotFound
	}
	return c, m.err
}

func (m *memory) Connections(context.Context, directory.OrgID) ([]directory.Connection, error) {
	return slices.Collect(maps.Values(m.conns)), m.err
}

func (m *memory) PutConnection(_ context.Context, c directory.Connection) error {
	m.conns[c.ID] = c
	return m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *memory) readCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reads
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type fixture struct {
	*memory
	*token.Verifier
	*token.Manager
	clock *clock
}

// setup has the connections a of organization A and b of B.
func setup(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{
		memory: &memory{
			tokens: map[string]directory.Token{},
			conns: map[directory.ConnectionID]directory.Connection{
				"a": {ID: "a", Org: "A"}, "b": {ID: "b", Org: "B", Scopes: []string{"*:read"}},
			},
		},
		clock: &clock{at: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	f.Verifier = token.New(f.memory, f.memory, token.Options{Clock: f.clock.now})
	f.Manager = token.NewManager(f.memory, f.memory, token.ManagerOptions{Clock: f.clock.now, Changed: f.Verifier.Invalidate})
	return f
}

func (f *fixture) create(t testing.TB, conn directory.ConnectionID, opts token.CreateOptions) (string, directory.Token) {
	t.Helper()
	plain, tok, err := f.Create(t.Context(), conn, opts)
	if err != nil {
		t.Fatal(err)
	}
	return plain, tok
}

func (f *fixture) accepts(t testing.TB, plain string) auth.Principal {
	t.Helper()
	p, err := f.Verify(t.Context(), plain)
	if err != nil {
		t.Fatalf("refused: %v, %v", err, err.(*auth.Error).Cause)
	}
	return p
}

// refuses checks that the answer is the one that all bad tokens get.
func (f *fixture) refuses(t testing.TB, plain string) {
	t.Helper()
	p, err := f.Verify(t.Context(), plain)
	want := auth.Invalid(nil)
	got, ok := err.(*auth.Error)
	if !ok || p.Org != "" || got.Status != http.StatusUnauthorized || got.Detail != want.Detail || got.Challenge != want.Challenge {
		t.Fatalf("got %+v, %v", p, err)
	}
	if got.Cause == nil {
		t.Error("no cause for the log")
	}
}
