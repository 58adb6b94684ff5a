package oidc_test

import (
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth/oidc"
)

var spoilt = []struct {
	name  string
	spoil func(*oidc.Binding)
	want  string // empty: no error
}{
	{"good", func(*oidc.Binding) {}, ""},
	{"private", func(b *oidc.Binding) { b.Issuer, b.AllowPrivate = "http://10.0.0.1", true }, ""},
	{"no audience", func(b *oidc.Binding) { b.Audience = nil }, "audience is empty"},
	{"empty audience", func(b *oidc.Binding) { b.Audience = []string{"usher", ""} }, "audience is empty"},
	{"empty subject", func(b *oidc.Binding) { b.Subjects = []string{""} }, "subject is empty"},
	{"empty claim", func(b *oidc.Binding) { b.Claims = map[string]string{"tid": ""} }, `claim "tid"`},
	{"none", func(b *oidc.Binding) { b.Algorithms = []string{"none"} }, `algorithm "none"`},
	{"HS256", func(b *oidc.Binding) { b.Algorithms = []string{"RS256", "HS256"} }, `algorithm "HS256"`},
	{"an address for a subject", func(b *oidc.Binding) { b.SubjectClaim = "email" }, `claim "email"`},
	{"a name for a subject", func(b *oidc.Binding) { b.SubjectClaim = "Preferred_Username" }, `claim "Preferred_Username"`},
	{"a tenant for a subject", func(b *oidc.Binding) { b.SubjectClaim = "tid" }, `claim "tid"`},
	{"oid for a subject", func(b *oidc.Binding) { b.SubjectClaim = "oid" }, ""},
	{"no organization", func(b *oidc.Binding) { b.Org = "" }, "organization or the connection is empty"},
	{"no connection", func(b *oidc.Binding) { b.Connection = "" }, "organization or the connection is empty"},
	{"no issuer", func(b *oidc.Binding) { b.Issuer = "" }, "not an absolute URL"},
	{"not a URL", func(b *oidc.Binding) { b.Issuer = "https://%zz" }, "not a URL"},
	{"http", func(b *oidc.Binding) { b.Issuer = "http://login.example.com" }, "not an https URL"},
	{"file", func(b *oidc.Binding) { b.JWKSURL = "file://x/etc/passwd" }, "not an https URL"},
	{"user", func(b *oidc.Binding) { b.JWKSURL = "https://u:pw@login.example.com" }, "without user"},
	{"metadata service", func(b *oidc.Binding) { b.Issuer = "http://169.254.169.254" }, "never allowed"},
	{"metadata service, private", func(b *oidc.Binding) { b.JWKSURL, b.AllowPrivate = "http://169.254.169.254/k", true }, "never allowed"},
	{"private address", func(b *oidc.Binding) { b.JWKSURL = "https://10.0.0.1/k" }, "private address"},
	{"loopback", func(b *oidc.Binding) { b.Issuer = "https://[::1]" }, "loopback"},
}

func TestBindings(t *testing.T) {
	t.Parallel()
	good := oidc.Binding{Issuer: "https://login.example.com/t", Audience: []string{"usher"}, Org: "A", Connection: "a"}
	for _, tt := range spoilt {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := good
			tt.spoil(&b)
			_, err := oidc.New([]oidc.Binding{good, b}, nil, oidc.Options{})
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "binding 1")):
				t.Fatalf("got %v", err)
			case err != nil && strings.Contains(err.Error(), "pw"):
				t.Fatalf("the error quotes the password: %v", err)
			}
		})
	}
}

func TestBindingsOfOneIssuerAgree(t *testing.T) {
	t.Parallel()
	one := oidc.Binding{Issuer: "https://login.example.com/t", Audience: []string{"usher"}, Org: "A", Connection: "a"}
	two := one
	two.JWKSURL = "https://login.example.com/keys"
	if _, err := oidc.New([]oidc.Binding{one, two}, nil, oidc.Options{}); err == nil {
		t.Error("two addresses of keys passed")
	}
}

func TestTokenTypes(t *testing.T) {
	t.Parallel()
	i := issuer(t)
	b := bind(i)
	b.TokenTypes = []string{"application/at+jwt"}
	b.Algorithms = []string{"ES256"}
	f := setup(t, b)
	f.accepts(t, i.Sign(claims{"alg": "ES256", "typ": "at+JWT"}, nil))
	f.refuses(t, i.Sign(claims{"alg": "ES256", "typ": "JWT"}, nil))
	f.refuses(t, i.Sign(claims{"alg": "ES256"}, nil))
	f.refuses(t, i.Sign(claims{"alg": "RS256", "typ": "at+jwt"}, nil))
}
