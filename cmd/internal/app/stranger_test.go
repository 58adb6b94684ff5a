package app_test

import (
	"maps"
	"testing"

	"github.com/usher-scim/usher/auth/oidc/oidctest"
	"github.com/usher-scim/usher/config"
)

// shape is what an issuer puts into a token beside iss, aud and times.
type shape struct {
	name   string
	claims map[string]any
}

// machines are tokens of the client credentials grant as issuers make them.
var machines = []shape{
	{"RFC 9068", map[string]any{"sub": "a-machine", "client_id": "a-machine"}},
	{"Entra v1", map[string]any{"sub": "72243241-f194", "oid": "72243241-f194", "appid": "1671f074", "appidacr": "2", "app_displayname": "Provisioning", "idp": "https://sts.example/t/", "tid": "t", "ver": "1.0"}},
	{"Entra v1 with idtyp", map[string]any{"sub": "72243241-f195", "oid": "72243241-f195", "appid": "1671f074", "idtyp": "app", "roles": []string{"Provision"}, "tid": "t", "ver": "1.0"}},
	{"Entra v2", map[string]any{"sub": "72243241-f196", "oid": "72243241-f196", "azp": "1671f074", "azpacr": "1", "tid": "t", "ver": "2.0"}},
	{"Okta", map[string]any{"sub": "0oa1", "cid": "0oa1", "scp": []string{"provision"}, "ver": 1}},
	{"Auth0", map[string]any{"sub": "OOZH6s5s@clients", "azp": "OOZH6s5s", "gty": "client-credentials"}},
	{"Auth0, RFC 9068", map[string]any{"sub": "OOZH6s5s@clients", "client_id": "OOZH6s5s"}},
	{"Keycloak", map[string]any{"sub": "b4768e19", "azp": "source", "client_id": "source", "preferred_username": "service-account-source", "email_verified": false, "acr": "1", "typ": "Bearer", "clientHost": "172.18.0.1"}},
	{"Keycloak of old", map[string]any{"sub": "b4768e20", "azp": "Source", "clientId": "Source", "preferred_username": "service-account-source", "name": "Source", "auth_time": 0, "session_state": "x", "typ": "Bearer"}},
	{"Cognito", map[string]any{"sub": "1example", "client_id": "1example", "token_use": "access", "auth_time": 1700000000, "version": 2}},
	{"empty claims", map[string]any{"sub": "a-machine", "azp": "a-machine", "email": "", "scp": "", "amr": []string{}}},
}

// strangers are tokens of people as the same issuers make them.
var strangers = []shape{
	{"Entra v1", map[string]any{"sub": "pairwise", "oid": "o-1", "appid": "1671f074", "scp": "user_impersonation", "upn": "eve@corp.example", "unique_name": "eve@corp.example", "given_name": "Eve", "family_name": "Stranger", "name": "Eve Stranger", "amr": []string{"pwd"}, "tid": "t"}},
	{"Entra v1, few", map[string]any{"sub": "pairwise", "oid": "o-1", "appid": "1671f074", "scp": "user_impersonation", "tid": "t"}},
	{"Entra v2", map[string]any{"sub": "pairwise", "oid": "o-1", "azp": "1671f074", "preferred_username": "eve@corp.example", "name": "Eve", "tid": "t"}},
	{"Entra with idtyp", map[string]any{"sub": "pairwise", "oid": "o-1", "azp": "1671f074", "idtyp": "user", "tid": "t"}},
	{"Entra, of an application that somebody consented to", map[string]any{"sub": "o-1", "oid": "o-1", "azp": "1671f074", "scp": "user_impersonation", "tid": "t"}},
	{"Okta", map[string]any{"sub": "eve@corp.example", "cid": "0oa1", "uid": "00u1", "scp": []string{"openid"}, "auth_time": 1700000000}},
	{"Okta, a login like a client's id", map[string]any{"sub": "0oa1", "cid": "0oa1", "uid": "00u1"}},
	{"Auth0", map[string]any{"sub": "auth0|5f7c8ec7", "azp": "OOZH6s5s"}},
	{"Keycloak", map[string]any{"sub": "f1", "azp": "source", "preferred_username": "eve", "email": "eve@corp.example", "email_verified": true, "given_name": "Eve", "family_name": "Stranger", "typ": "Bearer"}},
	{"Keycloak, a name like a client's", map[string]any{"sub": "f1", "azp": "source", "preferred_username": "service-account-eve", "auth_time": 1700000000, "typ": "Bearer"}},
	{"Keycloak, called like the service account of a client that has none", map[string]any{"sub": "f1", "azp": "eve", "preferred_username": "service-account-eve", "auth_time": 1700000000, "typ": "Bearer"}},
	{"Cognito", map[string]any{"sub": "f1", "client_id": "1example", "username": "eve", "token_use": "access", "auth_time": 1700000000}},
	{"a name that is no text", map[string]any{"sub": "f1", "preferred_username": []string{"eve"}}},
}

