package token

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/internal/cache"
	"github.com/usher-scim/usher/directory"
)

// Options of a Verifier. The zero value works.
type Options struct {
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// MaxAge is how long a record is used before it is read again, and so the
	// longest that a revocation by another process can take; 1 s when 0.
	MaxAge time.Duration
	// CacheSize is how many records are remembered; 10,000 when 0.
	CacheSize int
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.MaxAge <= 0 {
		o.MaxAge = time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	return o
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	tokens  directory.Tokens
	conns   directory.Connections
	opts    Options
	records *cache.Cache[string, *record]
	used    usage
}

// New returns a verifier of the tokens that the ports hold.
func New(tokens directory.Tokens, conns directory.Connections, opts Options) *Verifier {
	opts = opts.withDefaults()
	return &Verifier{
		tokens: tokens, conns: conns, opts: opts,
		records: cache.New[string, *record](opts.CacheSize),
	}
}

// Why a token is refused; only logs see which.
var (
	errShape      = errors.New("the credential is not shaped as a token")
	errUnknown    = errors.New("there is no token of this id")
	errSecret     = errors.New("the secret is not the one of the token of this id")
	errNotLive    = errors.New("the token has expired or was revoked")
	errConnection = errors.New("the connection of the token is gone or belongs to another organization")
)

// Verify returns the principal of a token. A token that is malformed, unknown,
// wrong, expired or revoked gives one and the same 401 *auth.Error; a store that
// does not answer gives a 503. The look-up is by the public id, the comparison is
// of digests and takes the same time wherever they differ (K15).
func (v *Verifier) Verify(ctx context.Context, plain string) (auth.Principal, error) {
	id, ok := identify(plain)
	if !ok {
		return auth.Principal{}, auth.Invalid(errShape)
	}
	var buf [adoptedMost]byte
	digest := sha256.Sum256(buf[:copy(buf[:], plain)])
	now := v.opts.Clock()
	rec, err := v.record(ctx, id, now)
	if err != nil {
		return auth.Principal{}, auth.Unavailable(err)
	}
	stored := nobody[:]
	if rec != nil {
		stored = rec.token.Hash
	}
	same := subtle.ConstantTimeCompare(digest[:], stored) == 1
	if err := refusal(rec, same, now); err != nil {
		return auth.Principal{}, auth.Invalid(err)
	}
	v.used.touch(rec, now)
	return rec.principal, nil
}

// nobody stands in for the digest of a token that does not exist, so that one
// comparison is made in any case.
var nobody [sha256.Size]byte

func refusal(rec *record, same bool, now time.Time) error {
	switch {
	case rec == nil:
		return errUnknown
	case !same:
		return errSecret
	case !rec.token.Live(now):
		return errNotLive
	case rec.principal.Org == "":
		return errConnection
	}
	return nil
}

// Invalidate forgets what is known about a token, so that a change to it acts at
// once in this process. Other processes see it after their MaxAge.
func (v *Verifier) Invalidate(id string) { v.records.Invalidate(id) }

// InvalidateAll forgets everything, as after a change to a connection.
func (v *Verifier) InvalidateAll() { v.records.InvalidateAll() }

// Flush writes down when tokens were last used, to the minute. The caller runs it
// every minute or so and once at the end. After an error, which is that of
// TouchTokens, nothing is lost and the next call tries again.
func (v *Verifier) Flush(ctx context.Context) error {
	return v.used.flush(ctx, v.tokens)
}
