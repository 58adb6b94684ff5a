package auth

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usher-scim/usher/directory"
)

// The verbs of a scope. Writing does not imply reading.
const (
	Read  = "read"
	Write = "write"
)

// All is the scope that allows everything.
const All = "*"

// Administer is the scope of administrator tokens: it opens the admin API and
// nothing else, and no other scope opens that, not even All (K17).
const Administer = "admin"

// AuditOwn is the scope with which a provisioning client reads the events of its own
// connection in the admin API, and nothing else of it. No other scope includes it, not
// even All, and it opens nothing of SCIM (K17, domain 3.6).
const AuditOwn = "audit.own"

// Scopes are what a credential may do. Each is "*" for everything, or a noun, a
// colon and a verb: "users:read", "groups:write", "*:read". The noun is the
// lower-case name of an endpoint or "*" for every one. Administer and AuditOwn stand
// apart from these.
type Scopes []string

// ParseScopes checks a list of scopes and drops repetitions. Its error names the
// first that is not one.
func ParseScopes(list []string) (Scopes, error) {
	var s Scopes
	for _, one := range list {
		if !validScope(one) {
			return nil, fmt.Errorf("%q is not a scope; write *, a noun and a verb such as users:read or groups:write, or audit.own", one)
		}
		if !slices.Contains(s, one) {
			s = append(s, one)
		}
	}
	return s, nil
}

func validScope(s string) bool {
	if s == All || apart(s) {
		return true
	}
	noun, verb, _ := strings.Cut(s, ":")
	return (verb == Read || verb == Write) && (noun == "*" || validNoun(noun))
}

// apart reports whether no other scope includes this one.
func apart(s string) bool { return s == Administer || s == AuditOwn }

func validNoun(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '-') {
			return false
		}
	}
	return s != ""
}

// Allows reports whether one of the scopes covers the verb on the noun.
func (s Scopes) Allows(noun, verb string) bool {
	if !validNoun(noun) || verb != Read && verb != Write {
		return false
	}
	for _, one := range s {
		if one == All {
			return true
		}
		n, v, _ := strings.Cut(one, ":")
		if v == verb && (n == noun || n == "*") {
			return true
		}
	}
	return false
}

// Admin reports whether the scopes open the admin API.
func (s Scopes) Admin() bool { return slices.Contains(s, Administer) }

// OwnAudit reports whether the scopes let a client read its own events.
func (s Scopes) OwnAudit() bool { return slices.Contains(s, AuditOwn) }

// Intersect returns scopes that allow what both lists allow, and nothing else.
func (s Scopes) Intersect(other Scopes) Scopes {
	both := Scopes{}
	for _, a := range s {
		for _, b := range other {
			if m, ok := meet(a, b); ok && !slices.Contains(both, m) {
				both = append(both, m)
			}
		}
	}
	return both
}

// meet returns the narrower of two scopes when one covers the other; two that
// overlap always do.
func meet(a, b string) (string, bool) {
	switch {
	case (apart(a) || apart(b)) && a != b:
		return "", false
	case a == All || a == b:
		return b, validScope(b)
	case b == All:
		return a, validScope(a)
	}
	an, av, _ := strings.Cut(a, ":")
	bn, bv, _ := strings.Cut(b, ":")
	switch {
	case av != bv:
		return "", false
	case an == "*":
		return b, validScope(b)
	case bn == "*":
		return a, validScope(a)
	}
	return "", false
}

// Bounded returns the scopes of a credential of the connection: those of the
// connection, narrowed to those the credential states. A connection without any
// has "*"; a credential that states none (nil) has all of its connection.
func Bounded(c directory.Connection, stated Scopes) Scopes {
	bound := Scopes(c.Scopes)
	if len(bound) == 0 {
		bound = Scopes{All}
	}
	if stated == nil {
		return slices.Clone(bound)
	}
	return bound.Intersect(stated)
}
