package oidc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/internal/cache"
	"github.com/usher-scim/usher/directory"
)

// Options of a Verifier. The zero value works.
type Options struct {
	// Clock tells the time; time.Now when nil.
	Clock func() time.Time
	// AllowLoopback lets issuers be on this machine and speak plain http, for
	// tests and development.
	AllowLoopback bool
	// Refresh is how old keys may be before they are fetched again; 15 minutes
	// when 0.
	Refresh time.Duration
	// MaxAge is how old keys may be and still be used when the issuer is out of
	// reach; 24 hours when 0.
	MaxAge time.Duration
	// Recheck is how long a connection is used before it is read again; 1 s when 0.
	Recheck time.Duration
	// CacheSize is how many verified tokens are remembered; 10,000 when 0.
	CacheSize int
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 10_000
	}
	for at, preset := range map[*time.Duration]time.Duration{
		&o.Refresh: 15 * time.Minute, &o.MaxAge: 24 * time.Hour, &o.Recheck: time.Second,
	} {
		if *at <= 0 {
			*at = preset
		}
	}
	return o
}

// Verifier verifies the access tokens of a fixed set of issuers. It is safe for
// concurrent use.
type Verifier struct {
	issuers  map[string]*issuer
	conns    directory.Connections
	opts     Options
	verified *cache.Cache[[sha256.Size]byte, *grant]
}

// issuer is one iss and all its bindings.
type issuer struct {
	keys     *keys
	bindings []*binding
}

// New returns a verifier for the bindings. It fetches nothing: an issuer that is
// down must not keep the server from starting. The error tells everything that is
// wrong with every binding.
func New(bindings []Binding, conns directory.Connections, opts Options) (*Verifier, error) {
	opts = opts.withDefaults()
	v := &Verifier{
		issuers: map[string]*issuer{}, conns: conns, opts: opts,
		verified: cache.New[[sha256.Size]byte, *grant](opts.CacheSize),
	}
	var errs []error
	for i, given := range bindings {
		b, err := given.check(opts.AllowLoopback)
		if err == nil {
			err = v.add(b)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("binding %d: %w", i, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *Verifier) add(b *binding) error {
	iss, known := v.issuers[b.Issuer]
	if !known {
		iss = &issuer{keys: &keys{
			source: newSource(b, reachOf(b.AllowPrivate, v.opts.AllowLoopback)),
			clock:  v.opts.Clock, refresh: v.opts.Refresh, maxAge: v.opts.MaxAge,
			turn: make(chan struct{}, 1),
		}}
		v.issuers[b.Issuer] = iss
	} else if first := iss.bindings[0]; first.JWKSURL != b.JWKSURL || first.AllowPrivate != b.AllowPrivate {
		return fmt.Errorf("the issuer %s has another address of keys or reach in an earlier binding; make them the same", b.Issuer)
	}
	iss.bindings = append(iss.bindings, b)
	return nil
}

// errShape is made once, so that refusing rubbish costs nothing (K22).
var errShape = auth.Invalid(errors.New("the credential is not a signed JWT in compact form, or too long"))

// Verify returns the principal of an access token. Whatever is wrong with a token,
// the *auth.Error is the same 401; it is a 503 when the keys of its issuer or the
// store are out of reach. Keys are cached, so an issuer that is down for less than
// MaxAge is not noticed.
func (v *Verifier) Verify(ctx context.Context, token string) (auth.Principal, error) {
	if !compact(token) {
		return auth.Principal{}, errShape
	}
	key := sha256.Sum256([]byte(token))
	now := v.opts.Clock()
	generation := v.verified.Generation()
	g, ok := v.verified.Get(key)
	if ok && g.holds(now) {
		if age := now.Sub(g.read); age < v.opts.Recheck {
			return g.principal, nil
		}
	} else {
		var err error
		if g, err = v.judge(ctx, token, now); err != nil {
			return auth.Principal{}, outward(err)
		}
	}
	g, err := v.admit(ctx, g, now)
	if err != nil {
		return auth.Principal{}, outward(err)
	}
	if g.holds(now) {
		v.verified.Put(generation, key, g)
	}
	return g.principal, nil
}

// InvalidateAll forgets all verified tokens, as after a change to a connection.
// Keys are kept.
func (v *Verifier) InvalidateAll() { v.verified.InvalidateAll() }

// outward turns any cause into what the client gets.
func outward(err error) *auth.Error {
	if ready, ok := errors.AsType[*auth.Error](err); ok {
		return ready
	}
	if _, ok := errors.AsType[*outage](err); ok {
		return auth.Unavailable(err)
	}
	return auth.Invalid(err)
}
