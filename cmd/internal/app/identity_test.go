package app_test

import (
	"fmt"
	"strings"
	"testing"
)

// renaming are the ways to write what somebody signs in with, and what each writes.
func renaming(h *house, id string) map[string]func(token string) reply {
	u := h.user(id)
	scim := func(method, path, body string) func(string) reply {
		return func(token string) reply { return h.try(method, "/scim/v2"+path, token, body) }
	}
	patch := func(op string) string {
		return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + op + `]}`
	}
	const head = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],`
	return map[string]func(string) reply{
		"PATCH externalId":    scim("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"externalId","value":"mallory"}`)),
		"PATCH userName":      scim("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"userName","value":"mallory@corp.example"}`)),
		"PATCH emails":        scim("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"emails","value":[{"value":"mallory@corp.example","primary":true}]}`)),
		"PATCH one email":     scim("PATCH", "/Users/"+id, patch(`{"op":"add","path":"emails","value":[{"value":"mallory@corp.example","type":"home"}]}`)),
		"PATCH without path":  scim("PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"title":"x","externalId":"mallory"}}`)),
		"PUT userName":        scim("PUT", "/Users/"+id, head+`"userName":"mallory@corp.example","emails":`+u.at("emails")+`}`),
		"PUT externalId":      scim("PUT", "/Users/"+id, head+fmt.Sprintf(`"userName":%q,"externalId":"mallory","emails":%s}`, u.at("userName"), u.at("emails"))),
		"PUT without e-mails": scim("PUT", "/Users/"+id, head+fmt.Sprintf(`"userName":%q}`, u.at("userName"))),
	}
}

// K10, K28, K52: what the owner, an administrator or an auditor signs in with is not a
// provisioning client's to write, at any door; a rank ceiling that somebody set opens
// the way to those it reaches, and never to the owner. Values that stay are no change,
// and ordinary people are as they were.
func TestK52ClientsTakeNobodysIdentity(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	owner, admin, auditor, ada := s.member("owner", "", 0), s.member("admin", "admin", 10), s.member("auditor", "auditor", 0), s.member("ada", "", 895)
	s.api(200, "POST", "/organization/owner", `{"to":"`+owner+`"}`)
	refused := func(when, id string) {
		t.Helper()
		version := s.user(id).at("meta/version")
		for name, way := range renaming(s.house, id) {
			if got := way(secret); got.status != 403 || got.header.Get("Usher-Error") != "identity.protected" {
				t.Errorf("%s, %s: %d %s", when, name, got.status, got.text)
			}
		}
		bulk := s.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"PATCH","path":"/Users/`+id+`","data":{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"add","path":"externalId","value":"mallory"}]}}]}`)
		s.same(bulk, "Operations/0/status", "403")
		if after := s.user(id).at("meta/version"); after != version {
			t.Errorf("%s: a refusal changed something", when)
		}
		u := s.user(id)
		same := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":%s,"title":%q}`, u.at("userName"), u.at("emails"), when)
		s.prov(200, "PUT", "/Users/"+id, same)
	}
	for name, id := range map[string]string{"owner": owner, "admin": admin, "auditor": auditor} {
		refused(name, id)
	}
	s.same(s.patched(403, owner, "externalId", `"mallory"`), "detail", "owner@corp.example owns the organization and signs in with externalId, so no provisioning client can change it; the owner can.")
	s.same(s.patched(403, admin, "userName", `"mallory"`), "detail", "admin@corp.example holds a role in the organization and signs in with userName, so this client cannot change it; an administrator of at least the same rank can, or the operator sets a rank ceiling for the client.")
	s.ask(401, s.as("mallory"), "GET", "/users", "")
	for name, way := range renaming(s.house, ada) {
		if got := way(secret); got.status != 200 {
			t.Errorf("an ordinary person, %s: %d %s", name, got.status, got.text)
		}
	}
	s.connection(`,"rankCeiling":9`)
	refused("admin above the ceiling", admin)
	if got := s.patched(403, ada, "externalId", `"e-ada"`).at("detail"); !strings.HasSuffix(got, " has a higher role than you and signs in with externalId, so you cannot change it; ask somebody of at least the same rank.") {
		t.Error(got)
	}
	s.connection(`,"rankCeiling":2000`)
	refused("owner below the ceiling", owner)
	s.connection(`,"rankCeiling":10`)
	s.patched(200, admin, "externalId", `"e-admin"`)
	s.ask(200, s.as("e-admin"), "GET", "/users", "")
}

