package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usher-scim/usher/auth"
)

// match reports whether a token fits the binding, and if not, why.
func (b *binding) match(h header, claims object) error {
	if !slices.Contains(b.Algorithms, h.algorithm) {
		return fmt.Errorf("the algorithm %s is not one of the binding", h.algorithm)
	}
	if !slices.Contains(b.TokenTypes, mediaType(h.typ)) {
		return errors.New("the typ header is not one of the binding")
	}
	if !b.addressed(claims) {
		return errors.New("the aud claim is missing or names somebody else")
	}
	if sub, _ := claims.text("sub"); len(b.Subjects) > 0 && !slices.Contains(b.Subjects, sub) {
		return errors.New("the sub claim is not one of the binding")
	}
	if err := b.sameTenant(claims); err != nil {
		return err
	}
	for name, want := range b.Claims {
		if got, ok := claims.texts(name); !ok || !slices.Contains(got, want) {
			return fmt.Errorf("the claim %s is not that of the binding", name)
		}
	}
	return nil
}

// addressed reports whether the token is for us and for nobody else (K19).
func (b *binding) addressed(claims object) bool {
	aud, ok := claims.texts("aud")
	if !ok || len(aud) == 0 {
		return false
	}
	for _, one := range aud {
		if !slices.Contains(b.Audience, one) {
			return false
		}
	}
	return true
}

// sameTenant compares the tenant that an Entra token says it is of with that of
// its issuer (K07).
func (b *binding) sameTenant(claims object) error {
	if _, present := claims["tid"]; !present || b.tenant == "" {
		return nil
	}
	if tid, ok := claims.text("tid"); !ok || !strings.EqualFold(tid, b.tenant) {
		return errors.New("the tid claim is not the tenant of the issuer")
	}
	return nil
}

// states reports whether the token says which scopes it has.
func (b *binding) states(claims object) bool {
	_, present := claims[b.ScopeClaim]
	return b.ScopeClaim != "" && present
}

// scopes returns those of ours that the token states, or nil when it states none and
// is a machine's, so that it has those of its connection.
func (b *binding) scopes(claims object) auth.Scopes {
	stated := auth.Scopes{}
	if !b.states(claims) {
		if b.chosen() || claims.machine() || b.AllowUnmarked && !claims.person() {
			return nil
		}
		return stated
	}
	list, ok := claims.texts(b.ScopeClaim)
	if !ok {
		return stated
	}
	for _, text := range list {
		for _, one := range strings.Fields(text) {
			if s, err := auth.ParseScopes([]string{one}); err == nil {
				stated = append(stated, s...)
			}
		}
	}
	return stated
}

// unmarked reports whether a token has no scopes because it says neither which nor
// whose it is.
func (b *binding) unmarked(claims object) bool {
	return !b.states(claims) && b.scopes(claims) != nil && !claims.person()
}
