package token

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// ManagerOptions of a Manager. The zero value works.
type ManagerOptions struct {
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// Rand is the source of secrets; crypto/rand when nil.
	Rand io.Reader
	// Changed is told the id of each token that was changed. Wire it to
	// Verifier.Invalidate, so that a revocation acts at once.
	Changed func(id string)
}

func (o ManagerOptions) withDefaults() ManagerOptions {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	return o
}

// Manager makes, replaces and revokes tokens. It is safe for concurrent use; two
// processes that make tokens of one connection at the same moment may exceed the
// limit of two by one.
type Manager struct {
	tokens directory.Tokens
	conns  directory.Connections
	opts   ManagerOptions
	mu     sync.Mutex // from counting tokens to adding one
}

// NewManager returns a manager of the tokens that the ports hold.
func NewManager(tokens directory.Tokens, conns directory.Connections, opts ManagerOptions) *Manager {
	return &Manager{tokens: tokens, conns: conns, opts: opts.withDefaults()}
}

// CreateOptions of a new token.
type CreateOptions struct {
	// Scopes narrow what the connection may do; none means all of that.
	Scopes []string
	// TTL is how long the token lives; 0 is until it is revoked.
	TTL time.Duration
}

// ErrLifetime is a TTL that no token can have.
var ErrLifetime = errors.New("the lifetime of a token cannot be negative or nothing; leave it out for a token that lives until it is revoked")

// Create makes a token for a connection and returns its plain text, which is
// never to be had again. It fails with directory.ErrNotFound when there is no
// such connection, with a *LimitError when two tokens are live already, with
// ErrLifetime, and with the error of auth.ParseScopes.
func (m *Manager) Create(ctx context.Context, conn directory.ConnectionID, opts CreateOptions) (plain string, t directory.Token, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err = m.draft(ctx, conn, opts)
	if err != nil {
		return "", directory.Token{}, err
	}
	if err := m.room(ctx, conn); err != nil {
		return "", directory.Token{}, err
	}
	return m.add(ctx, t)
}

// Adopt keeps a token that an operator brings along, and returns it as it is when
// it is known already, even if it was revoked since. It is not held to the limit
// of two, since a server that does not start helps nobody. It fails as Create
// does, with an error of the function Adopt, or with directory.ErrExists when the
// token belongs to another connection.
func (m *Manager) Adopt(ctx context.Context, conn directory.ConnectionID, plain string, opts CreateOptions) (directory.Token, error) {
	id, hash, err := Adopt(plain)
	if err != nil {
		return directory.Token{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch known, err := m.tokens.Token(ctx, id); {
	case err == nil && known.Connection != conn:
		return directory.Token{}, fmt.Errorf("token %s is one of connection %s: %w", id, known.Connection, directory.ErrExists)
	case err == nil:
		return known, nil
	case !errors.Is(err, directory.ErrNotFound):
		return directory.Token{}, err
	}
	t, err := m.draft(ctx, conn, opts)
	if err != nil {
		return directory.Token{}, err
	}
	t.ID, t.Hash = id, hash
	return t, m.put(ctx, t)
}

// Revoke ends a token now and for good. Revoking twice does no harm. It fails
// with directory.ErrNotFound when there is no such token.
func (m *Manager) Revoke(ctx context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := m.tokens.Token(ctx, id)
	if err != nil {
		return fmt.Errorf("token %s: %w", id, err)
	}
	if !t.Revoked.IsZero() {
		return nil
	}
	t.Revoked = m.opts.Clock()
	return m.put(ctx, t)
}

// draft returns a token without id and hash.
func (m *Manager) draft(ctx context.Context, conn directory.ConnectionID, opts CreateOptions) (directory.Token, error) {
	if opts.TTL < 0 {
		return directory.Token{}, ErrLifetime
	}
	scopes, err := auth.ParseScopes(opts.Scopes)
	if err != nil {
		return directory.Token{}, err
	}
	c, err := m.conns.Connection(ctx, conn)
	if err != nil {
		return directory.Token{}, fmt.Errorf("connection %s: %w", conn, err)
	}
	t := directory.Token{Org: c.Org, Connection: c.ID, Scopes: scopes, Created: m.opts.Clock()}
	if opts.TTL > 0 {
		t.Expires = t.Created.Add(opts.TTL)
	}
	return t, nil
}

// add gives a draft its secret and stores it.
func (m *Manager) add(ctx context.Context, t directory.Token) (string, directory.Token, error) {
	plain, id, hash, err := Generate(m.opts.Rand)
	if err != nil {
		return "", directory.Token{}, err
	}
	t.ID, t.Hash = id, hash
	if err := m.put(ctx, t); err != nil {
		return "", directory.Token{}, err
	}
	return plain, t, nil
}

func (m *Manager) put(ctx context.Context, t directory.Token) error {
	// Told in any case: an error does not say that nothing was written.
	defer m.opts.Changed(t.ID)
	if err := m.tokens.PutToken(ctx, t); err != nil {
		return fmt.Errorf("put token %s: %w", t.ID, err)
	}
	return nil
}