// K10, K52, domain 3.6: nor do administrators write what somebody above them signs in
// with, or get what lets them in as that person; those of the same rank may.
func TestK52AdministratorsTakeNobodysIdentity(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	owner, high := s.member("owner", "", 0), s.member("high", "admin", 500)
	s.member("low", "admin", 10)
	equal := s.member("equal", "admin", 10)
	s.api(200, "POST", "/organization/owner", `{"to":"`+owner+`"}`)
	low := s.as("low@corp.example")
	ways := [][3]string{
		{"PATCH", "", `{"userName":"mallory@corp.example"}`},
		{"PATCH", "", `{"email":"mallory@corp.example"}`},
		{"POST", "/password-reset", ""},
		{"POST", "/invite", ""},
		{"POST", "/credentials", `{"kind":"session"}`},
	}
	for _, id := range []string{owner, high} {
		for _, way := range ways {
			got := s.ask(403, low, way[0], "/users/"+id+way[1], way[2])
			s.same(got, "code", "identity.protected")
			if got.at("token")+got.at("secret") != "" {
				t.Error("the refusal hands out a secret")
			}
		}
		s.same(s.ask(200, low, "POST", "/users/invite", `{"ids":["`+id+`"]}`), "items/0/code", "identity.protected")
		s.same(s.api(200, "GET", "/users/"+id+"/credentials", ""), "items", "[]")
		s.ask(200, low, "PATCH", "/users/"+id, `{"title":"x"}`)
	}
	s.api(201, "POST", "/users/"+owner+"/credentials", `{"kind":"session"}`) // the page where they signed in
	s.same(s.api(403, "POST", "/users/"+owner+"/password-reset", ""), "code", "identity.protected")
	for _, way := range ways {
		if got := s.try(way[0], "/api/v1/users/"+equal+way[1], low, way[2]); got.status >= 300 {
			t.Errorf("of the same rank, %v: %d %s", way, got.status, got.text)
		}
	}
	s.ask(200, s.as("owner@corp.example"), "PATCH", "/users/"+owner, `{"userName":"boss@corp.example"}`)
}

// K17, K23, domain 3.6: a person has no scope that their token does not state; one
// that states none opens /Me and nothing else, whatever the connection has. A machine
// has what its connection has.
func TestTokensOfPeopleGiveNoScopes(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	ada, bob := s.member("ada", "", 0), s.member("bob", "", 0)
	boss := s.member("boss", "admin", 800)
	const deactivation = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`
	ask := func(status int, token, method, path, body string) reply {
		t.Helper()
		return s.wanted(status, method, "/scim/v2"+path, token, body)
	}
	for _, claims := range []map[string]any{{}, {"scope": ""}, {"scope": "openid profile"}} {
		for _, name := range []string{"ada@corp.example", "boss@corp.example"} {
			claims["sub"] = name
			token := s.issuer.Token(claims)
			s.same(ask(200, token, "GET", "/Me", ""), "userName", name)
			ask(403, token, "GET", "/Users", "")
			ask(403, token, "GET", "/Users/"+bob, "")
			ask(403, token, "GET", "/Groups", "")
			ask(403, token, "POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`)
			ask(403, token, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve@corp.example"}`)
			ask(403, token, "PATCH", "/Users/"+bob, deactivation)
			ask(403, token, "DELETE", "/Users/"+bob, "")
			bulk := ask(200, token, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/`+bob+`"}]}`)
			s.same(bulk, "Operations/0/status", "403")
			ask(200, token, "GET", "/ServiceProviderConfig", "")
		}
	}
	reads := s.issuer.Token(map[string]any{"sub": "ada@corp.example", "scope": "openid users:read"})
	ask(200, reads, "GET", "/Users/"+bob, "")
	ask(403, reads, "PATCH", "/Users/"+bob, deactivation)
	ask(200, s.machine(), "PATCH", "/Users/"+bob, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"title","value":"x"}]}`)

	for range 2 { // one name that is two people's is nobody's, and no machine's either
		s.prov(201, "POST", "/Users", fmt.Sprintf(`{"userName":"twin-%s@corp.example","externalId":"twin"}`, s.prov(200, "GET", "/Users", "").at("totalResults")))
	}
	ask(401, s.issuer.Token(map[string]any{"sub": "twin"}), "GET", "/Users", "")
	for _, id := range []string{ada, bob, boss} {
		if s.standing(id) != "active" {
			t.Error("somebody was let out")
		}
	}
}

// K17, K59 (docs/idp/entra.md): a connection that people sign in with needs no scope of
// SCIM. So an application of their issuer that gets itself a token for the same audience
// may read and change nobody.
func TestConnectionOfPeopleNeedsNoScope(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["audit.own"],"dialect":"tolerant"}`, &struct{}{})
	s.owns("default", "corp.example")
	ada := s.member("ada", "", 0)
	s.member("boss", "admin", 800)
	s.same(s.wanted(200, "GET", "/scim/v2/Me", s.as("ada@corp.example"), ""), "id", ada)
	s.ask(200, s.as("boss@corp.example"), "GET", "/users/"+ada, "")
	s.ask(200, s.as("boss@corp.example"), "POST", "/users/"+ada+"/suspend", "")
	s.ask(403, s.machine(), "GET", "/users/"+ada, "")
	for _, way := range [][2]string{{"GET", "/Users"}, {"GET", "/Users/" + ada}, {"GET", "/Groups"}, {"DELETE", "/Users/" + ada}} {
		s.wanted(403, way[0], "/scim/v2"+way[1], s.machine(), "")
	}
}

