package app_test

import (
	"maps"
	"testing"

	"github.com/usher-scim/usher/auth/oidc"
	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/config"
)

// ofEntra is an access token as Entra makes it for a person: the sub is made up for one
// application, and only the oid is what Entra provisions.
func ofEntra(oid string) map[string]any {
	return map[string]any{"sub": "pairwise-" + oid, "oid": oid, "azp": "1671f074", "client_id": nil, "scp": "user_impersonation", "name": "Ada", "tid": "t", "ver": "2.0"}
}

// K28, K59: where the binding names the claim that is provisioned as externalId, it says
// who somebody is, at every door; sub says nothing then, and a token without the claim is
// a machine's or refused.
func TestK28TheSubjectClaimSaysWho(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New()
	t.Cleanup(issuer.Close)
	one := config.Issuer{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL(), Audience: []string{"usher"}, Algorithms: []string{"RS256"},
		Organization: "default", Connection: "console", ScopeClaim: "scope", SubjectClaim: "oid", AllowPrivate: true}
	other, chosen := one, one
	other.Audience, other.SubjectClaim = []string{"by sub"}, "sub"
	chosen.Audience, chosen.Claims = []string{"chosen"}, map[string]string{"azp": "portal"}
	s := &signIn{newHouse(t, func(c *config.Config) { c.Issuers = []config.Issuer{one, other, chosen} }), issuer}
	s.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["*","admin"],"dialect":"tolerant"}`, &struct{}{})
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/settings", `{"selfClose":true}`)
	token := func(claims map[string]any, more map[string]any) string {
		all := maps.Clone(claims)
		maps.Copy(all, more)
		return issuer.Token(all)
	}
	ada := s.person("ada@corp.example", `,"externalId":"oid-ada"`)
	s.api(200, "PUT", "/users/"+ada+"/standing", `{"role":"auditor"}`)

	hers := token(ofEntra("oid-ada"), nil)
	s.same(s.wanted(200, "GET", "/scim/v2/Me", hers, ""), "userName", "ada@corp.example")
	s.wanted(403, "GET", "/scim/v2/Users", hers, "")
	s.ask(200, hers, "GET", "/users", "")
	if s.alive(hers) != "true" {
		t.Error("her token is said not to be active")
	}
	s.wanted(404, "GET", "/scim/v2/Me", token(ofEntra("oid-ada"), map[string]any{"aud": "by sub"}), "")
	s.wanted(404, "GET", "/scim/v2/Me", token(ofEntra("oid-eve"), map[string]any{"sub": "ada@corp.example"}), "")
	s.ask(401, token(ofEntra("oid-eve"), map[string]any{"sub": "oid-ada"}), "GET", "/users", "")

	const without = "The access token is without the claim oid, by which people are known here, and does not say that it is a machine's; have its issuer put that claim into it."
	for what, more := range map[string]map[string]any{
		"absent": {"oid": nil}, "empty": {"oid": ""}, "a list": {"oid": []string{"oid-ada"}}, "two lines": {"oid": "oid\nada"},
		"stating all": {"oid": nil, "scope": "* admin"}, "unmarked": {"oid": nil, "scp": nil, "name": nil}, "called ada": {"oid": nil, "sub": "ada@corp.example"},
		"of a client that says who": {"oid": nil, "sub": "1671f074", "upn": "ada@corp.example"},
	} {
		bare := token(ofEntra("oid-ada"), more)
		s.shutOut(what, bare)
		got := s.wanted(401, "GET", "/scim/v2/Me", bare, "")
		s.same(got, "detail", without)
		s.same(s.ask(401, bare, "GET", "/users", ""), "detail", without)
	}

	for what, claims := range map[string]map[string]any{
		"Entra's":             {"sub": "app-1", "oid": "app-1", "azp": "1671f074", "client_id": nil},
		"without the claim":   {},
		"called as she is":    {"sub": "ada@corp.example", "client_id": "ada@corp.example"},
		"with her externalId": {"sub": "oid-ada", "client_id": "oid-ada"},
	} {
		machine := issuer.Token(claims)
		if got := s.try("GET", "/scim/v2/Users", machine, ""); got.status != 200 {
			t.Errorf("a machine's, %s: %d %s", what, got.status, got.text)
		}
		s.ask(200, machine, "GET", "/users", "")
		s.wanted(404, "GET", "/scim/v2/Me", machine, "")
	}
	s.same(s.wanted(404, "GET", "/scim/v2/Me", s.machine(), ""), "detail", "This access token is without the claim oid, by which people are known here; /Me needs one that has it.")
	if s.alive(s.machine()) != "false" {
		t.Error("a machine's token is said to be a person's")
	}

	s.wanted(200, "GET", "/scim/v2/Users", issuer.Token(map[string]any{"aud": "chosen", "azp": "portal", "sub": "robot"}), "")
	s.shutOut("without the claim, of a client that is named", token(ofEntra("oid-ada"), map[string]any{"aud": "chosen", "azp": "portal", "oid": nil}))

	for i, way := range leavers {
		name, oid := string(rune('a'+i))+"@corp.example", "oid-"+string(rune('a'+i))
		id := s.person(name, `,"externalId":"`+oid+`"`)
		left := token(ofEntra(oid), map[string]any{"scope": "users:read admin"})
		s.wanted(200, "GET", "/scim/v2/Users", left, "")
		way.leave(s, id, name)
		s.shutOut(way.name, left)
		s.shutOut(way.name+", as an application", issuer.Token(map[string]any{"sub": oid, "oid": oid, "azp": "1671f074"}))
	}
}

// K28: the configuration and what reads the tokens refuse the same claims and algorithms.
func TestK28TheConfigurationRefusesWhatTokensAre(t *testing.T) {
	t.Parallel()
	refused := 0
	agree := func(claim, algorithm string) {
		t.Helper()
		one := config.Issuer{Issuer: "https://login.example", JWKSURL: "https://login.example/keys", Audience: []string{"usher"}, Algorithms: []string{algorithm},
			Organization: "default", Connection: "default", ScopeClaim: "scope", SubjectClaim: claim}
		cfg := config.Default()
		cfg.Issuers = []config.Issuer{one}
		said := cfg.Validate()
		_, meant := oidc.New([]oidc.Binding{{Issuer: one.Issuer, JWKSURL: one.JWKSURL, Audience: one.Audience, Algorithms: one.Algorithms,
			Org: "default", Connection: "default", ScopeClaim: one.ScopeClaim, SubjectClaim: claim}}, nil, oidc.Options{})
		if (said == nil) != (meant == nil) {
			t.Errorf("%s, %s: the configuration says %v, the binding %v", claim, algorithm, said, meant)
		}
		if meant != nil {
			refused++
		}
	}
	for _, claim := range []string{"email", "work_email", "name", "preferred_username", "nickname", "phone_number", "upn", "login", "address", "profile", "picture",
		"iss", "aud", "exp", "jti", "azp", "appid", "client_id", "clientid", "cid", "tid", "hd", "org_id", "scope", "scp", "roles", "groups", "idtyp", "gty"} {
		agree(claim, "RS256")
	}
	for _, algorithm := range []string{"none", "HS256", "HS512", "rs256", "RS1"} {
		agree("sub", algorithm)
	}
	if refused != 34 {
		t.Errorf("%d were refused", refused)
	}
	for _, claim := range []string{"sub", "oid", "uid", "employee_id", "https://corp.example/person"} {
		agree(claim, "RS256")
	}
	for _, algorithm := range []string{"RS384", "PS512", "ES256", "EdDSA"} {
		agree("sub", algorithm)
	}
	if refused != 34 {
		t.Errorf("%d were refused with those that are fit", refused)
	}
}
