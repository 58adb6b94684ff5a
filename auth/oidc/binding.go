package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
)

// Binding says which tokens of an issuer are accepted and whom they act for. A
// token must match all of it. Several bindings may share an issuer; the first that
// matches wins.
type Binding struct {
	// Issuer is the iss claim, letter for letter.
	Issuer string
	// JWKSURL is where the keys are; empty means where the issuer's metadata says
	// (OpenID Connect Discovery). Bindings of one issuer must agree.
	JWKSURL string
	// Audience lists who a token may be for. Every entry of its aud claim must be
	// here: what is also for another service could be replayed by that service.
	Audience []string
	// Subjects lists the sub claims accepted; none means any.
	Subjects []string
	// Claims are further claims that must be there: as that very text, or as a
	// list of texts that holds it.
	Claims map[string]string
	// Algorithms may sign; RS256, ES256 and PS256 when empty. Those with a shared
	// secret are never accepted.
	Algorithms []string
	// TokenTypes are the typ headers accepted, such as at+jwt; when empty, at+jwt,
	// JWT and none at all.
	TokenTypes []string
	// Org and Connection are whom the token acts for.
	Org        directory.OrgID
	Connection directory.ConnectionID
	// ScopeClaim names the claim that lists scopes, as a text with spaces or a
	// list. A token that has it is narrowed to those of ours in it, even to none. A
	// token without it has the scopes of its connection if it says that it is a
	// machine's, or if Subjects or Claims say which callers are meant, which a claim
	// that tells the tenant alone does not; and none otherwise.
	ScopeClaim string
	// SubjectClaim names the claim that says which person a token is about, as people
	// are known here (externalId or userName); sub when empty. A token without it is
	// refused, unless it is a machine's and shows no person. A claim that people can
	// change, or that goes from one to another, is not accepted (K28).
	SubjectClaim string
	// AllowUnmarked takes a token that states no scopes and shows neither a person nor
	// a machine for a machine's. Nobody who signs in may get such a token.
	AllowUnmarked bool
	// AllowPrivate lets the issuer be inside the network: plain http, private and
	// loopback addresses. Link-local ones stay refused. Bindings of one issuer
	// must agree.
	AllowPrivate bool
}

// binding is a checked Binding with its defaults.
type binding struct {
	Binding
	tenant string // of an Entra issuer
}

var (
	defaultAlgorithms = []string{"RS256", "ES256", "PS256"}
	allAlgorithms     = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
	defaultTypes      = []string{"", "jwt", "at+jwt"}
)

// check returns the binding ready for use, or everything that is wrong with it.
func (b Binding) check(loopback bool) (*binding, error) {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(b.Audience) == 0 || slices.Contains(b.Audience, "") {
		add("the audience is empty, so tokens meant for other services would pass; list at least one, and none empty")
	}
	if slices.Contains(b.Subjects, "") {
		add("a subject is empty; remove it")
	}
	for name, want := range b.Claims {
		if name == "" || want == "" {
			add("the claim %q must have a name and a text; write both", name)
		}
	}
	for _, alg := range b.Algorithms {
		if !slices.Contains(allAlgorithms, alg) {
			add("the algorithm %q is not accepted; use one of %s", alg, strings.Join(allAlgorithms, ", "))
		}
	}
	if unfit.MatchString(b.SubjectClaim) {
		add("the claim %q cannot say who a person is, because people can change it, it goes from one to another, or many have the same; "+
			"use one that the issuer gives to one person and never again, such as sub or Entra's oid", b.SubjectClaim)
	}
	if b.Org == "" || b.Connection == "" {
		add("the organization or the connection is empty; name whom the tokens act for")
	}
	tenant, err := entraTenant(b.Issuer)
	errs = append(errs, err, checkURL(b.Issuer, reachOf(b.AllowPrivate, loopback)))
	if b.JWKSURL != "" {
		errs = append(errs, checkURL(b.JWKSURL, reachOf(b.AllowPrivate, loopback)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return b.withDefaults(tenant), nil
}

func (b Binding) withDefaults(tenant string) *binding {
	if b.SubjectClaim == "" {
		b.SubjectClaim = "sub"
	}
	if len(b.Algorithms) == 0 {
		b.Algorithms = defaultAlgorithms
	}
	types := make([]string, len(b.TokenTypes))
	for i, t := range b.TokenTypes {
		types[i] = mediaType(t)
	}
	if b.TokenTypes = types; len(types) == 0 {
		b.TokenTypes = defaultTypes
	}
	return &binding{b, tenant}
}

// mediaType brings a typ header to one spelling (RFC 7515 section 4.1.9).
func mediaType(typ string) string {
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}