// K30, K52, domain 3.6: people change their own account through /Me without a scope, and
// nothing of what they are here, of what they sign in with, or of Usher's own.
func TestMeIsOnesOwnAccount(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/applications/books", `{"name":"Zoho Books"}`)
	ada := s.member("ada", "", 0)
	token := s.issuer.Token(map[string]any{"sub": "ada@corp.example", "scope": "openid"})
	change := func(path, value string) reply {
		t.Helper()
		return s.try("PATCH", "/scim/v2/Me", token, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":%q,"value":%s}]}`, path, value))
	}
	for path, value := range map[string]string{"name.givenName": `"Ada"`, "displayName": `"Ada L."`, "phoneNumbers": `[{"value":"+41 44 000 00 00","type":"work"}]`, "preferredLanguage": `"fr"`, "timezone": `"Europe/Zurich"`} {
		if got := change(path, value); got.status != 200 {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	s.same(s.user(ada), "name/givenName", "Ada")
	version := s.user(ada).at("meta/version")
	forbidden := map[string]string{"active": "false", "userName": `"mallory@corp.example"`, "externalId": `"mallory"`, "emails": `[{"value":"mallory@corp.example"}]`, "userType": `"customer"`,
		"title": `"Boss"`, "roles": `[{"value":"books.admin","type":"app"}]`, "entitlements": `[{"value":"outlook","type":"extension"}]`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": `"Sales"`}
	for _, own := range []string{"terminationDate", "contractEndDate"} {
		forbidden[usherUser+":"+own] = `"2099-01-31"`
	}
	forbidden[usherUser+":reactivateOnPurchase"], forbidden[usherUser+":transferRecordsTo"] = "true", `"`+ada+`"`
	for path, value := range forbidden {
		if got := change(path, value); got.status != 403 || got.header.Get("Usher-Error") != "self.not_yours" {
			t.Errorf("%s: %d %s", path, got.status, got.text)
		}
	}
	s.same(change("title", `"Boss"`), "detail", "You cannot change title of yourself; an administrator of the organization can.")
	got := s.try("DELETE", "/scim/v2/Me", token, "")
	if got.status != 403 || got.header.Get("Usher-Error") != "deactivation.self" {
		t.Errorf("DELETE: %d %s", got.status, got.text)
	}
	if after := s.user(ada).at("meta/version"); after != version {
		t.Errorf("a refusal changed something: %s to %s", version, after)
	}
	u := s.user(ada)
	put := func(userName string) reply {
		return s.try("PUT", "/scim/v2/Me", token, fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"emails":%s,"nickName":"Countess"}`, userName, u.at("emails")))
	}
	if got := put("mallory@corp.example"); got.status != 403 {
		t.Errorf("PUT of another userName: %d %s", got.status, got.text)
	}
	s.same(put("ada@corp.example"), "nickName", "Countess")
}
