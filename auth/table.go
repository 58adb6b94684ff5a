package auth

import (
	"errors"
	"slices"
)

// Any is the verb of a rule that every authenticated caller passes, whatever its
// scopes: discovery of what the server can do.
const Any = "any"

// Rule says who may call one route. The zero Noun is filled in by the request,
// for routes that serve several resource types.
type Rule struct {
	Method  string
	Pattern string
	// Public routes take callers without any credential.
	Public bool
	Noun   string
	// Verb is Read, Write or Any. A rule without one lets nobody pass.
	Verb string
}

// Table holds the rules of all routes. The HTTP layer builds its routes from it,
// so that none can exist without a rule (K11).
type Table []Rule

// Rule returns the rule of a route, and whether there is one.
func (t Table) Rule(method, pattern string) (Rule, bool) {
	i := slices.IndexFunc(t, func(r Rule) bool { return r.Method == method && r.Pattern == pattern })
	if i < 0 {
		return Rule{}, false
	}
	return t[i], true
}

var (
	errNobody = errors.New("the route is not public and the caller is not known")
	errNoRule = errors.New("the rule is not in the table")
)

// Authorize returns nil when the principal may do what the rule is about. The
// noun is what the request names, and counts when the rule has none of its own;
// Bulk asks for each operation. Otherwise the error is an *Error: 401 for a
// caller who is not known, 403 naming the missing scope for one who is.
func (t Table) Authorize(p Principal, rule Rule, noun string) error {
	if rule.Noun != "" {
		noun = rule.Noun
	}
	switch {
	case !slices.Contains(t, rule):
		return forbidden(errNoRule)
	case rule.Public:
		return nil
	case p.Org == "" || p.Connection.Org != p.Org:
		return Missing(errNobody)
	case rule.Verb == Any || p.Scopes.Allows(noun, rule.Verb):
		return nil
	case !validScope(noun + ":" + rule.Verb):
		return forbidden(errNoRule)
	}
	return Insufficient(noun + ":" + rule.Verb)
}

func forbidden(cause error) *Error {
	return &Error{Status: 403, Detail: "No credential is allowed to do this.", Cause: cause}
}
