package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// plain is an access token that says nothing but whose it is.
func (s *signIn) plain(subject string) string {
	return s.issuer.Token(map[string]any{"sub": subject})
}

// machine is one of the client credentials grant.
func (s *signIn) machine() string { return s.issuer.Token(nil) }

// stating is one that states scopes.
func (s *signIn) stating(subject, scopes string) string {
	return s.issuer.Token(map[string]any{"sub": subject, "scope": scopes})
}

const search = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`

// shutOut wants a token refused at every door.
func (s *signIn) shutOut(when, token string) {
	s.Helper()
	for _, way := range [][3]string{
		{"GET", "/scim/v2/Users", ""}, {"GET", "/scim/v2/Groups", ""}, {"GET", "/scim/v2/Me", ""}, {"GET", "/scim/v2/ServiceProviderConfig", ""},
		{"POST", "/scim/v2/Users/.search", search}, {"POST", "/scim/v2/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eve@corp.example"}`},
		{"POST", "/scim/v2/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Users","bulkId":"1","data":{"userName":"eve@corp.example"}}]}`},
		{"GET", "/api/v1/users", ""},
	} {
		if got := s.try(way[0], way[1], token, way[2]); got.status != 401 {
			s.Errorf("%s: %s %s: %d %s", when, way[0], way[1], got.status, got.text)
		}
	}
	if s.alive(token) != "false" {
		s.Errorf("%s: the token is said to be active", when)
	}
}

// leavers are the ways to be here no more, each for a person of that id and name.
var leavers = []struct {
	name  string
	leave func(s *signIn, id, name string)
}{
	{"DELETE", func(s *signIn, id, _ string) { s.prov(204, "DELETE", "/Users/"+id, "") }},
	{"Bulk", func(s *signIn, id, _ string) {
		s.same(s.prov(200, "POST", "/Bulk", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"DELETE","path":"/Users/`+id+`"}]}`), "Operations/0/status", "204")
	}},
	{"removed", func(s *signIn, id, _ string) { s.api(200, "DELETE", "/users/"+id, "") }},
	{"closed", func(s *signIn, id, name string) {
		s.api(200, "GET", "/users/"+id+"/export", "")
		s.api(200, "POST", "/users/"+id+"/close", fmt.Sprintf(`{"confirm":%q}`, name))
	}},
	{"inactive", func(s *signIn, id, _ string) { s.setActive(200, id, false) }},
	{"inactive under another name", func(s *signIn, id, _ string) {
		s.prov(200, "PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false,"userName":"gone-`+id+`@corp.example","externalId":"gone-`+id+`"}}]}`)
	}},
	{"renamed, then removed", func(s *signIn, id, _ string) {
		s.prov(200, "PATCH", "/Users/"+id, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"userName":"new-`+id+`@corp.example","externalId":"new-`+id+`"}}]}`)
		s.prov(204, "DELETE", "/Users/"+id, "")
	}},
}

// K23, K59: whoever was removed, has closed their account or is inactive is refused
// with the token they had and with any they get, by each of their subjects in whatever
// spelling, from the next request on. A machine has what its connection has as before.
func TestK59NobodyBecomesAMachineByLeaving(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/settings", `{"selfClose":true}`)
	s.control(t, "PUT", "/connections/console", `{"organization":"default","scopes":["*","admin"],"dialect":"tolerant"}`, &struct{}{})
	machine := s.machine()
	s.wanted(200, "GET", "/scim/v2/Users", machine, "") // before anybody left
	for i, way := range leavers {
		name, external := fmt.Sprintf("p%d@corp.example", i), fmt.Sprintf("oid-%d", i)
		id := s.person(name, fmt.Sprintf(`,"externalId":%q`, external))
		had := map[string]string{"userName": s.plain(name), "externalId": s.plain(external),
			"stated scopes": s.stating(name, "users:read users:write"), "stated all": s.stating(external, "*"), "stated admin": s.stating(name, "admin")}
		for what, token := range had { // which the verifier remembers from now on
			if got := s.try("GET", "/scim/v2/Me", token, ""); got.status != 200 {
				t.Fatalf("%s, %s: %d %s", way.name, what, got.status, got.text)
			}
		}
		s.wanted(403, "GET", "/scim/v2/Users", had["userName"], "")
		s.wanted(200, "GET", "/scim/v2/Users", had["stated scopes"], "")
		s.ask(200, had["stated admin"], "GET", "/users", "")
		way.leave(s, id, name)
		for what, token := range had {
			s.shutOut(way.name+", "+what, token)
		}
		s.shutOut(way.name+", another spelling", s.plain(strings.ToUpper(name)))
		s.shutOut(way.name+", marks of a person", s.issuer.Token(map[string]any{"sub": external, "scp": "user_impersonation", "name": "Ada"}))
	}
	s.wanted(200, "GET", "/scim/v2/Users", machine, "")
	s.ask(200, machine, "GET", "/users", "")
}

// K59: who comes back under the name is that person and no machine, and what they are
// not called any more stays nobody's.
func TestK59WhoComesBackIsAPerson(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.prov(204, "DELETE", "/Users/"+s.person("ada@corp.example", `,"externalId":"first"`), "")
	s.shutOut("removed", s.plain("ada@corp.example"))
	s.person("ada@corp.example", `,"externalId":"second"`)
	for _, subject := range []string{"ada@corp.example", "second"} {
		token := s.issuer.Token(map[string]any{"sub": subject, "iat": time.Now().Add(5 * time.Second).Unix()}) // after the return, in whole seconds
		s.same(s.wanted(200, "GET", "/scim/v2/Me", token, ""), "userName", "ada@corp.example")
		s.wanted(403, "GET", "/scim/v2/Users", token, "")
	}
	s.shutOut("an earlier externalId", s.plain("first"))
}

// K59, S1-26: a token from before a name was free again opens nothing to who has the name
// now, whether it is an address or not, and whatever is left of who had it.
func TestK59ANameIsNotInherited(t *testing.T) {
	t.Parallel()
	s := newSignIn(t)
	s.owns("default", "corp.example")
	s.api(200, "PUT", "/settings", `{"retentionDays":0}`)
	add := func(name, external string) string {
		return s.prov(201, "POST", "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q}`, name, external)).at("id")
	}
	for name, rest := range map[string]string{"ada@corp.example": `{}`, "bob@corp.example": `{"reactivateOnPurchase":true}`, "cyd": `{}`} {
		id, other := add(name, "e-"+name), add("other-"+name, "x-"+name)
		tokens := []string{s.plain(name), s.plain("e-" + name), s.stating(name, "users:read")}
		for _, token := range tokens {
			s.wanted(200, "GET", "/scim/v2/Me", token, "")
		}
		s.api(200, "POST", "/users/"+id+"/deactivate", rest)
		s.api(200, "DELETE", "/users/"+id, "")
		s.soon("the retention ends", func() bool { return !s.stone(id) })
		s.api(201, "POST", "/users", fmt.Sprintf(`{"userName":%q,"email":"%s"}`, name, strings.TrimSuffix(name, "@corp.example")+"@corp.example"))
		s.patched(200, other, "externalId", `"e-`+name+`"`)
		for i, token := range tokens {
			s.shutOut(fmt.Sprintf("%s, %d", name, i), token)
		}
	}
}
