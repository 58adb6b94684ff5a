package directory

import (
	"context"
	"time"
)

// Token is a long-lived bearer credential of one connection. The secret itself
// is never kept, only its SHA-256 (K16).
type Token struct {
	ID         string       `json:"id"`
	Org        OrgID        `json:"organization"`
	Connection ConnectionID `json:"connection"`
	Hash       []byte       `json:"-"`
	Scopes     []string     `json:"scopes"`
	Created    time.Time    `json:"created"`
	Expires    time.Time    `json:"expires,omitzero"`
	LastUsed   time.Time    `json:"lastUsed,omitzero"`
	Revoked    time.Time    `json:"revoked,omitzero"`
	// Replaced is when another token took its place, from when on it lives for an
	// overlap only; Lifetime is what it had before, 0 for until revoked.
	Replaced time.Time     `json:"replaced,omitzero"`
	Lifetime time.Duration `json:"lifetime,omitempty"`
}

// Live reports whether the token may be used at the given time.
func (t Token) Live(now time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

// Tokens keeps the tokens of the server.
type Tokens interface {
	// Token returns ErrNotFound when there is none of that id.
	Token(ctx context.Context, id string) (Token, error)
	// Tokens lists those of one connection, or all when conn is empty,
	// oldest first.
	Tokens(ctx context.Context, conn ConnectionID) ([]Token, error)
	// PutToken adds or replaces.
	PutToken(ctx context.Context, t Token) error
	// TouchTokens records when tokens were last used.
	TouchTokens(ctx context.Context, used map[string]time.Time) error
}
