package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/usher-scim/usher/auth"
	"github.com/usher-scim/usher/directory"
)

var (
	ruleHealth    = auth.Rule{Method: "GET", Pattern: "/healthz", Public: true}
	ruleDiscovery = auth.Rule{Method: "GET", Pattern: "/Schemas", Verb: auth.Any}
	ruleRead      = auth.Rule{Method: "GET", Pattern: "/{endpoint}", Verb: auth.Read}
	ruleGroups    = auth.Rule{Method: "POST", Pattern: "/Groups", Noun: "groups", Verb: auth.Write}
	ruleForgotten = auth.Rule{Method: "GET", Pattern: "/forgotten", Noun: "users"}
	table         = auth.Table{ruleHealth, ruleDiscovery, ruleRead, ruleGroups, ruleForgotten}
)

func caller(scopes ...string) auth.Principal {
	return auth.Principal{Org: "acme", Connection: directory.Connection{ID: "c", Org: "acme"}, Scopes: scopes}
}

func astray() auth.Principal {
	p := caller("*")
	p.Connection.Org = "other"
	return p
}

var authorizations = []struct {
	name   string
	p      auth.Principal
	rule   auth.Rule
	noun   string
	status int
	detail string
}{
	{"public", auth.Principal{}, ruleHealth, "", 0, ""},
	{"nobody", auth.Principal{}, ruleRead, "users", 401, ""},
	{"nobody with scopes", auth.Principal{Scopes: auth.Scopes{"*"}}, ruleRead, "users", 401, ""},
	{"nobody at discovery", auth.Principal{}, ruleDiscovery, "", 401, ""},
	{"connection of another organization", astray(), ruleRead, "users", 401, ""},
	{"discovery", caller("groups:write"), ruleDiscovery, "", 0, ""},
	{"allowed", caller("users:read"), ruleRead, "users", 0, ""},
	{"other noun", caller("users:read"), ruleRead, "groups", 403, "the scope groups:read,"},
	{"noun of the rule wins", caller("users:write"), ruleGroups, "users", 403, "the scope groups:write,"},
	{"no noun", caller("*"), ruleRead, "", 403, ""},
	{"noun that is none", caller("*"), ruleRead, `x", y="`, 403, ""},
	{"no verb", caller("*"), ruleForgotten, "", 403, ""},
	{"not in the table", caller("*"), auth.Rule{Method: "GET", Pattern: "/new", Public: true}, "", 403, ""},
}

func TestK11_Authorize(t *testing.T) {
	t.Parallel()
	for _, tt := range authorizations {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := table.Authorize(tt.p, tt.rule, tt.noun)
			if tt.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			e, ok := err.(*auth.Error)
			if !ok || e.Status != tt.status || !strings.Contains(e.Detail, tt.detail) {
				t.Fatalf("got %v", err)
			}
			if scope, ok := strings.CutPrefix(tt.detail, "the scope "); ok {
				refused(t, err, http.StatusForbidden, `insufficient_scope", scope="`+strings.TrimSuffix(scope, ",")+`"`)
			}
		})
	}
}

func TestTableRule(t *testing.T) {
	t.Parallel()
	if got, ok := table.Rule("POST", "/Groups"); !ok || got != ruleGroups {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := table.Rule("DELETE", "/Groups"); ok || got != (auth.Rule{}) {
		t.Errorf("got %v, %t", got, ok)
	}
}
