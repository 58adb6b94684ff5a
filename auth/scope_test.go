package auth_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

func TestScopesAllow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		scopes     string
		noun, verb string
		want       bool
	}{
		{"*", "users", "read", true},
		{"*", "users", "write", true},
		{"users:write", "users", "write", true},
		{"users:write", "users", "read", false},
		{"users:read", "groups", "read", false},
		{"*:read", "groups", "read", true},
		{"*:read", "groups", "write", false},
		{"groups:read users:read", "users", "read", true},
		{"", "users", "read", false},
		{"users", "users", "read", false},
		{"users:read", "users", "", false},
		{"users:", "users", "", false},
		{":read", "", "read", false},
		{"*", "", "read", false},
		{"*", "users", "delete", false},
		{"*", "Users", "read", false},
		{"users:read:x", "users", "read", false},
		{"admin audit.own", "audit", "read", false},
		{"audit.own", "audit.own", "read", false},
	} {
		if got := auth.Scopes(strings.Fields(tt.scopes)).Allows(tt.noun, tt.verb); got != tt.want {
			t.Errorf("%q allows %s:%s = %t", tt.scopes, tt.noun, tt.verb, got)
		}
	}
}

func TestParseScopes(t *testing.T) {
	t.Parallel()
	got, err := auth.ParseScopes([]string{"users:read", "*", "users:read", "*:write", "app-roles2:write", "audit.own"})
	if want := (auth.Scopes{"users:read", "*", "*:write", "app-roles2:write", "audit.own"}); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "users", "users:", ":read", "Users:read", "users:*", "*:*", "users:delete", "a b:read", "users:read ", "9a:read", "-a:read", "audit", "audit.own:read", "Audit.own", "audit.*"} {
		_, err := auth.ParseScopes([]string{"groups:read", bad})
		if err == nil || !strings.Contains(err.Error(), `"`+bad+`" is not a scope`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// What the intersection allows is what both allow, for every pair of lists.
func TestIntersect(t *testing.T) {
	t.Parallel()
	lists := []auth.Scopes{
		nil, {"*"}, {"*:read"}, {"*:write"}, {"users:read"}, {"users:write", "groups:read"},
		{"*:read", "users:write"}, {"users:read", "users:write"}, {"nonsense"}, {"admin"}, {"audit.own"}, {"*", "audit.own"},
	}
	for _, a := range lists {
		for _, b := range lists {
			both := a.Intersect(b)
			if both == nil {
				t.Errorf("%v and %v gives nil, which would be taken for everything", a, b)
			}
			if want := a.OwnAudit() && b.OwnAudit(); both.OwnAudit() != want {
				t.Errorf("%v and %v gives %v, which is wrong on audit.own", a, b, both)
			}
			if want := a.Admin() && b.Admin(); both.Admin() != want {
				t.Errorf("%v and %v gives %v, which is wrong on admin", a, b, both)
			}
			for _, noun := range []string{"users", "groups", "apps"} {
				for _, verb := range []string{auth.Read, auth.Write} {
					if want := a.Allows(noun, verb) && b.Allows(noun, verb); both.Allows(noun, verb) != want {
						t.Errorf("%v and %v gives %v, which is wrong on %s:%s", a, b, both, noun, verb)
					}
				}
			}
		}
	}
}

func TestBounded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		conn, stated []string
		want         auth.Scopes
	}{
		{"neither", nil, nil, auth.Scopes{"*"}},
		{"connection", []string{"*:read"}, nil, auth.Scopes{"*:read"}},
		{"credential", nil, []string{"users:read"}, auth.Scopes{"users:read"}},
		{"both", []string{"*:read"}, []string{"users:read", "users:write"}, auth.Scopes{"users:read"}},
		{"stated as none", nil, []string{}, auth.Scopes{}},
		{"own events of all", []string{"*"}, []string{"audit.own"}, auth.Scopes{}},
		{"own events with all", []string{"*", "audit.own"}, []string{"*"}, auth.Scopes{"*"}},
		{"own events by default", []string{"*", "audit.own"}, nil, auth.Scopes{"*", "audit.own"}},
	} {
		got := auth.Bounded(directory.Connection{Scopes: tt.conn}, tt.stated)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