// unmarked are tokens that say nothing of whose they are: those of people who were
// never provisioned look like that too, such as Keycloak's lightweight ones.
var unmarked = []shape{
	{"nothing but a subject", map[string]any{"sub": "f1"}},
	{"Keycloak, lightweight", map[string]any{"sub": "f1", "azp": "portal", "sid": "5c0b", "typ": "Bearer"}},
	{"RFC 9068 of a user", map[string]any{"sub": "f1", "client_id": "portal"}},
	{"Entra, pairwise", map[string]any{"sub": "pairwise", "oid": "o-1", "azp": "1671f074", "tid": "t"}},
	{"an oid without a client", map[string]any{"sub": "o-1", "oid": "o-1"}},
	{"empty claims", map[string]any{"sub": "f1", "client_id": "", "oid": "", "email": ""}},
}

func init() {
	for _, mark := range []string{"email", "upn", "unique_name", "preferred_username", "given_name", "family_name", "name", "scp", "amr"} {
		strangers = append(strangers, shape{mark, map[string]any{"sub": "f1", mark: "eve@corp.example"}})
	}
}

// K59, K23: a token has only the scopes that it states, unless it says that it is a
// machine's, whether anybody here knows its subject or not. Those of machines need no
// configuration, and bindings that say which callers they are for decide by themselves.
func TestK59StrangersAreNoMachines(t *testing.T) {
	t.Parallel()
	issuer := oidctest.New()
	t.Cleanup(issuer.Close)
	binding := func(audience string, more func(*config.Issuer)) config.Issuer {
		one := config.Issuer{Issuer: issuer.URL, JWKSURL: issuer.JWKSURL(), Audience: []string{audience}, Algorithms: []string{"RS256"},
			Organization: "default", Connection: "console", ScopeClaim: "scope", AllowPrivate: true}
		more(&one)
		return one
	}
	h := newHouse(t, func(c *config.Config) {
		c.Issuers = []config.Issuer{
			binding("usher", func(*config.Issuer) {}),
			binding("tenant", func(i *config.Issuer) { i.Claims = map[string]string{"tid": "t"} }),
			binding("subjects", func(i *config.Issuer) { i.Subjects = []string{"f1", "ada@corp.example"} }),
			binding("unmarked", func(i *config.Issuer) { i.AllowUnmarked = true }),
			binding("claims", func(i *config.Issuer) { i.Claims = map[string]string{"tid": "t", "email": "robot@corp.example"} }),
		}
	})
	h.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["users:read"],"dialect":"tolerant"}`, &struct{}{})
	users := func(status int, what, audience string, claims map[string]any, more ...any) {
		t.Helper()
		all := maps.Clone(claims)
		all["aud"] = audience
		if _, says := all["client_id"]; !says {
			all["client_id"] = nil
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i].(string)] = more[i+1]
		}
		if got := h.try("GET", "/scim/v2/Users", issuer.Token(all), ""); got.status != status {
			t.Errorf("%s for %s: %d %s", what, audience, got.status, got.text)
		}
	}
	for _, m := range machines {
		users(200, m.name, "usher", m.claims)
		users(200, m.name, "tenant", m.claims, "tid", "t")
		users(403, m.name+", stating none", "usher", m.claims, "scope", "profile")
	}
	for _, p := range strangers {
		users(403, p.name, "usher", p.claims)
		users(403, p.name, "tenant", p.claims, "tid", "t")
		users(200, p.name+", stating one", "usher", p.claims, "scope", "openid users:read")
		users(200, p.name+", by subject", "subjects", p.claims, "sub", "f1")
		users(200, p.name+", by claim", "claims", p.claims, "tid", "t", "email", "robot@corp.example")
	}
	for _, one := range unmarked {
		users(403, one.name, "usher", one.claims)
		users(403, one.name, "tenant", one.claims, "tid", "t")
		users(200, one.name+", stating one", "usher", one.claims, "scope", "openid users:read")
		users(200, one.name+", allowed", "unmarked", one.claims)
		users(200, one.name+", by subject", "subjects", one.claims, "sub", "f1")
	}
	h.same(h.wanted(403, "GET", "/scim/v2/Users", issuer.Token(map[string]any{"sub": "f1"}), ""), "detail",
		"The access token states no scopes and does not say that it is a machine's, so it does not have the scope users:read, which this request needs; have its issuer state scopes, or name its subject in the configuration of the issuer.")
	for _, p := range strangers {
		users(403, p.name+", where unmarked ones are machines'", "unmarked", p.claims)
	}
	ada := h.person("ada@corp.example")
	h.same(h.wanted(403, "GET", "/scim/v2/Users", issuer.Token(map[string]any{"sub": "ada@corp.example"}), ""), "detail",
		"The credential does not have the scope users:read, which this request needs; use one that has it, or add it to the connection and its token.")
	h.prov(204, "DELETE", "/Users/"+ada, "")
	users(401, "removed, named in the binding", "subjects", map[string]any{"sub": "ada@corp.example"})
}
