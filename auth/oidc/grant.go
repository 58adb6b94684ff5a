package oidc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	goidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

// remember is how long a verified token is not verified again.
const remember = time.Minute

// grant is a token that was found good, and what it gives. It is remembered under
// the digest of the whole token, which covers the issuer, the claims and the
// signature; never under anything that two issuers could give alike (K08).
type grant struct {
	binding   *binding
	subject   string
	issued    time.Time   // iat; zero when the token does not say
	signedIn  time.Time   // auth_time, or else iat
	scopes    auth.Scopes // as stated by the token
	principal auth.Principal
	from      time.Time // when it was verified
	until     time.Time
	read      time.Time // when the connection was
}

// holds reports whether the token need not be verified again.
func (g *grant) holds(now time.Time) bool { return !now.Before(g.from) && now.Before(g.until) }

// judge verifies a token. Everything that needs no key is checked first, so that a
// token which is not for us causes no fetch.
func (v *Verifier) judge(ctx context.Context, token string, now time.Time) (*grant, error) {
	first, rest, _ := strings.Cut(token, ".")
	second, _, _ := strings.Cut(rest, ".")
	h, err := parseHeader(first)
	if err != nil {
		return nil, err
	}
	claims, err := parseObject(second)
	if err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	iss, b, err := v.choose(h, claims)
	if err != nil {
		return nil, err
	}
	if err := claims.access(); err != nil {
		return nil, err
	}
	subject, err := claims.subject()
	if err != nil {
		return nil, err
	}
	exp, err := claims.current(now)
	if err != nil {
		return nil, err
	}
	if err := iss.signed(ctx, token, second, h, b, claims, now); err != nil {
		return nil, err
	}
	until := now.Add(remember)
	if exp.Before(until) {
		until = exp
	}
	issued, _ := claims.date("iat")
	signedIn, ok := claims.date("auth_time")
	if !ok || signedIn.After(issued) {
		signedIn = issued
	}
	return &grant{binding: b, subject: subject, issued: issued, signedIn: signedIn, scopes: b.scopes(claims), from: now, until: until}, nil
}

// choose returns the issuer that the token names, letter for letter, and its first
// binding that matches.
func (v *Verifier) choose(h header, claims object) (*issuer, *binding, error) {
	name, _ := claims.text("iss")
	iss, ok := v.issuers[name]
	if !ok {
		return nil, nil, errors.New("the iss claim is not that of any binding")
	}
	var errs []error
	for _, b := range iss.bindings {
		err := b.match(h, claims)
		if err == nil {
			return iss, b, nil
		}
		errs = append(errs, err)
	}
	return nil, nil, errors.Join(errs...)
}

// signed verifies the signature with a key of the issuer, and once more issuer,
// audience and times by the library's own reading.
func (i *issuer) signed(ctx context.Context, token, payload string, h header, b *binding, claims object, now time.Time) error {
	found, err := i.keys.find(ctx, h.keyID, h.algorithm)
	if err != nil {
		return err
	}
	aud, _ := claims.texts("aud")
	verifier := goidc.NewVerifier(b.Issuer, &goidc.StaticKeySet{PublicKeys: found}, &goidc.Config{
		ClientID:             aud[0],
		SupportedSigningAlgs: b.Algorithms,
		Now:                  func() time.Time { return now.Add(-skew) },
	})
	verified, err := verifier.Verify(ctx, token)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	var signed stdjson.RawMessage
	read, _ := base64.RawURLEncoding.DecodeString(payload)
	if err := verified.Claims(&signed); err != nil || !bytes.Equal(signed, read) {
		return errors.New("what was signed is not what was read")
	}
	return nil
}

// admit reads the connection of a grant, which must be of the organization of the
// binding (K07), and returns the grant with its principal.
func (v *Verifier) admit(ctx context.Context, g *grant, now time.Time) (*grant, error) {
	b := g.binding
	c, err := v.conns.Connection(ctx, b.Connection)
	switch {
	case errors.Is(err, directory.ErrNotFound) || err == nil && (c.Org != b.Org || c.ID != b.Connection):
		return nil, errors.New("the connection of the binding is gone or belongs to another organization")
	case err != nil:
		return nil, &outage{err}
	}
	fresh := *g
	fresh.read = now
	fresh.principal = auth.Principal{
		Org: b.Org, Connection: c, Credential: fingerprint(b.Issuer, g.subject),
		Subject: g.subject, Issuer: b.Issuer, Issued: g.issued, SignedIn: g.signedIn, Scopes: auth.Bounded(c, g.scopes), Inherited: g.scopes == nil,
	}
	return &fresh, nil
}

// fingerprint names a caller in few letters that stand for issuer and subject.
func fingerprint(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "|" + subject))
	return hex.EncodeToString(sum[:16])
}
