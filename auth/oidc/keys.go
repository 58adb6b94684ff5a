package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// between is the least time between two fetches, whoever asks (K21).
	between = time.Minute
	// retry is the same while there are no keys at all.
	retry = 5 * time.Second
	// maxCandidates is how many keys are tried for a token that names none.
	maxCandidates = 8
)

// keys are the keys of one issuer as far as they are known.
type keys struct {
	source  *source
	clock   func() time.Time
	refresh time.Duration // after which they are fetched again
	maxAge  time.Duration // after which they are not used

	known atomic.Pointer[keySet]
	// turn is held while fetching; it guards what follows and the source.
	turn   chan struct{}
	tried  time.Time
	failed atomic.Pointer[error] // of the last fetch
}

type keySet struct {
	keys    []jose.JSONWebKey
	fetched time.Time
}

var errUnknownKey = errors.New("the issuer has no such key")

// outage is something needed to judge a token that cannot be had now: the keys of
// its issuer, or the store.
type outage struct{ cause error }

func (o *outage) Error() string { return fmt.Sprintf("out of reach: %v", o.cause) }
func (o *outage) Unwrap() error { return o.cause }

// find returns the keys that may have signed a token. It fails with errUnknownKey
// when the issuer has none, and with an *outage when it cannot be asked.
func (k *keys) find(ctx context.Context, keyID, algorithm string) ([]crypto.PublicKey, error) {
	set := k.known.Load()
	found := set.pick(keyID, algorithm)
	if len(found) > 0 && set.younger(k.clock(), k.refresh) {
		return found, nil
	}
	usable := len(found) > 0 && set.younger(k.clock(), k.maxAge)
	if err := k.update(ctx, set, !usable); err != nil {
		return nil, &outage{err}
	}
	set = k.known.Load()
	cause := k.failed.Load()
	if !set.younger(k.clock(), k.maxAge) {
		if cause == nil {
			return nil, &outage{errors.New("the keys of the issuer are too old")}
		}
		return nil, &outage{*cause}
	}
	found = set.pick(keyID, algorithm)
	switch {
	case len(found) > 0:
		return found, nil
	case cause != nil:
		return nil, &outage{*cause}
	}
	return nil, errUnknownKey
}

// update fetches the keys, unless they changed since seen or it is too early. One
// caller at a time does so, and the others wait for it or go on. The error is that
// of a caller who gave up waiting.
func (k *keys) update(ctx context.Context, seen *keySet, wait bool) error {
	select {
	case k.turn <- struct{}{}:
	default:
		if !wait {
			return nil
		}
		select {
		case k.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-k.turn }()
	now, pause := k.clock(), between
	if !k.known.Load().younger(now, k.maxAge) {
		pause = retry
	}
	if since := now.Sub(k.tried); k.known.Load() != seen || since >= 0 && since < pause {
		return nil
	}
	k.tried = now
	// A caller who leaves must not spoil the attempt for the others.
	fetched, err := k.source.fetch(context.WithoutCancel(ctx))
	if err != nil {
		k.failed.Store(&err)
		return nil
	}
	k.failed.Store(nil)
	k.known.Store(&keySet{fetched, now})
	return nil
}

func (s *keySet) younger(now time.Time, age time.Duration) bool {
	return s != nil && now.Sub(s.fetched) < age
}

// pick returns the keys of that id, or all when it is empty, that are made for the
// algorithm.
func (s *keySet) pick(keyID, algorithm string) []crypto.PublicKey {
	if s == nil {
		return nil
	}
	var found []crypto.PublicKey
	for _, k := range s.keys {
		if (keyID == "" || k.KeyID == keyID) && (k.Algorithm == "" || k.Algorithm == algorithm) &&
			fits(k.Key, algorithm) && len(found) < maxCandidates {
			found = append(found, k.Key)
		}
	}
	return found
}

var curves = map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}

// fits reports whether a key is of the kind that an algorithm takes.
func fits(key any, algorithm string) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return algorithm[:2] == "RS" || algorithm[:2] == "PS"
	case *ecdsa.PublicKey:
		return algorithm == curves[k.Curve]
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}
