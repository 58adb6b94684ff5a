package oidc_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/directory"
)

type claims = map[string]any

func TestVerify(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	first := f.accepts(t, i.Token(nil))
	if first.Issued.IsZero() {
		t.Error("nobody knows when the token was issued")
	}
	want := auth.Principal{
		Org: "A", Connection: f.conns.byID["a"], Credential: first.Credential, Issued: first.Issued, SignedIn: first.Issued,
		Subject: "client", Issuer: i.URL, Scopes: auth.Scopes{"*"}, Inherited: true,
	}
	if diff := cmp.Diff(want, first); diff != "" || len(first.Credential) != 32 {
		t.Errorf("%s, credential %q", diff, first.Credential)
	}
	if other := f.accepts(t, i.Token(claims{"sub": "other"})); other.Credential == first.Credential {
		t.Error("two subjects have the same fingerprint")
	}
	for name, header := range map[string]claims{
		"RS256": {"alg": "RS256"}, "PS256": {"alg": "PS256"}, "ES256": {"alg": "ES256"},
		"no typ": {"typ": nil}, "JWT": {"typ": "JWT"}, "at+jwt": {"typ": "at+jwt"},
		"media type": {"typ": "application/AT+JWT"}, "no kid": {"kid": nil}, "x5t": {"x5t": "abc"},
	} {
		t.Run(name, func(t *testing.T) { f.accepts(t, i.Sign(header, nil)) })
	}
	if got := i.Fetches(); got != 1 {
		t.Errorf("the keys were fetched %d times", got)
	}
}

func TestVerifyAcceptedClaims(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	b := bind(i)
	b.Audience = append(b.Audience, "usher-old")
	f := setup(t, b)
	now := time.Now().Unix()
	for name, c := range map[string]claims{
		"audience list": {"aud": []string{"usher"}}, "both audiences": {"aud": []string{"usher-old", "usher"}},
		"clock behind": {"nbf": now + 50, "iat": now + 50}, "clock ahead": {"exp": now - 50},
		"no iat": {"iat": nil}, "fraction": {"exp": float64(now) + 60.5}, "Keycloak": {"typ": "Bearer"},
		"Cognito": {"token_use": "access"}, "more claims": {"groups": []string{"x"}, "realm_access": claims{"roles": []string{"y"}}},
	} {
		t.Run(name, func(t *testing.T) { f.accepts(t, i.Token(c)) })
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	f.conns.byID["a"] = directory.Connection{ID: "a", Org: "A", Scopes: []string{"users:read", "groups:read"}}
	for _, tt := range []struct {
		name  string
		claim any
		want  auth.Scopes
	}{
		{"absent", nil, auth.Scopes{"users:read", "groups:read"}},
		{"text", "openid users:read users:write", auth.Scopes{"users:read"}},
		{"list", []string{"groups:read", "*:write"}, auth.Scopes{"groups:read"}},
		{"everything", "*", auth.Scopes{"users:read", "groups:read"}},
		{"none of ours", "profile email", auth.Scopes{}},
		{"empty", "", auth.Scopes{}},
		{"number", 1, auth.Scopes{}},
	} {
		if got := f.accepts(t, i.Token(claims{"scope": tt.claim})).Scopes; cmp.Diff(tt.want, got) != "" {
			t.Errorf("%s: got %v", tt.name, got)
		}
	}
}

func TestK28_OnlyIssuerAndSubjectIdentify(t *testing.T) {
	t.Parallel()
	a, b := issuer(t), issuer(t)
	f := setup(t, bind(a), bind(b))
	mail := claims{"email": "boss@example.com", "preferred_username": "boss", "email_verified": true}
	with := func(sub string) claims {
		c := maps.Clone(mail)
		c["sub"] = sub
		return c
	}
	one, two := f.accepts(t, a.Token(with("1"))), f.accepts(t, a.Token(with("2")))
	elsewhere := f.accepts(t, b.Token(with("1")))
	if one.Credential == two.Credential || one.Credential == elsewhere.Credential {
		t.Error("different people have the same fingerprint")
	}
	// A claim that must be a text is not made from anything else.
	verified := bind(a)
	verified.Claims = map[string]string{"email_verified": "true"}
	strict := setup(t, verified)
	strict.refuses(t, a.Token(mail))
	strict.accepts(t, a.Token(claims{"email_verified": "true"}))
}

func TestConnectionChanges(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	token := i.Token(nil)
	f.accepts(t, token)
	f.conns.byID["a"] = directory.Connection{ID: "a", Org: "A", Scopes: []string{"users:read"}}
	f.clock.advance(time.Second)
	if got := f.accepts(t, token).Scopes; len(got) != 1 || got[0] != "users:read" {
		t.Errorf("after a second the scopes are %v", got)
	}
	delete(f.conns.byID, "a")
	f.accepts(t, token)
	f.InvalidateAll()
	f.refuses(t, token)
	f.conns.err = errors.New("disk on fire")
	f.unavailable(t, token)
}

func TestVerifiedTokensExpire(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	f := setup(t, bind(i))
	short, long := i.Token(claims{"exp": time.Now().Unix() + 10}), i.Token(nil)
	f.accepts(t, short)
	f.accepts(t, long)
	f.clock.advance(75 * time.Second)
	f.refuses(t, short)
	f.accepts(t, long)
	f.clock.advance(time.Hour)
	f.refuses(t, long)
}

func TestK16_ErrorsDoNotQuoteTheToken(t *testing.T) {
	t.Parallel()
	i, stranger := issuer(t), issuer(t)
	f := setup(t, bind(i))
	good := i.Token(nil)
	for _, token := range []string{good[:len(good)-4] + "AAAA", stranger.Token(claims{"iss": i.URL}), "a." + good} {
		_, err := f.Verify(t.Context(), token)
		e := err.(*auth.Error)
		for part := range strings.SplitSeq(token, ".") {
			if len(part) > 10 && strings.Contains(e.Error()+e.Cause.Error(), part) {
				t.Errorf("%v, %v", e, e.Cause)
			}
		}
	}
}

// Budget: a token that was seen before takes less than 5 µs, an RSA key or not.
func BenchmarkVerify(b *testing.B) {
	i := issuer(b)
	v, err := oidc.New([]oidc.Binding{bind(i)}, setup(b).conns, oidc.Options{AllowLoopback: true})
	if err != nil {
		b.Fatal(err)
	}
	token := i.Token(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
