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
	sub       string
	subject   string      // whom the token is about
	lacks     string      // the claim that is not there, where no person is meant
	issued    time.Time   // iat; zero when the token does not say
	signedIn  time.Time   // auth_time, or else iat
	scopes    auth.Scopes // as stated by the token
	unmarked  bool
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
	sub, err := claims.subject("sub")
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
	g := &grant{binding: b, sub: sub, scopes: b.scopes(claims), unmarked: b.unmarked(claims), from: now, until: now.Add(remember)}
	if exp.Before(g.until) {
		g.until = exp
	}
	g.issued, _ = claims.date("iat")
	var ok bool
	if g.signedIn, ok = claims.date("auth_time"); !ok || g.signedIn.After(g.issued) {
		g.signedIn = g.issued
	}
	return g, g.name(claims)
}

// name fills in whom the token is about. One without the claim for people must be a
// machine's, so that nobody who left passes for one by leaving it out (K59).
func (g *grant) name(claims object) error {
	var err error
	if g.subject, err = claims.subject(g.binding.SubjectClaim); err == nil {
		return nil
	}
	if claims.person() || !g.binding.chosen() && !claims.machine() {
		return auth.Nameless(g.binding.SubjectClaim)
	}
	g.subject, g.lacks = g.sub, g.binding.SubjectClaim
	return nil
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
		Org: b.Org, Connection: c, Credential: fingerprint(b.Issuer, g.sub),
		Subject: g.subject, Issuer: b.Issuer, Lacks: g.lacks, Issued: g.issued, SignedIn: g.signedIn,
		Scopes: auth.Bounded(c, g.scopes), Inherited: g.scopes == nil, Unmarked: g.unmarked,
	}
	return &fresh, nil
}

// fingerprint names a caller in few letters that stand for issuer and subject.
func fingerprint(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer + "|" + subject))
	return hex.EncodeToString(sum[:16])
}
