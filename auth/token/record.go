package token

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// record is what is remembered of a token. Only tokens that exist have one, so
// that guessing cannot fill the cache. It does not change once it is shared.
type record struct {
	token     directory.Token
	principal auth.Principal // without Org when the connection does not fit
	read      time.Time
	touched   *atomic.Int64 // Unix seconds when a use was last noted
}

// record returns the remembered record or reads it. It is nil when there is no
// such token; the error means that the store did not answer.
func (v *Verifier) record(ctx context.Context, id string, now time.Time) (*record, error) {
	old, known := v.records.Get(id)
	if known {
		if age := now.Sub(old.read); age >= 0 && age < v.opts.MaxAge {
			return old, nil
		}
	}
	generation := v.records.Generation()
	rec, err := v.read(ctx, id, now)
	switch {
	case err != nil:
		return nil, err
	case rec == nil:
		if known {
			v.records.Invalidate(id)
		}
		return nil, nil
	case known:
		rec.touched = old.touched
	}
	v.records.Put(generation, rec.token.ID, rec)
	return rec, nil
}

// read asks the ports for a token and its connection.
func (v *Verifier) read(ctx context.Context, id string, now time.Time) (*record, error) {
	t, err := v.tokens.Token(ctx, id)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	rec := &record{token: t, read: now, touched: new(atomic.Int64)}
	rec.touched.Store(t.LastUsed.Unix())
	c, err := v.conns.Connection(ctx, t.Connection)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		return rec, nil
	case err != nil:
		return nil, err
	}
	if t.Org != "" && c.Org == t.Org && c.ID == t.Connection {
		rec.principal = auth.Principal{
			Org: t.Org, Connection: c, Credential: t.ID,
			Scopes: auth.Bounded(c, stated(t)),
		}
	}
	return rec, nil
}

// stated returns the scopes of a token, nil when it has none of its own. A store
// may give back an empty list for none.
func stated(t directory.Token) auth.Scopes {
	if len(t.Scopes) == 0 {
		return nil
	}
	return t.Scopes
}
